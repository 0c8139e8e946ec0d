"""Combinations that cannot work are refused by their key, from the config alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from cldeblur.config.checks import checked
from cldeblur.config.loading import read_config, resolved, to_yaml, typed
from cldeblur.config.schema import TrainConfig
from cldeblur.errors import Refused

Content = dict[str, Any]
Compose = Callable[..., Content]


def changed(content: Content, key: str, value: object) -> Content:
    """The config with one dotted key set."""
    *sections, name = key.split(".")
    section = content
    for part in sections:
        section = section[part]
    section[name] = value
    return content


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("seed", -1), ("detect", "hope"), ("data.crop", 0), ("data.crops_per_image", 0), ("data.workers", -1)),
        *(("data.global_batch", 0), ("data.flips", "sideways"), ("trainer.max_epochs", 0), ("trainer.devices", 0)),
        *(("trainer.num_nodes", 0), ("trainer.accumulate", 0), ("trainer.validate_every", 0)),
        *(("trainer.accelerator", "abacus"), ("trainer.precision", 64), ("trainer.precision", "bf16-true")),
        *(("trainer.ema", 0.0), ("trainer.ema", 1.0), ("trainer.gradient_clip", 0.0), ("trainer.gradient_clip", -1.0)),
        *(("contrast.gradient_ratio", -0.1), ("contrast.warmup_epochs", -1.0), ("contrast.max_ratio", 0.0)),
        *(("contrast.anchors", "some"), ("contrast.mask", "sharp")),
        *(("contrast.diagnosed_batches", -1), ("contrast.weight", 0.1), ("contrast.gradient_ratio", None)),
        *(("features.tap_weights", [1.0]), ("features.tap_weights", [])),
        *(("trainer.devices", 3), ("trainer.accumulate", 8), ("trainer.num_nodes", 5), ("data.global_batch", 3.5)),
        *(("data.crop", "large"), ("data.root", ["x"]), ("trainer.deterministic", "perhaps"), ("run.tags", "one")),
    ],
)
def test_what_cannot_work_is_refused_by_its_key(key: str, value: object, compose: Compose) -> None:
    content = changed(compose("negatives=blend"), key, value)
    with pytest.raises(Refused, match=key.replace(".", r"\.")):
        checked("train", content)


@pytest.mark.parametrize(
    ("key", "value"), [("contrast.weight", 0.1), ("contrast.max_ratio", 0.0), ("features.tap_weights", [])]
)
def test_without_negatives_the_contrastive_part_is_not_looked_at(key: str, value: object, compose: Compose) -> None:
    checked("train", changed(compose("negatives=none"), key, value))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("trainer.precision", 32), ("trainer.precision", "32"), ("trainer.precision", "bf16-mixed")),
        *(("trainer.precision", "16-mixed"), ("trainer.devices", 2), ("trainer.accumulate", 4), ("trainer.ema", 0.999)),
        *(("trainer.gradient_clip", 0.01), ("data.workers", 0), ("data.root", None), ("contrast.max_ratio", None)),
        *(("contrast.gradient_ratio", 0), ("contrast.warmup_epochs", 2), ("seed", 0), ("seed", 2**62)),
    ],
)
def test_what_can_work_is_not_refused(key: str, value: object, compose: Compose) -> None:
    config = checked("train", changed(compose("negatives=blend"), key, value))
    assert isinstance(config, TrainConfig)


def test_a_typed_config_says_what_the_resolved_one_says(compose: Compose) -> None:
    content = compose("negatives=unsharp", "seed=5")
    config = typed(TrainConfig, content)
    assert (config.seed, config.data.crop, config.negatives) == (5, content["data"]["crop"], content["negatives"])
    assert isinstance(config.contrast.warmup_epochs, float)


def test_a_key_too_few_and_a_key_too_many_are_named(compose: Compose) -> None:
    few, many = compose(), compose()
    del few["data"]["crop"]
    many["data"]["corp"] = 1
    with pytest.raises(Refused, match=r"^data\.crop is needed"):
        typed(TrainConfig, few)
    with pytest.raises(Refused, match=r"^no key 'data\.corp'; did you mean 'data\.crop'\?$"):
        typed(TrainConfig, many)


def test_yaml_gives_back_what_was_written(compose: Compose, tmp_path: Path) -> None:
    content = compose("negatives=blend", "run.notes='ü: #'")
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(content), encoding="utf-8")
    assert read_config(path) == content
    with pytest.raises(Refused, match=r"nothing\.yaml"):
        read_config(tmp_path / "nothing.yaml")


def test_hydras_node_and_gaps_do_not_pass() -> None:
    config = OmegaConf.create({"hydra": {"gap": "???"}, "data": {"root": "${place}"}, "place": "x"})
    assert resolved(config) == {"data": {"root": "x"}, "place": "x"}
    with pytest.raises(Refused, match=r"^data\.root is needed"):
        resolved(OmegaConf.create({"data": {"root": "???"}}))
    with pytest.raises(Refused, match=r"^data\.root: .*'nowhere'"):
        resolved(OmegaConf.create({"data": {"root": "${nowhere}"}}))
