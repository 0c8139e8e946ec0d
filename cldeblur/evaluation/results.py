"""Results of an evaluation: statistics, files, and a table for the terminal."""

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from cldeblur.evaluation.evaluate import ImageResult
from cldeblur.evaluation.metrics import METRICS
from cldeblur.files import write_text

COLUMNS = ("restored", "blurred", "difference")
COLUMN = 12  # letters


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation (dividing by n) of a metric over n images; NaN if any image has NaN."""

    mean: float
    std: float
    n: int


@dataclass(frozen=True)
class Scores:
    """Statistics of a set of images by metric, restored and as they came in."""

    restored: dict[str, Statistics]
    blurred: dict[str, Statistics]


@dataclass(frozen=True)
class Summary:
    """An evaluation in short: over all images, and over those of each sequence (in order of name).

    `seconds` is the median time that the network took for an image; the first ones, which warm it up, do not move it.
    """

    overall: Scores
    sequences: dict[str, Scores]
    seconds: float


def summarise(results: Sequence[ImageResult]) -> Summary:
    """Take means over all images and over each sequence.

    Raises:
        ValueError: there are no results.
    """
    if not results:
        raise ValueError("there are no results to summarise")
    names = sorted({result.sequence for result in results})
    by_sequence = {name: [result for result in results if result.sequence == name] for name in names}
    return Summary(
        _scores(results),
        {name: _scores(members) for name, members in by_sequence.items()},
        float(np.median([result.seconds for result in results])),
    )


def _scores(results: Sequence[ImageResult]) -> Scores:
    """Statistics of all metrics over some images."""
    metrics = list(results[0].values)
    return Scores(
        {metric: _statistics([result.values[metric] for result in results]) for metric in metrics},
        {metric: _statistics([result.blurred[metric] for result in results]) for metric in metrics},
    )


def _statistics(values: list[float]) -> Statistics:
    """Mean, standard deviation and number of some values."""
    return Statistics(float(np.mean(values)), float(np.std(values)), len(values))


def write_results(folder: Path, option: str, results: Sequence[ImageResult], summary: Summary) -> None:
    """Write `<option>.csv`, one row an image, and `<option>.json`, the summary, each whole or not at all.

    The table has the columns name, psnr, each further metric, and then `blurred_<metric>` in the same
    order, numbers with all their digits. In the JSON file NaN is null.
    """
    write_text(folder / f"{option}.csv", _table(results))
    sequences = {name: _plain(scores) for name, scores in summary.sequences.items()}
    content = {"overall": _plain(summary.overall), "sequences": sequences}
    write_text(folder / f"{option}.json", json.dumps(content, indent=2, allow_nan=False) + "\n")


def _table(results: Sequence[ImageResult]) -> str:
    """All results as CSV text."""
    metrics = sorted(results[0].values, key=lambda metric: metric != "psnr")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", *metrics, *(f"blurred_{metric}" for metric in metrics)])
    for result in results:
        numbers = [scores[metric] for scores in (result.values, result.blurred) for metric in metrics]
        writer.writerow([result.name, *numbers])
    return text.getvalue()


def _plain(scores: Scores) -> dict[str, dict[str, dict[str, float | None]]]:
    """Scores as dictionaries, with None for numbers that strict JSON cannot hold."""
    return {
        images: {metric: _finite(statistics) for metric, statistics in by_metric.items()}
        for images, by_metric in (("restored", scores.restored), ("blurred", scores.blurred))
    }


def _finite(statistics: Statistics) -> dict[str, float | None]:
    """Statistics as a dictionary, with None in place of NaN."""
    return {key: value if math.isfinite(value) else None for key, value in asdict(statistics).items()}


def summary_table(summary: Summary) -> str:
    """The summary as text: a row a sequence and one for all, restored beside blurred for every metric."""
    # One sequence alone, or no names of sequences, would only repeat the last row.
    rows = list(summary.sequences.items()) if len(summary.sequences) > 1 else []
    labelled = [(name or "(no sequence)", scores) for name, scores in rows] + [("all", summary.overall)]
    width = max(len(name) for name in ["sequence", *dict(labelled)])
    metrics = list(summary.overall.restored)
    lines = [
        f"{'':{width}}        " + "".join(_title(metric) for metric in metrics),
        f"{'sequence':{width}}  images" + "".join(f"{word:>{COLUMN}}" for _ in metrics for word in COLUMNS),
    ]
    for name, scores in labelled:
        numbers = "".join(_numbers(metric, scores) for metric in metrics)
        lines.append(f"{name:{width}}  {scores.restored[metrics[0]].n:>6}{numbers}")
    return "\n".join(line.rstrip() for line in lines)


def _title(metric: str) -> str:
    """A metric's name and unit above the right end of its columns."""
    unit = METRICS[metric].unit
    return f"{metric}, {unit}".rjust(COLUMN * len(COLUMNS)) if unit else metric.rjust(COLUMN * len(COLUMNS))


def _numbers(metric: str, scores: Scores) -> str:
    """A metric's columns in one row."""
    decimals = METRICS[metric].decimals
    restored, blurred = scores.restored[metric].mean, scores.blurred[metric].mean
    means = f"{restored:>{COLUMN}.{decimals}f}{blurred:>{COLUMN}.{decimals}f}"
    return f"{means}{restored - blurred:>+{COLUMN}.{decimals}f}"
