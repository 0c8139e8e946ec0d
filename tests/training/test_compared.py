"""What a sweep of real trainings leaves behind can be compared."""

import csv
from pathlib import Path

import pytest

from cldeblur.cli.main import main
from cldeblur.records import read_record


@pytest.mark.long
def test_a_sweep_is_trained_and_compared(small: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["negatives=none,blend", "schedule.stages=2", "trainer.max_epochs=2", "seed=1,2", "run.group=both"]
    assert main(["train", "-m", *small, *words]) == 0
    folder = tmp_path / "runs" / "sweeps" / "both"
    capfd.readouterr()
    assert main(["compare", str(folder)]) == 0
    assert capfd.readouterr().out.startswith("negatives=blend: ")
    text = (folder / "comparison.md").read_text()
    assert "the test split of `folder`: 2 images" in text
    assert "The networks of all arms have equally many parameters" in text
    assert {path.name for path in (folder / "figures").iterdir()} == {
        *("differences.png", "negatives.png", "validation.png")
    }
    with (folder / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["arm"], row["seed"], row["name"]) for row in rows] == [
        (f"negatives={negatives}", seed, name)
        for negatives in ("none", "blend")
        for seed in "12"
        for name in ("first", "second")
    ]
    seconds = read_record(folder / rows[0]["run"]).cost["inference_s"]
    assert seconds is not None
    assert 0 < seconds < 10
