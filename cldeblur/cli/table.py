"""Tables for the terminal."""

from collections.abc import Sequence
from pathlib import Path

from cldeblur.errors import Refused
from cldeblur.records import SweepJob, SweepRecord, read_record
from cldeblur.study.ladder import Ladder, Version
from cldeblur.sweeps.plan import Plan

MOST_LINES = 12


def sweep_opening(plan: Plan, record: SweepRecord) -> str:
    """What a sweep says before it begins: how many runs, where, what of it is done, which jobs share a run."""
    if not plan.runs:
        return f"sweep in {plan.folder}: its sweeper thinks of the runs as it goes"
    done = sum(job.status == "completed" for job in record.jobs if job.numbers)
    runs = f"{len(plan.runs)} run{'s' if len(plan.runs) > 1 else ''}"
    lines = [f"sweep in {plan.folder}: {runs}, {done or 'none'} of them done already"]
    for run in plan.runs:
        jobs = [f"{number} ({words})" for number, words in zip(run.numbers, run.words, strict=True)]
        if len(jobs) > 1:
            lines.append(f"  one run: job {' and job '.join(jobs)}")
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [f"  and {len(lines) - MOST_LINES} more that are runs of several jobs"]
    if beside := sum(not job.numbers for job in record.jobs):
        lines.append(f"  beside them stay earlier runs ({beside}); run.group=NAME gives a sweep a folder of its own")
    return "\n".join(lines)


def sweep_table(folder: Path, jobs: Sequence[SweepJob]) -> str:
    """What became of every job of a sweep."""
    width = max((len(job.directory) for job in jobs), default=0)
    rows = [f"  {job.directory:<{width}}  {_status(job):<11}  {_words(job, folder)}".rstrip() for job in jobs]
    return "\n".join([f"{folder}:", *rows])


def _status(job: SweepJob) -> str:
    return "not begun" if job.status == "waiting" else job.status


def _words(job: SweepJob, folder: Path) -> str:
    """Why a job has not been completed, or the best validation of its run."""
    if job.status == "waiting" or job.reason:
        return job.reason or ""
    try:
        best = read_record(folder / job.directory).metrics.get("best")
    except Refused:
        return ""
    return f"validation {best['value']:.2f} dB at epoch {best['epoch']:.0f}" if best else ""


def ladder_table(ladder: Ladder) -> str:
    """What a preview shows, in figures: a row a version of the crops, means over all of them."""
    rows = [("", "level", "gain dB", "epochs", "PSNR dB", "energy")]
    rows.append(("blurred", "", "", "", *_sharpness(ladder.blurred)))
    for number, stage in enumerate(ladder.stages):
        words = (f"{stage.level:.3f}", f"{stage.gain:.2f}", ladder.epochs_of(stage).removeprefix("epochs "))
        count = len(stage.negatives)
        for place, negatives in enumerate(stage.negatives, 1):
            which = f", {place} of {count}" if count > 1 else ""
            rows.append((f"stage {number}{which}", *words, *_sharpness(negatives)))
        if not count:
            rows.append((f"stage {number}", *words, "-", "-"))
    rows.append(("sharp", "", "", "", "", f"{ladder.sharp.energy:.2f}"))
    if ladder.finished is not None:
        level, gain = ladder.finished.level, ladder.finished.gain
        rows.append(("finished", f"{level:.3f}", f"{gain:.2f}", "", f"{ladder.blurred.psnr + gain:.2f}", ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{word:>{width}}" for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([ladder.method, f"means over {ladder.data}", *lines, *(f"note: {note}" for note in ladder.notes)])


def _sharpness(version: Version) -> tuple[str, str]:
    return f"{version.psnr:.2f}", f"{version.energy:.2f}"
