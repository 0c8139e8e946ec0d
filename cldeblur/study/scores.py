"""Per-image results of a run, read back from `results/<data option>.csv`."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cldeblur.errors import Refused
from cldeblur.records import RECORD_FILE, RunRecord

Values = NDArray[np.float64]

BLURRED = "blurred_"
# A table holds every digit of its numbers; another order of adding them up changes the last ones of their mean.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Scores:
    """What a run scored.

    Attributes:
        split: `test`, or `validation` where a data set has no test split.
        data: the data option's name.
        protocol: the protocol's name.
        names: of the images, as the table lists them.
        columns: by the table's own column names a number an image; `psnr` is in dB, `blurred_psnr` the input's own.
    """

    split: str
    data: str
    protocol: str
    names: tuple[str, ...]
    columns: dict[str, Values]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of metrics of restored images."""
        return tuple(name for name in self.columns if not name.startswith(BLURRED))

    @property
    def sequences(self) -> tuple[str, ...]:
        """The video that each image is part of: its name up to the last `/`, empty where there is none."""
        return tuple(name.rpartition("/")[0] for name in self.names)

    def by_image(self, column: str) -> dict[str, float]:
        """A column's number of each image."""
        return dict(zip(self.names, self.columns[column].tolist(), strict=True))


def read_scores(folder: Path, record: RunRecord) -> Scores:
    """Read what a completed run scored, and check that it is what `run.json` says.

    Raises:
        Refused: the table is missing, damaged, or another than the one that the run wrote.
    """
    evaluated: dict[str, str] = record.metrics.get("evaluated", {})
    if not {"split", "data", "protocol"} <= set(evaluated):
        raise Refused(f"{folder / RECORD_FILE} does not say what the run was evaluated on")
    path = folder / "results" / f"{evaluated['data']}.csv"
    names, columns = _read_table(path)
    recorded: dict[str, Any] = record.metrics.get(evaluated["split"], {})
    for column, values in columns.items():
        _check(path, column, values, recorded.get(f"{evaluated['data']}/{column}", {}))
    return Scores(evaluated["split"], evaluated["data"], evaluated["protocol"], names, columns)


def _read_table(path: Path) -> tuple[tuple[str, ...], dict[str, Values]]:
    """Names of images, and the columns of numbers."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = list(csv.reader(file)) or [[]]
        if header[:2] != ["name", "psnr"]:
            raise Refused(f"{path} is damaged: its first columns are not name and psnr")
        numbers = np.array([_numbers(path, row, len(header)) for row in rows]).reshape(len(rows), len(header) - 1)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None
    except Refused:
        raise
    except (ValueError, csv.Error) as error:
        raise Refused(f"{path} is damaged: {error}") from None
    names = tuple(row[0] for row in rows)
    if len(set(names)) < len(names):
        raise Refused(f"{path} is damaged: it names an image twice")
    return names, dict(zip(header[1:], numbers.T, strict=True))


def _numbers(path: Path, row: Sequence[str], length: int) -> list[float]:
    if len(row) != length:
        raise Refused(f"{path} is damaged: the row of '{row[0] if row else ''}' is not as long as the first")
    return [float(cell) for cell in row[1:]]


def _check(path: Path, column: str, values: Values, recorded: dict[str, Any]) -> None:
    """Compare a column with the number of images and the mean that the run noted down."""
    if recorded.get("n") != len(values):
        raise Refused(f"{path} has {len(values)} images, and {RECORD_FILE} counts {recorded.get('n', 'none')}")
    mean = recorded.get("mean")
    if mean is not None and not abs(float(values.mean()) - mean) <= ROUNDING * max(1.0, abs(mean)):
        raise Refused(f"{path} is not the table that the run wrote: the mean of {column} is not that in {RECORD_FILE}")
