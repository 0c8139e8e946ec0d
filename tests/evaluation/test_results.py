"""Results as files and as a table."""

import csv
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cldeblur.evaluation.evaluate import ImageResult
from cldeblur.evaluation.results import summarise, summary_table, write_results


def result(name: str, psnr: float, blurred: float = 25.0) -> ImageResult:
    """A result with an SSIM that follows the PSNR."""
    sequence = name.rpartition("/")[0]
    values, of_input = {"ssim_3d": psnr / 50, "psnr": psnr}, {"ssim_3d": 0.5, "psnr": blurred}
    return ImageResult(name, sequence, values, of_input, seconds=blurred / 100)


RESULTS = [result("b/1", 30.0), result("a/1", 26.0), result("a/2", 28.0, 24.0)]


def test_means_over_all_images_and_over_sequences() -> None:
    summary = summarise(RESULTS)
    psnr = summary.overall.restored["psnr"]
    assert (psnr.mean, psnr.n) == (28.0, 3)
    assert psnr.std == pytest.approx(math.sqrt(8 / 3))
    assert list(summary.sequences) == ["a", "b"]
    assert summary.sequences["a"].restored["psnr"].mean == 27.0
    assert summary.sequences["a"].blurred["psnr"].mean == 24.5
    assert summary.sequences["b"].restored["psnr"].std == 0.0
    assert summary.seconds == 0.25


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100)), min_size=1, max_size=12))
def test_sequences_weighted_by_their_images_make_the_whole(images: list[tuple[str, float]]) -> None:
    summary = summarise([result(f"{sequence}/{number}", psnr) for number, (sequence, psnr) in enumerate(images)])
    parts = [scores.restored["psnr"] for scores in summary.sequences.values()]
    whole = summary.overall.restored["psnr"]
    assert sum(part.n for part in parts) == whole.n == len(images)
    assert sum(part.mean * part.n for part in parts) / whole.n == pytest.approx(whole.mean)


def test_there_is_no_summary_of_nothing() -> None:
    with pytest.raises(ValueError, match="no results"):
        summarise([])


def test_the_table_of_images_has_psnr_first_and_every_digit(tmp_path: Path) -> None:
    results = [result("seq/with, comma", 26 + 1 / 3), *RESULTS]
    write_results(tmp_path / "results", "gopro", results, summarise(results))
    with (tmp_path / "results" / "gopro.csv").open(newline="") as file:
        header, first, *rest = csv.reader(file)
    assert header == ["name", "psnr", "ssim_3d", "blurred_psnr", "blurred_ssim_3d"]
    assert first[0] == "seq/with, comma"
    assert [float(number) for number in first[1:]] == [26 + 1 / 3, (26 + 1 / 3) / 50, 25.0, 0.5]
    assert len(rest) == len(RESULTS)
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["gopro.csv", "gopro.json"]


def test_the_summary_is_strict_json_with_null_for_nan(tmp_path: Path) -> None:
    results = [*RESULTS, result("c/1", math.nan)]
    write_results(tmp_path, "gopro", results, summarise(results))

    def refuse(word: str) -> None:
        raise AssertionError(word)

    content = json.loads((tmp_path / "gopro.json").read_text(), parse_constant=refuse)
    assert content["overall"]["restored"]["psnr"] == {"mean": None, "std": None, "n": 4}
    assert content["overall"]["blurred"]["psnr"]["mean"] == pytest.approx(24.75)
    assert content["sequences"]["a"]["restored"]["psnr"] == {"mean": 27.0, "std": 1.0, "n": 2}


def test_the_terminal_shows_restored_beside_blurred() -> None:
    lines = summary_table(summarise(RESULTS)).splitlines()
    assert lines[0].split() == ["ssim_3d", "psnr,", "dB"]
    assert lines[1].split() == ["sequence", "images", *["restored", "blurred", "difference"] * 2]
    assert lines[2].split() == ["a", "2", "0.5400", "0.5000", "+0.0400", "27.00", "24.50", "+2.50"]
    assert lines[4].split() == ["all", "3", "0.5600", "0.5000", "+0.0600", "28.00", "24.67", "+3.33"]
    assert {len(line) for line in lines[1:]} == {len(lines[1])}


def test_one_sequence_needs_one_row() -> None:
    assert len(summary_table(summarise([result("1", 30.0), result("2", 31.0)])).splitlines()) == 3
    mixed = summary_table(summarise([result("1", 30.0), result("a/2", 31.0)]))
    assert "(no sequence)" in mixed
