"""The README's commands and code, as it gives them, on small data."""

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cldeblur.cli.main import main

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line.removeprefix("python -m ")
    for kind, text in BLOCKS
    if kind == "sh"
    for line in text.splitlines()
    if line.startswith(("cldeblur", "python -m cldeblur"))
]
SMALL = ["data.workers=0"]
SMALL_TRAINING = [
    "trainer.accelerator=cpu",
    "trainer.fast_dev_run=true",
    "logger.mode=offline",
    "backbone.channels=8",
    "backbone.blocks=1",
    "data.crop=32",
    "features.weights=random",
]


def write_pairs(folder: Path, names: list[str], random: np.random.Generator) -> None:
    """Pairs of 48x64 pixels."""
    for kind in ("blur", "sharp"):
        (folder / kind).mkdir(parents=True)
        for name in names:
            Image.fromarray(random.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(folder / kind / f"{name}.png")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds everything the README speaks of."""
    place, random = tmp_path_factory.mktemp("readme"), np.random.default_rng(0)
    for sequence in ("train/GOPR0372_07_00", "train/GOPR0386_11_00", "train/GOPR0477_11_00", "test/GOPR0384_11_00"):
        write_pairs(place / "GOPRO_Large" / sequence, [f"{number:06d}" for number in range(1, 5)], random)
    write_pairs(place / "pairs", [str(number) for number in range(5)], random)
    Image.fromarray(random.integers(0, 256, (30, 50, 3), dtype=np.uint8)).save(place / "blurred.png")
    (place / "mypackage").mkdir()
    (place / "mypackage" / "negatives.py").write_text(next(text for _, text in BLOCKS if "class Shifted" in text))
    (place / "myconf" / "negatives").mkdir(parents=True)
    (place / "myconf/negatives/shifted.yaml").write_text(next(text for kind, text in BLOCKS if kind == "yaml"))
    return place


def smaller(command: str) -> list[str]:
    """A command's words, with what makes it end soon; the user's own words come last and win."""
    words = [word for word in shlex.split(command, comments=True)[1:] if not word.startswith("launcher")]
    # A sweep's jobs in this process: starting one takes longer than what it has to do here.
    here = ["hydra/launcher=basic"] if "-m" in words else []
    ready = ["seed=1"] if any(word.startswith("sweep=") for word in words) else []
    if words[0] == "compare":
        return words
    return [words[0], *SMALL, *(SMALL_TRAINING if words[0] in ("train", "preview") else ()), *here, *ready, *words[1:]]


@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str, place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "path", [str(place), *sys.path])
    code = main(smaller(command))
    assert code == 0, capfd.readouterr().err


@pytest.mark.long
def test_python(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    found: dict[str, object] = {}
    exec(next(text for kind, text in BLOCKS if kind == "python" and "import cldeblur" in text), found)
    restored = found["restored"]
    assert isinstance(restored, Image.Image)
    assert restored.size == (50, 30)


def test_the_six_files_exist() -> None:
    root = Path(__file__).resolve().parent.parent
    named = re.findall(r"^\d\. `([^`]+)`", README, re.MULTILINE)
    assert len(named) == 6
    assert [name for name in named if not (root / name).is_file()] == []
