"""Every option of every group trains; a new file in `conf/` brings its own test."""

from pathlib import Path
from typing import Any

import pytest
import torch

from cldeblur.config.folder import conf_folder, options
from cldeblur.contrast.features import VGG19
from cldeblur.records import read_record

GROUPS = ("backbone", "loss", "negatives", "schedule", "levels", "objective", "features", "optimizer", "protocol")
CHOICES = [(group, option) for group in GROUPS for option in options(group) if option != "identity"]
FAST = ("trainer.fast_dev_run=true", "negatives=blend", "trainer.max_epochs=3000")
NOT_IN_EVERY_OPTION = {
    "features": ("features.taps=[relu1_1]", "features.tap_weights=[1.0]"),
    "protocol": ("protocol.metrics=[psnr]",),
    "data": ("data=folder", "data.validation=[000]"),
    "logger": ("logger=csv",),
}


def without(words: list[str], group: str) -> list[str]:
    """Overrides without those that an option of a group does not need."""
    return [word for word in words if word not in NOT_IN_EVERY_OPTION.get(group, ())]


@pytest.mark.parametrize(("group", "option"), CHOICES, ids=[f"{group}={option}" for group, option in CHOICES])
def test_trains(group: str, option: str, train: Any, small: list[str]) -> None:
    small[:] = without(small, group)
    words = ("backbone.blocks=1",) if group == "backbone" else ()
    record = read_record(train("run", *FAST, f"{group}={option}", *words))
    assert record.status == "completed"
    assert record.progress == {"epochs": 1, "steps": 1, "images_seen": 2}


@pytest.mark.parametrize("option", options("data"))
def test_trains_on(option: str, train: Any, small: list[str], pairs: Path, tmp_path: Path) -> None:
    small[:] = without(small, "data")
    words = {
        "photos": ("data.root=null", "data.validation=[chelsea]"),
        "folder": (),
        "gopro": (f"data.root={tmp_path / 'gopro'}", "data.validation=[GOPR0002]"),
    }
    for sequence in ("train/GOPR0001_11_00", "train/GOPR0002_11_00", "test/GOPR0003_11_00"):
        target = tmp_path / "gopro" / sequence
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(pairs / "train")
    record = read_record(train("run", *FAST, f"data={option}", *words[option]))
    assert record.status == "completed"
    assert record.data[0]["name"] == option


def test_every_trainer_and_logger_is_tried() -> None:
    """`auto` and `cpu` here, `ddp` in test_processes.py, `gpu` in test_refusals.py; `wandb` in test_wandb.py."""
    assert set(options("trainer")) == {"auto", "cpu", "ddp", "gpu"}
    assert set(options("logger")) == {"csv", "wandb"}
    assert set(GROUPS) | {"data", "trainer", "logger", "launcher", "experiment", "sweep"} == {
        folder.name for folder in conf_folder().iterdir() if folder.is_dir()
    }


def test_auto_takes_the_cpu_where_there_is_no_gpu(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    directory = train("run", *FAST, "trainer=auto")
    assert "on 1 x cpu" in (directory / "log.txt").read_text()


def test_bfloat16_leaves_features_in_float32(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: set[torch.dtype] = set()
    forward = VGG19.forward

    def watched(features: VGG19, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = forward(features, images)
        kinds.update(tensor.dtype for tensor in (images, *found))
        return found

    monkeypatch.setattr(VGG19, "forward", watched)
    record = read_record(train("run", *FAST, "trainer.precision=bf16-mixed"))
    assert kinds == {torch.float32}
    assert (record.status, record.determinism["precision"]) == ("completed", "bf16-mixed")


def test_clipped_gradient(train: Any, weights: Any) -> None:
    words = ("optimizer.eps=1.0", "optimizer.lr=1.0", "data.global_batch=8")
    still = weights(train("still", *words, "optimizer.lr=0"))
    steps = []
    for clip in ("1e-3", "1e-4"):
        moved = weights(train(clip, *words, f"trainer.gradient_clip={clip}"))
        steps.append(sum(float((moved[key] - still[key]).double().square().sum()) for key in still) ** 0.5)
    # One step of Adam whose epsilon outweighs the gradient is as long as the gradient.
    assert steps == pytest.approx([1e-3, 1e-4], rel=0.05)


def test_deterministic(train: Any) -> None:
    record = read_record(train("run", *FAST, "trainer.deterministic=true"))
    assert record.status == "completed"
    assert record.determinism["deterministic"] is True


def test_nothing_of_the_features_without_negatives(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VGG19, "__init__", lambda *_, **__: pytest.fail("features were built"))
    assert read_record(train("run", "negatives=none", "trainer.fast_dev_run=true")).status == "completed"
