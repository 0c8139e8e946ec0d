"""The sweeps that conf/sweep/ holds: each is whole, has its baseline, and can be changed by what is typed."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from cldeblur.config.folder import conf_folder, options
from cldeblur.config.identity import config_hash, method_hash
from cldeblur.config.schema import TrainConfig
from cldeblur.config.targets import chosen
from cldeblur.errors import Refused
from cldeblur.sweeps.plan import make_plan
from cldeblur.sweeps.preflight import Job, jobs, sweep_words

READY = [name for name in options("sweep") if name != "search"]
PLACE = ["data.root=x", "experiment=gopro_cl_mimo_unet"]


@cache
def jobs_of(*words: str) -> list[Job]:
    """The jobs of a sweep of the thesis's recipe."""
    return jobs("train", sweep_words("train", [*PLACE, *words]), multirun=True)


def seeds_of_arms(found: list[Job]) -> dict[str, set[int]]:
    """The seeds of each arm, by its hash."""
    arms: dict[str, set[int]] = {}
    for job in found:
        arms.setdefault(method_hash(job.content), set()).add(job.content["seed"])
    return arms


def without_sections(content: Mapping[str, Any], *sections: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in sections}


def arms_of(name: str) -> list[Job]:
    """The jobs of a ready sweep with one of its seeds."""
    return jobs_of(f"sweep={name}", "seed=1")


@pytest.mark.parametrize("name", READY)
def test_a_ready_sweep_says_what_it_is(name: str) -> None:
    text = (conf_folder() / "sweep" / f"{name}.yaml").read_text()
    header = text.partition("\nhydra:")[0]
    said = re.search(r"^# Runs:     (\d+)$", header, re.MULTILINE)
    assert said is not None
    assert 3 * len({method_hash(job.content) for job in arms_of(name)}) == int(said[1])
    assert f"# Command:  cldeblur train -m sweep={name} experiment=gopro_cl_mimo_unet data.root=GOPRO_Large" in header
    assert "\n# Answers:  " in header
    assert text.endswith("\n      seed: 1,2,3\n")


@pytest.mark.parametrize("name", READY)
def test_one_arm_is_the_baseline(name: str) -> None:
    """How many negatives there should be is asked of one against more; all else is asked against none."""
    plain = {method_hash(job.content) for job in arms_of(name) if not chosen(job.content["negatives"])}
    baseline = jobs("train", ["data.root=x", "experiment=gopro_mimo_unet"])[0].content
    assert plain == (set() if name == "count" else {method_hash(baseline)})
    assert len({method_hash(job.content) for job in arms_of(name)}) >= 3


@pytest.mark.parametrize("name", READY)
def test_arms_differ_in_the_question_alone(name: str) -> None:
    contents = [job.content for job in arms_of(name) if chosen(job.content["negatives"])]
    asked = {"interval": "schedule", "top": "levels", "weight": "contrast", "count": "negatives"}.get(name, name)
    left = [without_sections(content, "negatives", asked) for content in contents]
    assert left[1:] == left[:-1]
    assert len({str(content[asked]) for content in contents}) > 1


@pytest.mark.parametrize("name", READY)
def test_every_arm_can_be_built(name: str) -> None:
    from cldeblur.training.parts import make_parts

    for config in {method_hash(job.content): job.config for job in arms_of(name)}.values():
        assert isinstance(config, TrainConfig)
        small = {"weights": "random", "taps": ["relu1_1"], "tap_weights": [1.0]}
        backbone = {**config.backbone, "channels": 4, "blocks": 1}
        parts = make_parts(replace(config, backbone=backbone, features={**config.features, **small}))
        assert (parts.contrastive is None) == (not chosen(config.negatives))


def test_counts_are_what_they_say() -> None:
    from cldeblur.config.targets import build

    generators = [build("negatives", job.content["negatives"]) for job in arms_of("count")]
    assert [generator.count for generator in generators] == [1, 2, 4]


def test_the_baseline_of_a_product_is_one_run() -> None:
    plain = [config_hash(job.content) for job in arms_of("schedule") if not chosen(job.content["negatives"])]
    assert len(plain) > 1
    assert len(set(plain)) == 1


def test_what_is_typed_wins_over_the_files_axes() -> None:
    extended = jobs_of("sweep=count", "seed=1,2,3,4,5")
    assert list(seeds_of_arms(extended).values()) == [{1, 2, 3, 4, 5}] * 3
    narrowed = jobs_of("sweep=negatives", "seed=7", "negatives=none,blend")
    assert [job.content["seed"] for job in narrowed] == [7, 7]
    further = jobs_of("sweep=negatives", "seed=7", "negatives=blend", "levels.top=0.1,0.2")
    assert [job.content["levels"]["top"] for job in further] == [0.1, 0.2]


def test_a_ready_sweep_changes_no_run() -> None:
    """The same run alone and in a sweep is the same: it is taken over, and not trained twice."""
    alone = jobs("train", [*PLACE, "negatives=none", "seed=1"])[0]
    assert arms_of("negatives")[0].content == alone.content


@pytest.mark.parametrize(
    ("words", "multirun", "sentence"),
    [
        (["sweep=negatives"], False, r"^sweep=negatives stands for several runs; add -m$"),
        (["sweep=search"], False, r"^sweep=search stands for several runs; add -m$"),
        (["sweep=negatives,schedule"], True, r"^sweep cannot take several values$"),
        (["sweep=negativs"], True, r"^no option 'sweep=negativs'; did you mean 'sweep=negatives'\?$"),
        (["sweep=negatives", "sede=1"], True, r"^no key 'sede'; did you mean 'seed'\?$"),
        (["sweep=negatives", "search.trials=3"], True, r"^no key 'search\.trials'"),
    ],
)
def test_refused(words: list[str], multirun: bool, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        jobs("train", sweep_words("train", [*PLACE, *words]) if multirun else [*PLACE, *words], multirun)


@pytest.mark.parametrize(
    ("words", "group"),
    [
        (["experiment=gopro_cl_mimo_unet", "sweep=count"], "gopro_cl_mimo_unet-count"),
        (["sweep=count"], "custom-count"),
        (["sweep=count", "run.group=mine"], "mine"),
        (["seed=1,2"], "custom"),
        (["experiment=gopro_mimo_unet,gopro_cl_mimo_unet"], "custom"),
    ],
)
def test_each_ready_sweep_has_a_directory_of_its_own(words: list[str], group: str) -> None:
    asked = sweep_words("train", ["data.root=x", *words])
    assert make_plan("train", asked, jobs("train", asked, multirun=True)).group == group
