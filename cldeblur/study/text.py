"""Numbers and tables as text."""

import csv
import io
import math
from collections.abc import Iterable, Sequence

import numpy as np

from cldeblur.study.comparison import PRIMARY, Comparison

NOTHING = "-"
DECIMALS = {PRIMARY: 3}
UNITS = {PRIMARY: "dB"}
FURTHER_DECIMALS = 5
SMALLEST_P = 1e-4


def number(value: float | None, decimals: int, signed: bool = False) -> str:
    """A number with so many decimals; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"


def span(interval: Sequence[float] | None, decimals: int) -> str:
    """Both ends of an interval."""
    return NOTHING if interval is None else " to ".join(number(end, decimals, signed=True) for end in interval)


def probability(value: float) -> str:
    """A p with two digits that count, `= 0.03`, or how small it is at most."""
    return "< 0.0001" if value < SMALLEST_P else f"= {value:.2g}"


def mean_and_spread(values: Sequence[float], decimals: int) -> str:
    """`mean ± standard deviation`, the mean alone where there is one value."""
    if not values:
        return NOTHING
    mean = number(float(np.mean(values)), decimals)
    return f"{mean} ± {number(float(np.std(values, ddof=1)), decimals)}" if len(values) > 1 else mean


def named(metric: str) -> str:
    """A metric's name with its unit."""
    return f"{metric}, {UNITS[metric]}" if metric in UNITS else metric


def decimals(metric: str) -> int:
    """Digits behind the point that differences of a metric need."""
    return DECIMALS.get(metric, FURTHER_DECIMALS)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with words in its first column and numbers in the others."""
    ruler = ["---", *("---:" for _ in header[1:])]
    lines = [header, ruler, *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def results_table(comparison: Comparison) -> str:
    """`results.csv`: a row a run and image, for whoever wants to count again.

    Columns: arm, run (its folder, below the one that was read), seed, sequence, name (of the image), and the
    columns of the runs' own tables under their own names, such as psnr (dB) and blurred_psnr, with all digits.
    """
    columns = list(comparison.scores.columns)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["arm", "run", "seed", "sequence", "name", *columns])
    for arm in comparison.arms:
        for run in arm.runs:
            values = zip(*(run.scores.columns[column].tolist() for column in columns), strict=True)
            for name, sequence, row in zip(run.scores.names, run.scores.sequences, values, strict=True):
                writer.writerow([arm.name, run.name, run.seed, sequence, name, *row])
    return text.getvalue()
