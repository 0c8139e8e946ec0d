"""A small data set, the command in this process and in one of its own, and ways to disturb a training."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
import torch
from PIL import Image

from cldeblur.cli.main import main
from cldeblur.data.batch import Batch
from cldeblur.losses.multi_scale import LossTerms, MultiScaleLoss
from cldeblur.training.checkpointing import FOLDER, LAST
from cldeblur.training.module import DeblurModule

SMALL = [
    "data=folder",
    "data.validation=[000]",
    "data.crop=32",
    "data.global_batch=2",
    "data.workers=0",
    "backbone=mimo_unet_small",
    "backbone.channels=4",
    "features.weights=random",
    "features.taps=[relu1_1]",
    "features.tap_weights=[1.0]",
    "logger=csv",
    "trainer=cpu",
    "trainer.max_epochs=1",
    "protocol.metrics=[psnr]",
]


class Train(Protocol):
    """`train("name", "key=value", …, code=0)` trains in `<tmp_path>/name`, checks the exit code, gives the folder."""

    def __call__(self, name: str, *words: str, code: int = 0) -> Path: ...


Start = Callable[..., "subprocess.Popen[str]"]


def write_pairs(folder: Path, names: Sequence[str], seed: int) -> None:
    """Pairs of 48x64 pixels: blocks of colour, and the same out of focus."""
    random = np.random.default_rng(seed)
    for name in names:
        sharp = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize(
            (64, 48), Image.Resampling.BOX
        )
        blurred = sharp.resize((32, 24), Image.Resampling.BILINEAR).resize((64, 48), Image.Resampling.BILINEAR)
        for kind, picture in (("blur", blurred), ("sharp", sharp)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            picture.save(folder / kind / f"{name}.png")


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine pairs to train on, one of which is held out, and two to test on."""
    root = tmp_path_factory.mktemp("pairs")
    write_pairs(root / "train", [f"{number:03d}" for number in range(9)], seed=0)
    write_pairs(root / "test", ["first", "second"], seed=1)
    return root


@pytest.fixture(scope="session")
def washed(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same sharp images, and washed-out ones instead of blurred: a network gains on them within an epoch."""
    root = tmp_path_factory.mktemp("washed")
    shutil.copytree(pairs, root, dirs_exist_ok=True)
    for path in root.rglob("sharp/*.png"):
        Image.open(path).point(lambda value: value // 2 + 110).save(path.parents[1] / "blur" / path.name)
    return root


@pytest.fixture(scope="session")
def small_words() -> list[str]:
    """Overrides that make a training take no time."""
    return SMALL


@pytest.fixture
def small(small_words: list[str], pairs: Path, tmp_path: Path) -> list[str]:
    """The same with places."""
    return [*small_words, f"data.root={pairs}", f"run.root={tmp_path / 'runs'}"]


@pytest.fixture
def train(small: list[str], tmp_path: Path) -> Train:
    """The command in this process."""

    def run(name: str, *words: str, code: int = 0) -> Path:
        try:
            found: Any = main(["train", *small, f"run.dir={tmp_path / name}", *words])
        except SystemExit as stop:
            found = stop.code
        assert found == code
        return tmp_path / name

    return run


@pytest.fixture
def start(small: list[str], tmp_path: Path) -> Start:
    """Start the command as a process of its own, on one thread, whose output goes to `<tmp_path>/output.txt`."""

    def launch(*words: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "cldeblur", "train", *small, *words]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with (tmp_path / "output.txt").open("a") as output:
            return subprocess.Popen(command, stdout=output, stderr=output, text=True, env=environment, cwd=tmp_path)

    return launch


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int | None, list[str]]]:
    """Epoch, stage and names of every batch that is trained on from now on."""
    batches: list[tuple[int, int | None, list[str]]] = []
    step = DeblurModule.training_step

    def watched(module: DeblurModule, batch: Batch, batch_idx: int) -> torch.Tensor:
        stage = module.attachment.stage if module.attachment else None
        batches.append((module.current_epoch, stage, batch.names))
        return step(module, batch, batch_idx)

    monkeypatch.setattr(DeblurModule, "training_step", watched)
    return batches


@pytest.fixture
def signal_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give `signal_at((1, 2), …)`: a SIGTERM reaches the process in that epoch's batch, once each."""
    start = DeblurModule.on_train_batch_start

    def plan(*places: tuple[int, int]) -> None:
        left = list(places)

        def watched(module: DeblurModule, batch: Batch, batch_idx: int) -> None:
            if left and left[0] == (module.current_epoch, batch_idx):
                del left[0]
                os.kill(os.getpid(), signal.SIGTERM)
            start(module, batch, batch_idx)

        monkeypatch.setattr(DeblurModule, "on_train_batch_start", watched)

    return plan


@pytest.fixture
def broken_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give `broken_at(3, …)`: the frequency term of these training batches, counted from 0, is not a number."""
    forward = MultiScaleLoss.forward

    def plan(*places: int) -> None:
        count = iter(range(10**6))

        def broken(loss: MultiScaleLoss, outputs: tuple[torch.Tensor, ...], sharp: torch.Tensor) -> LossTerms:
            pixel, frequency, total = forward(loss, outputs, sharp)
            factor = float("nan") if next(count) in places else 1.0
            return LossTerms(pixel, factor * frequency, factor * total)

        monkeypatch.setattr(MultiScaleLoss, "forward", broken)

    return plan


@pytest.fixture(scope="session")
def last() -> Callable[[Path], dict[str, Any]]:
    """Give `last(directory)`, the content of a run's last checkpoint."""

    def read(directory: Path) -> dict[str, Any]:
        found: dict[str, Any] = torch.load(directory / FOLDER / LAST, weights_only=True)
        return found

    return read


@pytest.fixture(scope="session")
def weights(last: Callable[[Path], dict[str, Any]]) -> Callable[[Path], dict[str, torch.Tensor]]:
    """Give `weights(directory)`: those of a run's last checkpoint, the raw ones beside averaged ones too."""

    def read(directory: Path) -> dict[str, torch.Tensor]:
        content = last(directory)
        raw = {f"raw {name}": tensor for name, tensor in content.get("current_model_state", {}).items()}
        return {**content["state_dict"], **raw}

    return read
