"""`cldeblur preview`: one picture, one table, and nothing else."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cldeblur.cli.main import main
from cldeblur.config.folder import options
from cldeblur.config.schema import PreviewConfig, TrainConfig
from cldeblur.sweeps.preflight import jobs

Refused = Callable[..., str]
OWN = ("output", "images", "finished_psnr")
SMALL = ("preview", "experiment=quickstart", "data.crop=32", "images=1")
PHOTOS = ("data=photos", "data.crop=32", "data.crops_per_image=8", "negatives=blend", "images=1")


def test_a_picture_a_table_and_nothing_else(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "schedule.stages=3", "levels.top=0.3", "finished_psnr=28", "output=drawn/ladder.png"]) == 0
    printed = capfd.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[0] == "Blend, EpochInterval with 3 stages over 16 epochs, levels Linear"
    assert lines[-1] == "drawn: drawn/ladder.png"
    rows = {" ".join(line.split()[:2]): line.split()[2:] for line in lines[4:7]}
    blurred = float(lines[3].split()[1])
    for level, epochs, row in zip((0, 0.15, 0.3), ("0-5", "6-10", "11-15"), rows.values(), strict=True):
        assert float(row[0]) == level
        assert row[2] == epochs
        # Two figures rounded to hundredths.
        assert float(row[4]) - blurred == pytest.approx(-20 * np.log10(1 - level), abs=0.011)
        assert float(row[1]) == pytest.approx(-20 * np.log10(1 - level), abs=0.006)
    assert [path.name for path in place.rglob("*") if path.is_file()] == ["ladder.png"]
    with Image.open(place / "drawn" / "ladder.png") as picture:
        picture.load()
        assert picture.format == "PNG"
        assert picture.width == 2 * 24 + 5 * 264 - 8


def test_a_picture_that_is_there_is_replaced(place: Path) -> None:
    (place / "preview.png").write_text("old")
    assert main(list(SMALL)) == 0
    with Image.open(place / "preview.png") as picture:
        assert picture.format == "PNG"


def test_a_picture_that_cannot_be_written_is_a_failure(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (place / "file").write_text("")
    assert main([*SMALL, "output=file/preview.png"]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("cldeblur: failed: output=file/preview.png cannot be written")


@pytest.mark.parametrize("option", [name for name in options("negatives") if name != "none"])
def test_every_generator_is_drawn(option: str, place: Path) -> None:
    assert main([*SMALL, f"negatives={option}"]) == 0
    assert (place / "preview.png").is_file()


@pytest.mark.parametrize("group", ["schedule", "levels"])
def test_every_schedule_and_level_curve_is_drawn(group: str, place: Path) -> None:
    for option in options(group):
        assert main(["preview", *PHOTOS, f"{group}={option}", f"output={option}.png"]) == 0
    assert {path.name for path in place.iterdir()} == {f"{option}.png" for option in options(group)}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["data=photos"], "negatives=none has nothing to preview"),
        (["experiment=gopro_mimo_unet", "data.root=x"], "negatives=none"),
        ([], "data.root"),
        (["negatives=blend", "data.root=x"], "data.root is x"),
        ([*SMALL[1:], "images=0"], "images must be 1 to 16"),
        ([*SMALL[1:], "images=17"], "images must be 1 to 16"),
        ([*SMALL[1:], "images=many"], "images"),
        ([*SMALL[1:], "output=preview.jpg"], "not preview.jpg"),
        ([*SMALL[1:], "output=preview"], "not preview"),
        ([*SMALL[1:], "finished_psnr=-1"], "finished_psnr"),
        ([*SMALL[1:], "finished_psnr=nan"], "finished_psnr"),
        ([*SMALL[1:], "finished_psnr=inf"], "finished_psnr"),
        ([*SMALL[1:], "schedule.stages=0"], "schedule.stages must be a whole number and at least 1"),
        ([*SMALL[1:], "levels.top=1"], "levels.top"),
        ([*PHOTOS, "levels=gains", "schedule.stages=4"], "levels.gains holds 5 gains for schedule.stages=4"),
        ([*SMALL[1:], "data.crop=4000"], "data.crop=4000"),
        ([*SMALL[1:], "data.global_batch=1000"], "data.global_batch is 1000"),
        ([*SMALL[1:], "trainer.max_epochs=0"], "trainer.max_epochs"),
        (["-m", *SMALL[1:], "seed=1,2"], "leave out -m"),
        ([*SMALL[1:], "seed=1,2"], "seed=1,2 gives several values"),
    ],
)
def test_what_cannot_be_previewed(words: list[str], named: str, refused: Refused) -> None:
    assert named in refused("preview", *words)


def test_a_folder_is_no_picture(place: Path, refused: Refused) -> None:
    (place / "folder.png").mkdir()
    assert "not folder.png" in refused(*SMALL, "output=folder.png")


@pytest.mark.parametrize(
    "words", [["experiment=gopro_cl_mimo_unet", "data.root=x"], ["data=photos", "negatives=blend"]]
)
def test_the_words_of_a_training_mean_the_same(words: list[str]) -> None:
    (preview,), (train,) = jobs("preview", words), jobs("train", words)
    assert {key: value for key, value in preview.content.items() if key not in OWN} == train.content
    assert {item.name for item in fields(PreviewConfig)} == {*OWN, *(item.name for item in fields(TrainConfig))}
    assert set(preview.content) == {item.name for item in fields(PreviewConfig)}


def test_neither_features_nor_a_trainer_are_needed(place: Path) -> None:
    program = (
        f"import sys; from cldeblur.cli.main import main; code = main({[*SMALL, 'features.weights=nowhere.pth']!r});"
        "found = {'cldeblur.contrast.features', 'lightning', 'cldeblur.networks.mimo_unet'} & set(sys.modules);"
        "print(found, file=sys.stderr); sys.exit(code)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=place, check=True)
    assert answer.stderr == "set()\n"
