"""Which directory a run gets, and whether what is there already may be taken up, or is done."""

import fcntl
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cldeblur.config.identity import canonical, config_hash
from cldeblur.config.loading import keys, read_config
from cldeblur.errors import Refused
from cldeblur.records import ENDED_WELL, RECORD_FILE, RunRecord, read_record
from cldeblur.sweeps.naming import new_run_directory

LOCK_FILE = ".lock"
CONFIG_FILE = "config.yaml"
# A run that is killed in its first moments leaves these.
BEFORE_THE_RECORD = {LOCK_FILE, CONFIG_FILE, "overrides.yaml", "log.txt", "code.diff"}
LONGEST_HOLDER = 300


@dataclass(frozen=True)
class Claim:
    """What a job found in its directory: nothing, a run to go on with, or one that is finished."""

    directory: Path
    earlier: RunRecord | None = None
    finished: bool = False


def choose_directory(content: Mapping[str, Any], group: str) -> tuple[Path, str | None]:
    """The directory of a single run, and a word to the user about how it was chosen.

    `run.dir` and a directory in `resume` are taken at their word; `resume=auto` looks for the newest unfinished
    run of the same config below `run.root`, then for a finished one.

    Raises:
        Refused: `run.dir` and `resume` name two directories.
    """
    run, resume = content["run"], content.get("resume")
    if None not in (run["dir"], resume) and resume not in ("auto", run["dir"]):
        raise Refused(f"run.dir={run['dir']} and resume={resume} name two directories; give one of them")
    if run["dir"] is not None:
        absent = resume == "auto" and not (Path(run["dir"]) / RECORD_FILE).is_file()
        return Path(run["dir"]), f"nothing to resume in {run['dir']}: starting afresh" if absent else None
    if resume not in (None, "auto"):
        return Path(resume), None
    fresh = new_run_directory(run["root"], group, content)
    if resume is None:
        return fresh, None
    found = list(_runs_of(Path(run["root"]), content))
    unfinished = [record for record in found if record[1].status not in ENDED_WELL]
    if unfinished or found:
        return max(unfinished or found, key=lambda pair: pair[1].started)[0], None
    return fresh, f"nothing to resume below {run['root']}: starting afresh"


def _runs_of(root: Path, content: Mapping[str, Any]) -> Iterator[tuple[Path, RunRecord]]:
    """Runs below `root` of the same config that nobody is working on."""
    for path in root.rglob(RECORD_FILE):
        try:
            record = read_record(path.parent)
            # A longer run takes no other's place: that of a sweep's job least of all.
            same = record.config["hash"] == config_hash(content)
            ours = same or (record.status not in ENDED_WELL and record.sweep is None)
            fits = record.task == "train" and ours and may_continue(path.parent, record, content)
        except Refused:
            continue
        if fits and not is_locked(path.parent):
            yield path.parent, record


def claim(directory: Path, content: Mapping[str, Any], resume: bool) -> Claim:
    """Decide what to do in a directory.

    Args:
        directory: the run's own.
        content: the resolved config.
        resume: whether an unfinished run that is there may be gone on with.

    Raises:
        Refused: the directory holds something else, or a run to go on with was asked for and there is none.
    """
    if not (directory / RECORD_FILE).is_file():
        if content.get("resume") not in (None, "auto"):
            raise Refused(f"resume={directory}: there is no run")
        if not _holds_a_beginning(directory, content):
            raise Refused(f"run.dir={directory} is not empty, and what it holds is no run")
        return Claim(directory)
    record = read_record(directory)
    if not may_continue(directory, record, content):
        raise Refused(f"{directory} holds another run ({_difference(directory, content)})")
    finished = record.status == "completed" and record.config["hash"] == config_hash(content)
    if record.task == "evaluate" and not finished:
        return Claim(directory)
    if not finished and not resume:
        raise Refused(
            f"{directory} holds a run of this config that is {record.status}; add resume=auto to go on with it"
        )
    return Claim(directory, record, finished)


def _holds_a_beginning(directory: Path, content: Mapping[str, Any]) -> bool:
    """Whether a directory holds nothing but what a run writes before its record, a run of this config at that."""
    names = {path.name for path in directory.glob("*")}
    if not names <= BEFORE_THE_RECORD:
        return False
    written = directory / CONFIG_FILE
    return not written.is_file() or config_hash(read_config(written)) == config_hash(content)


def may_continue(directory: Path, record: RunRecord, content: Mapping[str, Any]) -> bool:
    """Whether a run was of this config, or of one that only ends sooner and whose course does not depend on its end."""
    if record.config["hash"] == config_hash(content):
        return True
    if record.task != "train" or "trainer" not in content or depends_on_length(content):
        return False
    earlier = read_config(directory / CONFIG_FILE)
    longer = content["trainer"]["max_epochs"]
    if earlier["trainer"]["max_epochs"] > longer:
        return False
    prolonged = {**earlier, "trainer": {**earlier["trainer"], "max_epochs": longer}}
    return config_hash(prolonged) == config_hash(content)


def depends_on_length(content: Mapping[str, Any]) -> bool:
    """Whether the course of a run depends on `trainer.max_epochs`: a cosine's does, and equal parts of it as stages.

    A schedule that the negatives give no effect does not count.
    """
    scheduler = content["optimizer"].get("scheduler") or {}
    cosine = "Cosine" in str(scheduler.get("_target_"))
    schedule = canonical(content).get("schedule", {})
    return cosine or ("interval" in schedule and schedule["interval"] is None)


@contextmanager
def locked(directory: Path, wait: bool = False) -> Iterator[None]:
    """Hold a run's or a sweep's directory against other processes; a killed process lets go of it by itself.

    Args:
        directory: made if it is missing.
        wait: until another process lets go of it, instead of being refused.

    Raises:
        Refused: another process is working in it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / LOCK_FILE
    handle = _opened_and_locked(path, wait)
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f" (process {os.getpid()} on {platform.node()})".encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def is_locked(directory: Path) -> bool:
    """Whether another process is working in a run's or a sweep's directory."""
    try:
        handle = os.open(directory / LOCK_FILE, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        # A shared lock, so that two who only look do not take each other for a worker.
        return not _lock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    finally:
        os.close(handle)


def _opened_and_locked(path: Path, wait: bool) -> int:
    """The handle of a lock file that this process holds from now on."""
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            if not _lock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB)):
                holder = os.pread(handle, LONGEST_HOLDER, 0).decode()
                raise Refused(f"another process is working on {path.parent}{holder}")
            # A file that its last holder has removed meanwhile can still be locked, and would hold nobody off.
            if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _lock(handle: int, operation: int) -> bool:
    """Lock an open file; False if somebody else has."""
    try:
        fcntl.flock(handle, operation)
    except BlockingIOError:
        return False
    return True


@contextmanager
def none_left_empty(directories: Iterable[Path]) -> Iterator[None]:
    """Afterwards remove those of the directories, and of the folders above them, that are new and empty."""
    missing = {folder for path in directories for folder in (path, *path.parents) if not folder.exists()}
    try:
        yield
    finally:
        for folder in sorted(missing, key=lambda path: len(path.parts), reverse=True):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _difference(directory: Path, content: Mapping[str, Any]) -> str:
    """The first keys in which a directory's run differs from a config."""
    try:
        earlier = read_config(directory / CONFIG_FILE)
    except Refused:
        return "its config cannot be read"
    differing = [key for key in sorted({*keys(earlier), *keys(content)}) if _at(earlier, key) != _at(content, key)]
    silent = ("run", "logger", "launcher")
    leaves = [key for key in differing if not key.startswith(silent) and not isinstance(_at(content, key), dict)]
    return f"it differs in {', '.join(leaves[:4])}" if leaves else "its code of identity differs"


def _at(content: Mapping[str, Any], key: str) -> object:
    """The value at a dotted key; None where there is none."""
    value: object = content
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
