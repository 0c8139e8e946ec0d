"""The finished trainings below a folder, as their own files tell of them."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cldeblur.config.loading import read_config
from cldeblur.errors import Refused
from cldeblur.history import METRICS_FILE, Row, read_history
from cldeblur.records import RECORD_FILE, RunRecord, read_record
from cldeblur.study.scores import Scores, read_scores

CONFIG_FILE = "config.yaml"


@dataclass(frozen=True)
class Run:
    """A completed training.

    Attributes:
        name: its folder, below the folder that was searched.
        record: its `run.json`.
        content: its `config.yaml`.
        scores: of every image that it was evaluated on.
        history: its `metrics.csv`, a row an epoch.
    """

    name: str
    record: RunRecord
    content: dict[str, Any]
    scores: Scores
    history: list[Row]

    @property
    def seed(self) -> int:
        """The seed that everything random in it follows from."""
        return int(self.content["seed"])

    @property
    def method(self) -> str:
        """The hash that all runs of its arm share."""
        return self.record.config["method_hash"]

    def curve(self, column: str) -> dict[int, float]:
        """A column of the history by epoch, counted from 0; epochs without a value are left out."""
        points = ((row.get("epoch"), row.get(column)) for row in self.history)
        return {int(epoch): value for epoch, value in points if epoch is not None and value is not None}


def read_runs(folder: Path) -> tuple[list[Run], list[str]]:
    """Read every run below a folder, in the order of their names.

    Returns:
        The completed trainings, and a sentence for each run that is left out because it is not one.

    Raises:
        Refused: the folder is missing, or a file of a completed run is missing or damaged.
    """
    if not folder.is_dir():
        raise Refused(f"{folder} is not a directory")
    runs, left_out = [], []
    for path in sorted(folder.rglob(RECORD_FILE)):
        name = path.parent.relative_to(folder).as_posix()
        found = _read(name, path.parent)
        if isinstance(found, Run):
            runs.append(found)
        else:
            left_out.append(f"{name}: {found}")
    return runs, left_out


def _read(name: str, folder: Path) -> Run | str:
    """A run, or why it is left out."""
    record = read_record(folder)
    if record.task != "train":
        return f"it is no training, but a run of `{record.task}`"
    if record.status == "running":
        return "it has not ended; it is being trained, or its process was killed"
    if record.status != "completed":
        return f"it is {record.status}" + (f" ({record.exit_reason})" if record.exit_reason else "")
    content = read_config(folder / CONFIG_FILE)
    _refuse_incomplete(folder, record, content)
    scores = read_scores(folder, record)
    for metric, values in scores.columns.items():
        for image, value in zip(scores.names, values, strict=True):
            if not math.isfinite(value):
                return f"its {metric} of {image} is not a number"
    return Run(name, record, content, scores, _history(folder / METRICS_FILE, record))


def _refuse_incomplete(folder: Path, record: RunRecord, content: dict[str, Any]) -> None:
    """Refuse a completed run whose own files lack what every completed run has."""
    if not isinstance(content.get("seed"), int):
        raise Refused(f"{folder / CONFIG_FILE} is damaged: it has no seed")
    whole = {
        "config": isinstance(record.config, dict) and isinstance(record.config.get("method_hash"), str),
        "metrics": isinstance(record.metrics, dict) and isinstance(record.metrics.get("evaluated", {}), dict),
        "data": isinstance(record.data, list) and all("split" in entry for entry in record.data),
    }
    for section, is_whole in whole.items():
        if not is_whole:
            raise Refused(f"{folder / RECORD_FILE} is damaged: its section {section} is incomplete")


def _history(path: Path, record: RunRecord) -> list[Row]:
    """A run's `metrics.csv`, refused in a sentence where it cannot be read."""
    try:
        rows = read_history(path)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, AttributeError):
        raise Refused(f"{path} is damaged: a cell is no number, or a row is longer than the first") from None
    if len(rows) != record.progress.get("epochs"):
        counted = record.progress.get("epochs", "none")
        raise Refused(f"{path} has {len(rows)} epochs, and {RECORD_FILE} counts {counted}")
    return rows
