"""How a run begins and ends on disk, whatever its verb: first record, config, log, exit status."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cldeblur.config.identity import code_fingerprint, config_hash, file_hash, method_hash
from cldeblur.config.loading import to_yaml
from cldeblur.config.schema import Run
from cldeblur.environment import git, host, versions
from cldeblur.files import write_text
from cldeblur.records import RunRecord, now

CONFIG_FILE = "config.yaml"
OVERRIDES_FILE = "overrides.yaml"
LOG_FILE = "log.txt"
KINDS = {".ckpt": "checkpoint", ".csv": "table", ".json": "summary", ".png": "picture"}


@dataclass(frozen=True)
class Launch:
    """How a job was started: where it works, what the user typed, and what it goes on with.

    `experiment` and `sweep` are as in `RunRecord`; `earlier` is the record of the run that is resumed.
    """

    task: str
    directory: Path
    content: dict[str, Any]
    overrides: list[str]
    argv: list[str]
    experiment: str | None = None
    sweep: dict[str, Any] | None = None
    earlier: RunRecord | None = None


def begin(launch: Launch, run: Run) -> RunRecord:
    """Write `run.json`, `config.yaml` and `overrides.yaml`; a resumed run goes on with its own record."""
    record = launch.earlier or _first_record(launch, run)
    if launch.earlier is not None:
        record.status, record.ended, record.exit_reason = "running", None, None
        record.config = _hashes(launch.content)
    record.git = git(launch.directory)
    record.code = code_fingerprint(Path(__file__).resolve().parent)
    write_text(launch.directory / CONFIG_FILE, to_yaml(launch.content))
    write_text(launch.directory / OVERRIDES_FILE, "".join(f"- {word}\n" for word in launch.overrides))
    record.write(launch.directory)
    return record


@contextmanager
def logged(directory: Path) -> Iterator[None]:
    """Send what cldeblur says to the terminal and to the run's `log.txt`."""
    logger = logging.getLogger("cldeblur")
    terminal, file = logging.StreamHandler(sys.stdout), logging.FileHandler(directory / LOG_FILE)
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    terminal.setFormatter(logging.Formatter("%(message)s"))
    former = logger.level
    logger.setLevel(logging.INFO)
    for handler in (terminal, file):
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.setLevel(former)
        for handler in (terminal, file):
            logger.removeHandler(handler)
            handler.close()


def list_outputs(directory: Path) -> list[dict[str, Any]]:
    """Every file that a run has made for its user: path in the run's directory, size, content hash and kind."""
    found = sorted(
        path for folder in ("checkpoints", "results", "pictures") for path in directory.glob(f"{folder}/**/*")
    )
    return [
        {
            "path": path.relative_to(directory).as_posix(),
            "bytes": path.stat().st_size,
            "sha256": file_hash(path),
            "kind": KINDS.get(path.suffix, "file"),
        }
        for path in found
        if path.is_file()
    ]


def _first_record(launch: Launch, run: Run) -> RunRecord:
    hashes, moment = _hashes(launch.content), now()
    identifier = f"{moment[:19].replace(':', '-').replace('T', '_')}-{hashes['hash'][:8]}-{os.getpid()}"
    return RunRecord(
        id=identifier,
        name=run.name or launch.directory.name,
        task=launch.task,
        status="running",
        started=moment,
        heartbeat=moment,
        argv=launch.argv,
        overrides=launch.overrides,
        cwd=str(Path.cwd()),
        config=hashes,
        versions=versions(),
        host=host(),
        determinism={},
        notes=run.notes,
        tags=run.tags,
        experiment=launch.experiment,
        sweep=launch.sweep,
    )


def _hashes(content: Mapping[str, Any]) -> dict[str, str]:
    return {"path": CONFIG_FILE, "hash": config_hash(content), "method_hash": method_hash(content)}
