"""The history of a training, `metrics.csv`: one row an epoch."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from cldeblur.files import write_text

METRICS_FILE = "metrics.csv"
Row = dict[str, float | None]
PLAIN = (
    "epoch",
    "step",
    "lr",
    "train/loss",
    "train/pixel",
    "train/frequency",
    "train/images_per_second",
    "val/psnr",
    "val/ssim",
    "val/blurred_psnr",
    "val/blurred_ssim",
)
CONTRASTIVE = (
    "train/contrast",
    "contrast/stage",
    "contrast/level",
    "contrast/reached",
    "contrast/weight",
    "contrast/gradient_ratio",
    "contrast/gradient_ratio_q25",
    "contrast/gradient_ratio_q50",
    "contrast/gradient_ratio_q75",
    "contrast/clipped",
    "contrast/pull",
    "contrast/push",
    "contrast/push_fraction",
    "contrast/alignment",
    "contrast/negative_psnr",
    "contrast/overtaken",
)


def contrastive_columns(taps: Sequence[str]) -> list[str]:
    """Columns of `metrics.csv` that a run with negatives has beside a plain one's."""
    return [*CONTRASTIVE, *(f"contrast/pull_push/{tap}" for tap in taps)]


class History:
    """One row an epoch, every column from the first row on; on disk it is always whole."""

    def __init__(self, path: Path, columns: list[str]) -> None:
        self._path = path
        self._columns = columns
        self.rows: list[Row] = read_history(path) if path.is_file() else []

    def forget_from(self, epoch: int) -> None:
        """Drop rows that a killed run wrote after the checkpoint from which it goes on."""
        self.rows = [row for row in self.rows if (row["epoch"] or 0) < epoch]

    def append(self, row: Row) -> None:
        """Add an epoch's row, and write the file anew beside its place."""
        self.rows.append({column: row.get(column) for column in self._columns})
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=self._columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: "" if value is None else value for name, value in row.items()} for row in self.rows)
        write_text(self._path, text.getvalue())


def read_history(path: Path) -> list[Row]:
    """The rows of a `metrics.csv`; None where a cell is blank."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: _number(value) for name, value in row.items()} for row in csv.DictReader(file)]


def _number(cell: str) -> float | None:
    """A cell's number; whole ones stay whole, so that a file that a resume continues reads as if it had not."""
    if not cell:
        return None
    return int(cell) if cell.isdigit() else float(cell)
