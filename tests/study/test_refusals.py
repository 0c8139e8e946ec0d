"""Runs that cannot be compared are refused in one sentence, and nothing is written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cldeblur.cli.main import main
from cldeblur.records import RunRecord

Sweep = Any  # FakeSweep of conftest.py
Refused = Callable[..., str]


@pytest.fixture
def refused(sweep: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Give `refused(*options)`, the sentence with which comparing the sweep is refused."""

    def run(*options: str) -> str:
        before = sorted(tmp_path.rglob("*"))
        code = main(["compare", str(sweep.folder), *options])
        lines = capsys.readouterr().err.splitlines()
        assert (code, len(lines)) == (2, 1), lines
        assert sorted(tmp_path.rglob("*")) == before
        return lines[0].removeprefix("cldeblur: ")

    return run


def test_no_directory(refused: Refused, sweep: Sweep) -> None:
    assert refused() == f"{sweep.folder} is not a directory"


def test_no_runs(refused: Refused, sweep: Sweep) -> None:
    sweep.folder.mkdir()
    assert refused() == f"{sweep.folder} holds no completed training"


def test_one_run(refused: Refused, sweep: Sweep) -> None:
    sweep.run("none")
    assert "holds 1 completed training, all of one method" in refused()


def test_one_arm(refused: Refused, sweep: Sweep) -> None:
    sweep.run("none", 1)
    sweep.run("none", 2)
    assert "holds 2 completed trainings, all of one method" in refused()


@pytest.mark.parametrize("status", ["running", "failed", "interrupted"])
def test_half_written_runs_alone(status: str, refused: Refused, sweep: Sweep) -> None:
    sweep.run("none", change=lambda record: vars(record).update(status=status), name="first")
    sweep.run("blend", change=lambda record: vars(record).update(status=status), name="second")
    sentence = refused()
    assert "holds no completed training: first: it " in sentence
    assert "; second: it " in sentence


def test_an_image_that_is_not_a_number_leaves_its_run_out(refused: Refused, sweep: Sweep) -> None:
    sweep.run("none", name="first")
    folder = sweep.run("blend", psnr=float("nan"), name="second")
    assert "null" in (folder / "run.json").read_text()
    assert "holds 1 completed training" in refused()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [", "is damaged: it is no YAML"),
        ("", "is damaged: it holds no keys"),
        ("- 1", "is damaged: it holds no keys"),
        ("crop: 3", "is damaged: it has no seed"),
    ],
)
def test_a_damaged_config(content: str, said: str, refused: Refused, sweep: Sweep) -> None:
    sweep.run("none")
    folder = sweep.run("blend")
    (folder / "config.yaml").write_text(content)
    assert refused() == f"{folder / 'config.yaml'} {said}"


@pytest.mark.parametrize(("section", "value"), [("config", {}), ("metrics", {"evaluated": None}), ("data", [{}])])
def test_a_record_of_which_a_part_is_missing(section: str, value: object, refused: Refused, sweep: Sweep) -> None:
    sweep.run("none")
    folder = sweep.run("blend", change=lambda record: vars(record).update({section: value}))
    assert refused() == f"{folder / 'run.json'} is damaged: its section {section} is incomplete"


def unlike(path: str, value: object) -> Callable[[RunRecord], None]:
    """Change the value at a path of keys in a record."""

    def change(record: RunRecord) -> None:
        *above, last = path.split(" ")
        place: Any = vars(record)
        for key in above:
            place = place[int(key)] if isinstance(place, list) else place[key]
        place[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("metrics evaluated protocol", "rounded", "protocol=cldeblur, the other by protocol=rounded"),
        ("metric_defs psnr", "something else", "psnr is defined in two ways"),
        ("data 0 fingerprint", "e" * 64, "their train data are not the same (20 and 20 images)"),
        ("data", [], "their train data are not the same (20 and no images)"),
        ("data 0 synthetic", {"noise": 1.0, "seed": 1}, "their train data are blurred differently"),
    ],
)
def test_runs_that_are_unlike(path: str, value: object, named: str, refused: Refused, sweep: Sweep) -> None:
    sweep.run("none", name="first")
    sweep.run("blend", change=unlike(path, value), name="second")
    sentence = refused()
    assert sentence.startswith("first and second cannot be compared: ")
    assert named in sentence


def test_other_images(refused: Refused, sweep: Sweep) -> None:
    sweep.run("none", name="first")
    sweep.images = (*sweep.images[1:], "other/1", "other/2")
    sweep.run("blend", name="second")
    assert "they were scored on 9 and 10 images, and only one of them on GOPR0384/1" in refused()


def test_images_of_one_name_that_are_not_the_same(refused: Refused, sweep: Sweep) -> None:
    sweep.run("none", name="first")
    folder = sweep.run("blend", name="second")
    rewrite(folder, lambda text: text.replace(",24.0,", ",24.5,"), "blurred_psnr", 25 + 0.5 / 9)
    assert "GOPR0384/1 is not the same picture: its blurred_psnr is 24.0000 and 24.5000" in refused()


def test_other_metrics(refused: Refused, sweep: Sweep) -> None:
    sweep.run("none", name="first")
    folder = sweep.run("blend", name="second")
    rewrite(folder, lambda text: text.replace("ssim_3d", "ssim_9"), "psnr", 30.0)
    content = (folder / "run.json").read_text()
    (folder / "run.json").write_text(content.replace("ssim_3d", "ssim_9"))
    assert "the one has the metrics psnr, ssim_3d, the other psnr, ssim_9" in refused()


def rewrite(folder: Path, change: Callable[[str], str], column: str, mean: float) -> None:
    """Change a run's table, and let the mean of a column in `run.json` agree."""
    path = folder / "results" / "gopro.csv"
    path.write_text(change(path.read_text()))
    content = json.loads((folder / "run.json").read_text())
    content["metrics"]["test"][f"gopro/{column}"]["mean"] = mean
    (folder / "run.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda text: text[: text.rindex("\n", 0, -1) + 1], "has 8 images, and run.json counts 9"),
        (lambda text: text[:-4], "is not the table that the run wrote: the mean of blurred_ssim_3d"),
        (lambda text: text[:-30], "is not as long as the first"),
        (lambda text: text.replace("31.0", "39.0"), "the mean of psnr is not that in run.json"),
        (lambda text: text.replace("31.0", "x"), "is damaged: could not convert"),
        (lambda text: text.replace("0396/1", "0384/1"), "names an image twice"),
        (lambda _: "", "its first columns are not name and psnr"),
        (None, "cannot be read: No such file"),
    ],
)
def test_damaged_results(change: Callable[[str], str] | None, named: str, refused: Refused, sweep: Sweep) -> None:
    sweep.run("none")
    path = sweep.run("blend", name="second") / "results" / "gopro.csv"
    if change is None:
        path.unlink()
    else:
        path.write_text(change(path.read_text()))
    sentence = refused()
    assert named in sentence
    assert "second/results/gopro.csv" in sentence


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("metrics.csv", None, "cannot be read"),
        ("metrics.csv", "epoch,val/psnr\n0,30.0\n", "has 1 epochs, and run.json counts 4"),
        ("metrics.csv", "epoch,val/psnr\n0,30.0\n1,thirty\n", "a cell is no number"),
        ("metrics.csv", "epoch,val/psnr\n0,30.0,1\n", "a row is longer than the first"),
        ("config.yaml", None, "cannot be read"),
        ("run.json", "{", "cannot be read"),
    ],
)
def test_other_damaged_files(name: str, content: str | None, named: str, refused: Refused, sweep: Sweep) -> None:
    sweep.run("none")
    path = sweep.run("blend", name="second") / name
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    sentence = refused()
    assert named in sentence
    assert f"second/{name}" in sentence


def test_a_record_without_evaluation(refused: Refused, sweep: Sweep) -> None:
    sweep.run("none")
    sweep.run("blend", change=lambda record: record.metrics.clear(), name="second")
    assert "second/run.json does not say what the run was evaluated on" in refused()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--baseline", "negatives=unsharp"], "matches no arm; there are negatives=blend; negatives=none"),
        (["--baseline", "negtives=none"], "did you mean 'negatives'"),
        (["--baseline"], "expected one argument"),
        (["--basline", "negatives=none"], "compare takes no '--basline'; did you mean '--baseline'?"),
        (["negatives=none"], "compare takes no 'negatives=none'"),
        (["-m"], "compare takes no '-m'"),
    ],
)
def test_words(words: list[str], named: str, refused: Refused, sweep: Sweep) -> None:
    sweep.run("none")
    sweep.run("blend")
    assert named in refused(*words)


def test_a_directory_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare"]) == 2
    assert "SWEEP_DIR" in capsys.readouterr().err


def test_an_output_that_is_a_file(refused: Refused, sweep: Sweep, tmp_path: Path) -> None:
    sweep.arms({"blend": [0.1]})
    (tmp_path / "file").touch()
    assert refused("--output", str(tmp_path / "file")).endswith("file is not a directory")


def test_an_output_that_cannot_be_written(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    sweep.arms({"blend": [0.1]})
    monkeypatch.setattr("cldeblur.study.writing.write_bytes", full)
    assert main(["compare", str(sweep.folder)]) == 1
    assert (
        capsys.readouterr().err == f"cldeblur: failed: {sweep.folder} cannot be written to: No space left on device\n"
    )
