"""What cannot work is refused in one sentence, before an image is read, and leaves nothing behind."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from cldeblur.training import prepared

BLEND = "negatives=blend"
ADAPTIVE = (BLEND, "schedule=adaptive", "trainer.max_epochs=99")
REFUSED = {
    "interval too long": ((BLEND, "schedule.interval=5", "trainer.max_epochs=5"), "never leaves stage 0"),
    "no time to reverse": (
        (BLEND, "schedule=reverse", "schedule.interval=5", "trainer.max_epochs=5"),
        "leaves stage 4",
    ),
    "one draw": ((BLEND, "schedule=random", "schedule.interval=5", "trainer.max_epochs=5"), "schedule.interval"),
    "blurred for ever": ((BLEND, "schedule=constant", "schedule.stage=0"), "schedule.stage=0 keeps the negatives"),
    "patience": ((BLEND, "schedule=adaptive", "trainer.max_epochs=50"), "schedule.patience=50 leaves no epoch"),
    "no stages": ((BLEND, "schedule.stages=0"), "schedule.stages must be a whole number and at least 1; it is 0"),
    "part of a stage": ((BLEND, "schedule.stages=2.5"), "schedule.stages must be a whole number"),
    "top": ((BLEND, "trainer.max_epochs=9", "levels.top=1"), "levels.top must be at least 0 and below 1"),
    "cap": ((BLEND, "trainer.max_epochs=9", "levels.cap=1.5"), "levels.cap must be above 0 and at most 1"),
    "falling": ((BLEND, "trainer.max_epochs=9", "levels=gains", "levels.gains=[0,2,1,3,4]"), "never fall"),
    "signal": (
        (*ADAPTIVE, "schedule.signal=contrast/push_fracton"),
        "schedule.signal=contrast/push_fracton is no mean in metrics.csv; did you mean 'contrast/push_fraction'?",
    ),
    "tap of the signal": ((*ADAPTIVE, "schedule.signal=contrast/pull_push/relu2_1"), "'contrast/pull_push/relu1_1'?"),
    "clock": ((*ADAPTIVE, "schedule.signal=train/images_per_second"), "is no mean in metrics.csv"),
    "number as a signal": ((*ADAPTIVE, "schedule.signal=5"), "schedule.signal=5 is no mean"),
    "unmeasured": ((*ADAPTIVE, "contrast.diagnosed_batches=0"), "not measured with contrast.diagnosed_batches=0"),
    "too rarely measured": (
        (*ADAPTIVE, "schedule.signal=val/psnr", "trainer.validate_every=2"),
        "schedule.patience=50 leaves no epoch for stage 1: schedule.signal=val/psnr is measured 50 times in this run",
    ),
    "ratio above its bound": (
        (BLEND, "contrast.gradient_ratio=0.5"),
        "contrast.gradient_ratio=0.5 is above contrast.max_ratio=0.3",
    ),
    "ratio that is no number": (
        (BLEND, "contrast.gradient_ratio=nan"),
        "must be a finite number, not below 0; it is nan",
    ),
    "filter wider than crops": (
        ("negatives=unsharp", "negatives.sigma=30", "trainer.max_epochs=9"),
        "too small for these negatives, which need 91 pixels a side",
    ),
    "crop": (("data.crop=34",), "data.crop=34 is not a multiple of 4"),
    "gains": ((BLEND, "trainer.max_epochs=9", "levels=gains", "schedule.stages=3"), "levels.gains"),
    "tap weights": ((BLEND, "trainer.max_epochs=9", "features.tap_weights=[1.0,2.0]"), "features.tap_weights"),
    "tap": ((BLEND, "trainer.max_epochs=9", "features.taps=[relu6_1]"), "relu6_1"),
    "milestones": ((BLEND, "schedule=milestones", "trainer.max_epochs=9"), "schedule.milestones"),
    "identity": (("backbone=identity",), "nothing to train"),
    "initial weights": (("initial_weights=nowhere.ckpt",), "nowhere.ckpt"),
    "features' weights": ((BLEND, "trainer.max_epochs=9", "features.weights=nowhere.pth"), "nowhere.pth"),
    "shares": (("trainer.accumulate=3",), "data.global_batch=2 cannot be shared out"),
    "optimiser": (("+optimizer.momentum=0.9",), "optimizer.momentum"),
    "rate": (("optimizer.lr=-1",), "optimizer: Invalid learning rate"),
    "metric": (("protocol.metrics=[psnr,sim]",), "protocol.metrics"),
    "no PSNR": (("protocol.metrics=[ssim_3d]",), "protocol.metrics must hold psnr"),
    "no GPU": (("trainer=gpu",), "trainer asks for 1 GPU(s), and 0 are there"),
    "one GPU": (("trainer=ddp",), "trainer asks for 2 GPU(s), and 1 are there"),
}


@pytest.mark.parametrize(("words", "sentence"), REFUSED.values(), ids=REFUSED)
def test_before_data(
    words: tuple[str, ...],
    sentence: str,
    train: Any,
    small: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: int("trainer=ddp" in words))
    if "backbone=identity" in words:
        small.remove("backbone.channels=4")
    monkeypatch.setattr(prepared, "make_source", lambda *_: pytest.fail("data were looked for"))
    directory = train("run", *words, code=2)
    assert_refused(directory, sentence, capsys)


def test_tap_deeper_than_the_file(train: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:

    torch.save(
        {
            f"features.0.{kind}": torch.zeros(64, 3, 3, 3) if kind == "weight" else torch.zeros(64)
            for kind in ("weight", "bias")
        },
        tmp_path / "shallow.pth",
    )
    words = (BLEND, "trainer.max_epochs=9", f"features.weights={tmp_path / 'shallow.pth'}", "features.taps=[relu2_1]")
    assert_refused(train("run", *words, code=2), "shallow.pth", capsys)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("data.global_batch=9",), "data.global_batch is 9, but there are 8"),
        (("data.crop=52",), "images are smaller than data.crop=52"),
        (("data.root=nowhere",), "nowhere"),
    ],
)
def test_of_data(words: tuple[str, ...], sentence: str, train: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused(train("run", *words, code=2), sentence, capsys)


def test_other_data_on_resume(train: Any, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:

    shutil.copytree(pairs, tmp_path / "copy")
    directory = train("run", "trainer.max_epochs=1")
    (tmp_path / "copy/train/sharp/001.png").write_bytes((pairs / "train/sharp/002.png").read_bytes())
    words = (f"data.root={tmp_path / 'copy'}", "resume=auto", "trainer.max_epochs=2")
    before = (directory / "run.json").read_bytes()
    train("run", *words, code=2)
    assert "are not those that the run began with" in capsys.readouterr().err
    assert (directory / "run.json").read_bytes() == before


def assert_refused(directory: Path, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line on standard error, and no directory."""
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("cldeblur: ")
    assert sentence in lines[0]
    assert not directory.exists()
