"""How the jobs of a sweep stand: read from what they leave on disk, so that it is the same under every launcher."""

from pathlib import Path

from cldeblur.errors import Refused
from cldeblur.files import write_text
from cldeblur.records import RunRecord, SweepJob, read_record
from cldeblur.sweeps.directories import is_locked

REFUSED = ".refused"


def update(job: SweepJob, folder: Path) -> None:
    """Bring a job of the sweep in `folder` up to date: status, reason, and when it started and ended."""
    directory = folder / job.directory
    working, record = is_locked(directory), _record(directory, job.hash)
    job.reason = job.started = job.ended = None
    if record is not None:
        job.started = record.started
    reason = refusal(directory)
    if working:
        job.status = "running"
    elif reason is not None:
        # Of this command: a record can be there from an earlier one.
        job.status, job.reason = "refused", reason
    elif record is None:
        job.status = "waiting"
    elif record.status == "running":
        job.status, job.reason = "died", "its process was killed"
    else:
        job.status, job.reason, job.ended = record.status, record.exit_reason, record.ended


def figure(record: RunRecord) -> float | None:
    """What a run gives a sweeper: a training its best validation PSNR, an evaluation the mean PSNR, in dB."""
    if record.task == "train":
        best: float | None = record.metrics.get("best", {}).get("value")
        return best
    evaluated = record.metrics.get("evaluated", {})
    found = record.metrics.get(evaluated.get("split"), {}).get(f"{evaluated.get('data')}/psnr", {})
    mean: float | None = found.get("mean")
    return mean


def finished(directory: Path) -> float | None:
    """The figure of the run in a directory; None where it has not been completed."""
    try:
        record = read_record(directory)
    except Refused:
        return None
    return figure(record) if record.status == "completed" else None


def note_refusal(directory: Path, sentence: str) -> None:
    """Leave word of why a job of a sweep was refused: it has no record in which to say so."""
    write_text(_note(directory), sentence)


def forget_refusals(folder: Path) -> None:
    """Take the words away again, of all jobs of the sweep in `folder`."""
    for note in folder.glob(f".*{REFUSED}"):
        note.unlink(missing_ok=True)


def refusal(directory: Path) -> str | None:
    """Why the job of a directory was refused; None where it was not."""
    try:
        return _note(directory).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _note(directory: Path) -> Path:
    # Beside the directory: that may hold somebody else's run, or must not be there at all.
    return directory.with_name(f".{directory.name}{REFUSED}")


def _record(directory: Path, identity: str) -> RunRecord | None:
    """The record of a directory, if it is of the run with this config hash."""
    try:
        record = read_record(directory)
    except Refused:
        return None
    return record if record.config["hash"] == identity else None
