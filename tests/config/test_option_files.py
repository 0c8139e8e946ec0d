"""Every file in conf/: it composes, its keys are its class's parameters, and each of them is explained."""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import get_class

import cldeblur
from cldeblur.config.folder import conf_folder, options
from cldeblur.config.loading import keys, read_option
from cldeblur.config.schema import Data, EvaluateConfig, TrainConfig, Trainer
from cldeblur.errors import Refused
from cldeblur.sweeps.preflight import jobs

FOLDER = conf_folder()
# A ready sweep is several jobs, and builds nothing of its own; see tests/sweeps/test_ready_sweeps.py.
FOLDERS = [folder.name for folder in FOLDER.iterdir() if folder.is_dir() and folder.name != "sweep"]
OPTIONS = sorted((group, name) for group in FOLDERS for name in options(group))
GROUPS = sorted({group for group, _ in OPTIONS})
FILES = sorted(FOLDER.rglob("*.yaml"))
# Keys of a section that go to another class than the section's own.
ELSEWHERE = {"features": {"tap_weights"}, "optimizer": {"scheduler"}}
# Parameters that the run knows and gives itself.
GIVEN = {
    *("tap_weights", "optimizer", "max_epochs", "seed", "root", "validation"),
    *("directory", "group", "content", "record"),
}
CONTRASTIVE = {"negatives", "schedule", "levels", "objective", "features", "contrast"}


def nodes(key: str, value: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every mapping that names a class, with its key."""
    if isinstance(value, Mapping):
        if value.get("_target_"):
            yield key, value
        for name, inner in value.items():
            yield from nodes(f"{key}.{name}", inner)


def composed(group: str, option: str) -> dict[str, Any]:
    """A config of `train` with one option chosen."""
    return jobs("train", ["data.root=x", f"{group}={option}"])[0].content


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_composes_and_fits_its_class(group: str, option: str) -> None:
    content = composed(group, option)
    for key, node in nodes(group, content) if group == "experiment" else nodes(group, content[group]):
        found = get_class(node["_target_"])
        parameters = set(inspect.signature(found).parameters)
        given = {name for name in node if not name.startswith("_")} - ELSEWHERE.get(key.rpartition(".")[2], set())
        assert given <= parameters
        if found.__module__.startswith("cldeblur.") and group != "experiment":
            assert parameters - given - {"args", "kwargs"} <= GIVEN, "every parameter is a key with its default"


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "protocol"])
def test_every_option_of_evaluate_composes(option: str) -> None:
    for data in options("data"):
        for backbone in options("backbone"):
            words = [f"data={data}", "data.root=x", f"backbone={backbone}", f"protocol={option}"]
            assert isinstance(jobs("evaluate", words)[0].config, EvaluateConfig)


@pytest.mark.parametrize("option", options("experiment"))
def test_an_experiment_says_what_it_costs_and_gives(option: str) -> None:
    text = (FOLDER / "experiment" / f"{option}.yaml").read_text()
    header = text.partition("\ndefaults:")[0]
    assert header.startswith("# @package _global_\n# ")
    assert f"# Command:  cldeblur train experiment={option}" in header
    assert "\n# Cost:     " in header
    assert "\n# Result:   " in header
    assert all(line.startswith("#") for line in header.splitlines())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_every_key_is_explained(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    if path.parent.name == "experiment" or any(line.startswith("defaults: [") for line in lines):
        return  # its keys are explained in the files that it builds on
    body = "\n".join(lines).partition("\nhydra:")[0]
    keys_with_values = re.findall(r"^ *(\w+): +([^#\s].*)$", body, re.MULTILINE)
    for name, rest in keys_with_values:
        assert name == "_target_" or re.search(r" # \S", rest), f"{name} is not explained"


@pytest.mark.parametrize(
    ("section", "schema"), [("data", Data), ("trainer", Trainer), ("", TrainConfig)], ids=["data", "trainer", "train"]
)
def test_the_schema_has_the_keys_of_the_files(section: str, schema: Any) -> None:
    names = {item.name for item in fields(schema)}
    for option in options(section) if section else ["gopro"]:
        content = composed(section or "data", option)
        assert set(content[section] if section else content) == names


def test_the_baseline_and_the_thesis_differ_in_the_contrastive_part_alone() -> None:
    baseline, thesis = (composed("experiment", name) for name in ("gopro_mimo_unet", "gopro_cl_mimo_unet"))
    differing = {key for key in baseline if baseline[key] != thesis[key]}
    assert differing <= CONTRASTIVE
    assert {"negatives", "features"} <= differing
    assert baseline["negatives"]["_target_"] is None


def test_no_value_crosses_files() -> None:
    found = {match for path in FILES for match in re.findall(r"\$\{([^}]+)\}", path.read_text())}
    assert {name for name in found if not name.startswith(("run.", "seed", "cldeblur.job_folder"))} == set()


def test_options_of_a_group_are_sorted_and_there_for_each() -> None:
    assert options("trainer") == ["auto", "cpu", "ddp", "gpu"]
    assert options("nothing") == []
    assert "multirun" not in GROUPS


def test_an_option_is_read_by_name() -> None:
    assert read_option("levels", "linear")["top"] == 0.37
    with pytest.raises(
        Refused, match=r"no option 'levels=liner'; did you mean 'levels=linear'\?|did you mean 'linear'"
    ):
        read_option("levels", "liner")


def test_a_backbone_is_had_by_name() -> None:
    network = cldeblur.network("mimo_unet_small", channels=8)
    assert sum(parameter.numel() for parameter in network.parameters()) < 348_035
    for name, parameters in (("mimo_unett", {}), ("mimo_unet", {"chanels": 8})):
        with pytest.raises(Refused, match="did you mean"):
            cldeblur.network(name, **parameters)


def test_keys_are_dotted() -> None:
    assert keys({"a": {"b": {"c": 1}}, "d": [{"e": 1}]}) == ["a", "a.b", "a.b.c", "d"]
