"""The jobs of a command line, each composed and checked before the first one starts."""

from itertools import product
from pathlib import Path

import pytest

from cldeblur.config.schema import EvaluateConfig, TrainConfig
from cldeblur.errors import Refused
from cldeblur.sweeps.preflight import fixed_keys, jobs, sweep_words, swept_keys

WORDS = ["data.root=x"]


def test_one_job() -> None:
    (job,) = jobs("train", [*WORDS, "seed=4", "experiment=gopro_cl_mimo_unet"])
    assert isinstance(job.config, TrainConfig)
    assert job.overrides == ("data.root=x", "seed=4", "experiment=gopro_cl_mimo_unet")
    assert (job.content["seed"], job.config.seed) == (4, 4)
    assert (job.choices["experiment"], job.choices["negatives"]) == ("gopro_cl_mimo_unet", "blend")
    assert "hydra" not in job.content


def test_the_last_of_several_choices_counts() -> None:
    (job,) = jobs("train", [*WORDS, "negatives=blend", "seed=1", "negatives=unsharp", "seed=2"])
    assert job.choices["negatives"] == "unsharp"
    assert job.content["seed"] == 2


def test_what_is_typed_wins_over_an_experiment() -> None:
    (job,) = jobs("train", [*WORDS, "schedule.interval=10", "negatives=unsharp", "experiment=gopro_cl_mimo_unet"])
    assert job.content["schedule"]["interval"] == 10
    assert "unsharp" in job.content["negatives"]["_target_"]


def test_a_sweep_is_every_combination() -> None:
    words = [*WORDS, "negatives=none,blend", "seed=range(1,3)", "schedule.stages=choice(3,4)", "levels.top=0.2"]
    found = jobs("train", words, multirun=True)
    values = [(job.choices["negatives"], job.content["seed"], job.content["schedule"]["stages"]) for job in found]
    assert values == list(product(("none", "blend"), (1, 2), (3, 4)))
    assert swept_keys(words) == {"negatives", "seed", "schedule.stages"}
    assert fixed_keys(words) == ["data.root", "levels.top"]


def test_a_continuous_axis_is_checked_at_both_ends() -> None:
    words = [*WORDS, "sweep=search"]
    low, high = jobs("train", [*words, "levels.top=interval(0.1,0.5)"], multirun=True)
    assert (low.content["levels"]["top"], high.content["levels"]["top"]) == (0.1, 0.5)
    assert isinstance(low.config, TrainConfig)
    assert low.config.search is not None
    with pytest.raises(Refused, match=r"did you mean 'levels\.top'"):
        jobs("train", [*words, "levels.tpo=interval(0.1,0.5)"], multirun=True)
    for word in ("trainer.ema=interval(0.9,1.2)", "data.crop=interval(0,64)"):
        with pytest.raises(Refused, match=word.partition("=")[0]):
            jobs("train", [*words, word], multirun=True)


def test_a_continuous_axis_needs_a_search() -> None:
    with pytest.raises(Refused, match=r"^levels\.top=interval\(0\.1,0\.5\) is for a search; add sweep=search, or"):
        jobs("train", [*WORDS, "levels.top=interval(0.1,0.5)"], multirun=True)


def test_every_job_of_a_sweep_is_checked() -> None:
    with pytest.raises(Refused, match=r"data\.global_batch=6"):
        jobs("train", [*WORDS, "data.global_batch=8,4,6", "trainer.accumulate=4"], multirun=True)


def test_names_alone_can_be_checked() -> None:
    assert jobs("train", ["seed=1"], complete=False) == []
    with pytest.raises(Refused, match="did you mean 'seed'"):
        jobs("train", ["sede=1"], complete=False)


def test_evaluation() -> None:
    (job,) = jobs("evaluate", ["data=folder", *WORDS, "backbone=identity", "protocol=rounded"])
    assert isinstance(job.config, EvaluateConfig)
    assert job.config.protocol["rounding"] is True


def test_a_folder_of_the_users_own(tmp_path: Path) -> None:
    folder = tmp_path / "it's, [mine] = ours"
    (folder / "experiment").mkdir(parents=True)
    (folder / "experiment" / "own.yaml").write_text("# @package _global_\nseed: 8\n")
    (job,) = jobs("train", [*WORDS, "experiment=own"], config_folder=str(folder))
    assert job.content["seed"] == 8
    (folder / "own.yaml").write_text("defaults: [train, _self_]\nseed: 9\n")
    (job,) = jobs("train", WORDS, config_folder=str(folder), config_name="own")
    assert job.content["seed"] == 9


def test_axes_in_a_file_come_before_those_typed(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "own.yaml").write_text(
        "# @package _global_\nhydra: {sweeper: {params: {seed: '1,2'}}}\n"
    )
    words = sweep_words("train", [*WORDS, "experiment=own", "negatives=none,blend"], str(tmp_path))
    assert words == ["seed=1,2", *WORDS, "experiment=own", "negatives=none,blend"]
    assert len(jobs("train", words, multirun=True, config_folder=str(tmp_path))) == 4
    assert sweep_words("train", WORDS) == WORDS
