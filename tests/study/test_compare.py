"""`cldeblur compare` on sweeps that lie on disk: what it writes, and what it declines to say."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cldeblur.cli.main import main
from cldeblur.records import RunRecord
from cldeblur.study import writing

GAINS = {"blend": [0.11, 0.12, 0.13, 0.12, 0.13], "blurred": [0.02, -0.03, 0.04, 0.01, -0.02]}
FIGURES = ["differences.png", "negatives.png", "validation.png"]


Sweep = Any  # FakeSweep of conftest.py
Compare = Callable[..., str]


@pytest.fixture
def compare(sweep: Sweep, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Compare:
    """Give `compare(*options)`: run the command on the sweep without figures, and give `comparison.md`."""
    monkeypatch.setattr(writing, "FIGURES", ())

    def run(*options: str) -> str:
        assert main(["compare", str(sweep.folder), *options]) == 0, capsys.readouterr().err
        return (sweep.folder / "comparison.md").read_text()

    return run


def section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}")[2].partition("\n## ")[0]


def rows(text: str, title: str) -> dict[str, dict[str, str]]:
    """The table of a section: by the first column's word, cells by the header's."""
    lines = [line.strip("| ").split(" | ") for line in section(text, title).splitlines() if line.startswith("|")]
    return {line[0]: dict(zip(lines[0], line, strict=True)) for line in lines[2:]}


def test_a_sweep_gets_its_verdicts(sweep: Sweep, compare: Compare, capsys: pytest.CaptureFixture[str]) -> None:
    sweep.arms(GAINS)
    text = compare()
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("negatives=blend: better: +0.122 dB (95 % interval +0.112 to +0.132 dB; 5 seeds; p ")
    assert said[1].startswith("negatives=blurred: no verdict: the 95 % interval, -0.032 to +0.040 dB, is wider than")
    assert said[-1] == f"written to {sweep.folder}/comparison.md, {sweep.folder}/results.csv and {sweep.folder}/figures"
    verdicts = [line for line in section(text, "Verdict").splitlines() if line.startswith("- `")]
    assert [re.findall(r"\*\*(.+?)\*\*", line)[0] for line in verdicts] == ["better", "no verdict"]
    assert "called **better** or **worse** only if" in text  # the rule stands in the file


def test_the_tables_say_what_was_measured(sweep: Sweep, compare: Compare) -> None:
    sweep.arms(GAINS)
    text = compare()
    base = [main_psnr(sweep, "none", seed) for seed in range(1, 6)]
    cells = rows(text, "Arms")
    assert list(cells) == ["negatives=none", "negatives=blend", "negatives=blurred"]
    assert cells["negatives=none"]["psnr, dB"] == f"{np.mean(base):.3f} ± {np.std(base, ddof=1):.3f}"
    assert cells["negatives=none"]["n"] == "5"
    assert cells["negatives=blend"]["ssim_3d"].startswith(f"{(np.mean(base) + 0.122) / 40:.5f} ± ")
    blend = rows(text, "Differences to")["negatives=blend"]
    assert (blend["n"], blend["difference, dB"], blend["sd"]) == ("5", "+0.122", "0.008")
    assert float(blend["correlation"]) > 0.9
    assert (blend["p"], blend["Holm"]) == ("< 0.0001", "< 0.0001")
    assert rows(text, "Differences to")["negatives=blurred"]["Holm"] == "0.77"
    assert int(blend["seeds for 0.1 dB"]) == 3
    assert 0.01 < float(blend["could show"]) < 0.03
    assert rows(text, "Other metrics")["negatives=blend"]["ssim_3d"].startswith("+0.00305 (+0.00279 to ")


def main_psnr(sweep: Sweep, negatives: str, seed: int) -> float:
    """Mean PSNR of a run, out of its own table."""
    (path,) = sweep.folder.glob(f"negatives={negatives},seed={seed}-*/results/gopro.csv")
    with path.open(newline="") as file:
        return float(np.mean([float(row["psnr"]) for row in csv.DictReader(file)]))


def test_costs_stand_beside_the_baselines(sweep: Sweep, compare: Compare) -> None:
    sweep.arms(GAINS)
    text = compare()
    assert "The networks of all arms have equally many parameters and multiply-adds." in text
    blend = rows(text, "Cost")["negatives=blend"]
    assert blend["training, s"] == "120.0 (x 1.20)"
    assert blend["memory, MiB"] == "900.0 (x 1.00)"
    assert (blend["parameters"], blend["multiply-adds, G"]) == ("6,807,277", "63.73")
    assert blend["inference, ms an image"] == "100.0 ± 0.0"
    assert blend["GPU memory, MiB"] == "-"


def test_networks_of_unlike_size_are_told_apart(sweep: Sweep, compare: Compare) -> None:
    sweep.run("none")
    sweep.run("blend", change=lambda record: record.model.update(params_total=7))
    assert "**The networks are not of one size**" in compare()


def test_every_image_of_every_run_is_in_the_table(sweep: Sweep, compare: Compare) -> None:
    sweep.arms(GAINS)
    compare()
    with (sweep.folder / "results.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == [
        *("arm", "run", "seed", "sequence", "name"),
        *("psnr", "ssim_3d", "blurred_psnr", "blurred_ssim_3d"),
    ]
    assert len(found) == 3 * 5 * len(sweep.images)
    assert {(row["arm"], row["seed"]) for row in found} == {
        (f"negatives={name}", str(seed)) for name in ("none", "blend", "blurred") for seed in range(1, 6)
    }
    first = found[0]
    assert (first["sequence"], first["name"]) == ("GOPR0384", "GOPR0384/1")
    assert (sweep.folder / first["run"] / "run.json").is_file()


def test_sequences_count_once(sweep: Sweep, compare: Compare) -> None:
    """One sequence gains, two lose, and the one with most images does not outvote them."""
    gains = {"GOPR0384": 0.3, "GOPR0396": -0.1, "GOPR0410": -0.05}
    sweep.images = (*(f"GOPR0384/{number}" for number in range(8)), "GOPR0396/1", "GOPR0410/1")
    for seed in (1, 2, 3):
        sweep.run("none", seed)
        raise_images(sweep.run("blend", seed), gains)
    blend = rows(compare(), "Over sequences")["negatives=blend"]
    assert (blend["sequences"], blend["difference, dB"], blend["in favour"]) == ("3", "+0.050", "1")
    assert (blend["lowest"], blend["highest"]) == ("-0.100 GOPR0396", "+0.300 GOPR0384")
    low, high = map(float, blend["interval"].split(" to "))
    assert (low, high) == (-0.491, 0.591)  # t with two degrees


def raise_images(folder: Path, gains: dict[str, float]) -> None:
    """Add to the PSNR of each sequence's images, and let `run.json` agree."""
    path = folder / "results" / "gopro.csv"
    with path.open(newline="") as file:
        table = list(csv.DictReader(file))
    for row in table:
        row["psnr"] = str(float(row["psnr"]) + gains[row["name"].partition("/")[0]])
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    record = (folder / "run.json").read_text()
    mean = float(np.mean([float(row["psnr"]) for row in table]))
    (folder / "run.json").write_text(re.sub(r'("gopro/psnr": \{\s*"mean": )[\d.]+', rf"\g<1>{mean!r}", record))


@pytest.mark.parametrize("images", [("1", "2"), ("one/1", "one/2")])
def test_of_one_sequence_nothing_is_said(images: tuple[str, ...], sweep: Sweep, compare: Compare) -> None:
    sweep.images = images
    sweep.arms(GAINS)
    assert "Nothing is said over images" in section(compare(), "Over sequences")


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_get_no_verdict(seeds: int, sweep: Sweep, compare: Compare) -> None:
    sweep.arms({"blend": [0.5, 0.51][:seeds]})
    text = compare()
    assert "**no verdict**" in text
    assert rows(text, "Differences to")["negatives=blend"]["could show"] == "-"


def test_only_shared_seeds_are_paired(sweep: Sweep, compare: Compare) -> None:
    for seed in (1, 2, 3):
        sweep.run("none", seed, 30 + 0.01 * seed)
    for seed in (2, 3, 4):
        sweep.run("blend", seed, 30.1 + 0.02 * seed)
    sweep.run("unsharp", 9, 35.0)
    text = compare()
    found = rows(text, "Differences to")
    assert (found["negatives=blend"]["n"], found["negatives=blend"]["difference, dB"]) == ("2", "+0.125")
    assert found["negatives=unsharp"]["n"] == "0"
    assert rows(text, "Arms")["negatives=blend"]["n"] == "3"
    assert "`negatives=unsharp`: **no verdict**: no seed is shared" in text


def test_another_baseline(sweep: Sweep, compare: Compare) -> None:
    sweep.arms(GAINS)
    text = compare("--baseline", "negatives=blurred")
    assert list(rows(text, "Arms")) == ["negatives=blurred", "negatives=blend", "negatives=none"]


def test_arms_of_one_option(sweep: Sweep, compare: Compare) -> None:
    for seed in (1, 2, 3):
        sweep.run("none", seed)
        sweep.run("blend", seed, 30.1, levels={"top": 0.2})
        sweep.run("blend", seed, 30.2, levels={"top": 0.5})
    expected = ["negatives=none", "negatives=blend,levels.top=0.2", "negatives=blend,levels.top=0.5"]
    assert list(rows(compare(), "Arms")) == expected


def test_elsewhere(sweep: Sweep, tmp_path: Path) -> None:
    sweep.arms(GAINS)
    assert main(["compare", "--output", str(tmp_path / "paper" / "one"), str(sweep.folder)]) == 0
    found = sorted(
        path.relative_to(tmp_path / "paper" / "one").as_posix() for path in tmp_path.glob("paper/one/**/*.*")
    )
    assert found == ["comparison.md", *(f"figures/{name}" for name in FIGURES), "results.csv"]
    assert not (sweep.folder / "comparison.md").exists()


def test_the_same_runs_give_the_same_files(sweep: Sweep) -> None:
    sweep.arms({"blend": [0.1, 0.2, 0.1]})
    assert main(["compare", str(sweep.folder)]) == 0
    names = ["comparison.md", "results.csv", *(f"figures/{name}" for name in FIGURES)]
    before = [(sweep.folder / name).read_bytes() for name in names]
    assert main(["compare", str(sweep.folder)]) == 0
    assert [(sweep.folder / name).read_bytes() for name in names] == before
    text = before[0].decode()
    assert str(sweep.folder.parent) not in text
    assert re.findall(r"!\[.*\]\((.*)\)", text) == [f"figures/{FIGURES[place]}" for place in (0, 2, 1)]


def test_runs_that_did_not_finish_are_left_out_by_name(
    sweep: Sweep, compare: Compare, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep.arms({"blend": [0.1, 0.1, 0.2]})
    sweep.run("blend", 4, change=noted(status="running"), name="dead")
    sweep.run("none", 4, change=noted(status="diverged", exit_reason="the loss is not finite"), name="diverged")
    sweep.run("none", 5, change=noted(task="evaluate"), name="evaluated")
    text = section(compare(), "Runs")
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("left out")]
    sentences = [
        "dead: it has not ended; it is being trained, or its process was killed",
        "diverged: it is diverged (the loss is not finite)",
        "evaluated: it is no training, but a run of `evaluate`",
    ]
    assert said == [f"left out: {sentence}" for sentence in sentences]
    assert [sentence for sentence in sentences if f"- {sentence}\n" not in f"{text}\n"] == []


def noted(**values: str) -> Callable[[RunRecord], None]:
    """Change fields of a record."""
    return lambda record: vars(record).update(values)


def test_of_repeated_runs_the_first_counts(sweep: Sweep, compare: Compare) -> None:
    sweep.arms({"blend": [0.1, 0.1, 0.2]})
    sweep.run("blend", 1, 39.0, change=noted(started="2026-02-01T00:00:00+00:00"), name="a-better-one")
    text = compare()
    assert rows(text, "Differences to")["negatives=blend"]["difference, dB"] == "+0.133"
    assert "- a-better-one: it repeats negatives=blend,seed=1-" in text


def test_other_code_packages_and_machines_are_named(sweep: Sweep, compare: Compare) -> None:
    def elsewhere(record: RunRecord) -> None:
        record.code["files.py"] = "1" * 64
        record.versions["torch"] = "2.12.0"
        record.host["cpu"] = "arm64"

    sweep.run("none")
    sweep.run("blend", change=elsewhere)
    text = section(compare(), "Runs")
    assert "other files: files.py" in text
    assert "versions of torch" in text
    assert "times cannot be compared" in text


def test_validation_is_called_so(sweep: Sweep, compare: Compare) -> None:
    def on_validation(record: RunRecord) -> None:
        record.metrics["evaluated"]["split"] = "validation"
        record.metrics["validation"] = record.metrics.pop("test")

    sweep.run("none", change=on_validation)
    sweep.run("blend", change=on_validation)
    assert "the validation split of `gopro` (this data set has no test split)" in compare()


def test_the_seed_of_synthetic_blur_may_differ(sweep: Sweep, compare: Compare) -> None:
    def blurred(seed: int) -> Callable[[RunRecord], None]:
        return lambda record: record.data[0].update(synthetic={"noise": 1.0, "seed": seed})

    for negatives in ("none", "blend"):
        for seed in (1, 2, 3):
            sweep.run(negatives, seed, change=blurred(seed))
    assert rows(compare(), "Differences to")["negatives=blend"]["n"] == "3"
