"""The records of a run, `run.json`, and of a sweep, `sweep.json`: their fields, reading and writing them.

What is written is never half-written; what is read has every field, each of its type.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from cldeblur.errors import Refused
from cldeblur.files import write_text

SCHEMA = 1
RECORD_FILE = "run.json"
SWEEP_FILE = "sweep.json"
HOUR = 3600
Status = Literal["running", "completed", "failed", "interrupted", "diverged", "pruned"]
JobStatus = Literal["waiting", "running", "completed", "failed", "interrupted", "diverged", "pruned", "died", "refused"]

# A run that a search stops early has given what was wanted of it.
ENDED_WELL = ("completed", "pruned")


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


@dataclass
class SweepJob:
    """One run of a sweep: where it lives, what it is, and how it stands.

    Attributes:
        directory: the run's own, by its name below the sweep's.
        hash: of the run's config.
        overrides: what was typed for it; those of the first job, where several jobs are this run.
        numbers: places of those jobs in the sweep, counted from 0 as Hydra does; none: an earlier command asked for it.
        reason: why it has not been completed.
    """

    directory: str
    hash: str
    overrides: list[str]
    numbers: list[int]
    status: JobStatus = "waiting"
    reason: str | None = None
    started: str | None = None
    ended: str | None = None


@dataclass
class SweepRecord:
    """What `sweep.json` holds: the command of a sweep, its jobs and their states.

    A repeated command, or a longer one, takes up the record that is there. `experiments` and `data` are the names of
    the options that its jobs have chosen.
    """

    id: str
    task: str
    status: Literal["running", "completed", "failed", "interrupted"]
    started: str
    argv: list[str]
    overrides: list[str]
    cwd: str
    experiments: list[str]
    data: list[str]
    versions: dict[str, str]
    git: dict[str, Any] | None = None
    ended: str | None = None
    jobs: list[SweepJob] = field(default_factory=list)
    schema: int = SCHEMA

    def write(self, folder: Path) -> None:
        """Write `sweep.json` into `folder`, all of it or nothing."""
        write_text(folder / SWEEP_FILE, to_json(asdict(self)))


Record = TypeVar("Record", RunRecord, SweepJob, SweepRecord)


def read_record(folder: Path) -> RunRecord:
    """Read the record of the run in `folder`.

    Raises:
        Refused: there is none, it is damaged, or a newer cldeblur wrote it.
    """
    path = folder / RECORD_FILE
    return _built(RunRecord, _content(path, "a run directory"), path)


def read_sweep(folder: Path) -> SweepRecord:
    """Read the record of the sweep in `folder`.

    Raises:
        Refused: there is none, it is damaged, or a newer cldeblur wrote it.
    """
    path = folder / SWEEP_FILE
    content = _content(path, "a sweep directory")
    jobs = content.get("jobs")
    if isinstance(jobs, list):
        content["jobs"] = [_built(SweepJob, item if isinstance(item, dict) else {}, path) for item in jobs]
    return _built(SweepRecord, content, path)


def _content(path: Path, what: str) -> dict[str, Any]:
    """The JSON object in a record's file, if it is of a schema that is known."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refused(f"{path.parent} is not {what}: it has no {path.name}") from None
    except (OSError, ValueError) as error:
        raise Refused(f"{path} cannot be read: {error}") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise Refused(f"{path} is no record that this cldeblur understands (it reads schema {SCHEMA})")
    return content


def _built(kind: type[Record], content: Mapping[str, Any], path: Path) -> Record:
    """A record out of its JSON object; fields of a later version are left out."""
    types = get_type_hints(kind)
    for name, hint in types.items():
        if name not in content:
            raise Refused(f"{path} is damaged: it has no field '{name}'")
        if not _fits(content[name], hint):
            raise Refused(f"{path} is damaged: its field '{name}' is {content[name]!r}")
    return kind(**{name: content[name] for name in types})


def _fits(value: object, hint: Any) -> bool:
    """Whether a JSON value is of the type that a record's field is declared with."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any or origin is Literal:
        return hint is Any or value in inner
    if origin is UnionType:
        return any(_fits(value, one) for one in inner)
    if origin is list:
        return isinstance(value, list) and all(_fits(item, inner[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(item, inner[1]) for item in value.values())
    # True is an int to Python; a whole number may stand for a real one.
    return type(value) is hint or (hint is float and type(value) is int)


def runs_in(folder: Path) -> list[tuple[Path, RunRecord]]:
    """The run directories right below a folder with their records, those that can be read."""
    found = []
    for path in sorted(folder.glob(f"*/{RECORD_FILE}")):
        try:
            found.append((path.parent, read_record(path.parent)))
        except Refused:
            continue
    return found


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
