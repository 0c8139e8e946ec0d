"""The record of a run, `run.json`: its fields, reading it, and writing it so that it is never half-written."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from cldeblur.errors import Refused
from cldeblur.files import write_text

SCHEMA = 1
RECORD_FILE = "run.json"
HOUR = 3600
Status = Literal["running", "completed", "failed", "interrupted", "diverged", "pruned"]


def now() -> str:
    """The time in UTC, as ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def duration(seconds: float) -> str:
    """A time span in words: `40 s`, `12 min`, `3.5 h`, `6.2 days`."""
    if seconds < 2 * 60:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / HOUR:.1f} h" if seconds < 48 * HOUR else f"{seconds / HOUR / 24:.1f} days"


@dataclass
class RunRecord:
    """What `run.json` holds: enough to know what ran, on what, how it ended, and what came out.

    Every value is plain JSON; a number that is not finite is written as null.
    """

    id: str
    name: str
    task: str
    status: Status
    started: str
    heartbeat: str
    argv: list[str]
    overrides: list[str]
    cwd: str
    config: dict[str, str]
    versions: dict[str, str]
    host: dict[str, Any]
    determinism: dict[str, Any]
    notes: str = ""
    tags: list[str] = field(default_factory=list)
    experiment: str | None = None
    sweep: dict[str, Any] | None = None
    exit_reason: str | None = None
    ended: str | None = None
    git: dict[str, Any] | None = None
    code: dict[str, str] = field(default_factory=dict)
    data: list[dict[str, Any]] = field(default_factory=list)
    model: dict[str, Any] = field(default_factory=dict)
    features: dict[str, Any] | None = None
    init: dict[str, Any] | None = None
    resumed_from: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    metric_defs: dict[str, str] = field(default_factory=dict)
    progress: dict[str, int] = field(default_factory=dict)
    cost: dict[str, float | None] = field(default_factory=dict)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    schema: int = SCHEMA

    def write(self, folder: Path) -> None:
        """Write `run.json` into `folder`, all of it or nothing, with a fresh heartbeat."""
        self.heartbeat = now()
        write_text(folder / RECORD_FILE, to_json(asdict(self)))

    def end(self, folder: Path, status: Status, reason: str | None = None) -> None:
        """Note how the run ended, and write the record."""
        self.status, self.exit_reason, self.ended = status, reason, now()
        self.write(folder)


def read_record(folder: Path) -> RunRecord:
    """Read the record of the run in `folder`.

    Raises:
        Refused: there is none, it is damaged, or a newer cldeblur wrote it.
    """
    path = folder / RECORD_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refused(f"{folder} is not a run directory: it has no {RECORD_FILE}") from None
    except (OSError, ValueError) as error:
        raise Refused(f"{path} cannot be read: {error}") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise Refused(f"{path} is no record that this cldeblur understands (it reads schema {SCHEMA})")
    try:
        return RunRecord(**{item.name: content[item.name] for item in fields(RunRecord)})
    except KeyError as error:
        raise Refused(f"{path} is damaged: it has no field {error}") from None


def records_in(folder: Path) -> Iterator[tuple[Path, RunRecord]]:
    """The run directories that lie in `folder`, with their records; those that cannot be read are passed over."""
    for path in sorted(folder.glob(f"*/{RECORD_FILE}")):
        try:
            yield path.parent, read_record(path.parent)
        except Refused:
            continue


def to_json(content: Mapping[str, Any]) -> str:
    """Strict JSON, indented, with null in place of NaN and infinity."""
    return json.dumps(_finite(content), indent=2, allow_nan=False) + "\n"


def _finite(value: object) -> object:
    """The same JSON value, with null in place of numbers that strict JSON cannot hold."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
