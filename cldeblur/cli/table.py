"""Tables for the terminal."""

from collections.abc import Sequence
from pathlib import Path

from cldeblur.errors import Refused
from cldeblur.records import read_record
from cldeblur.study.ladder import Ladder, Version


def sweep_table(folder: Path, directories: Sequence[Path]) -> tuple[str, bool]:
    """What became of every job of a sweep, and whether all of them are complete."""
    rows = [(directory.name, *_state(directory)) for directory in directories]
    width = max(len(name) for name, _, _ in rows)
    lines = [
        f"{folder}:",
        *(f"  {name:<{width}}  {status:<11}  {words}".rstrip() for name, status, words in rows),
    ]
    return "\n".join(lines), all(status == "completed" for _, status, _ in rows)


def _state(directory: Path) -> tuple[str, str]:
    """Status of a run, and its result or the reason why there is none."""
    try:
        record = read_record(directory)
    except Refused:
        return "not begun", "it left no record; see its message above"
    best = record.metrics.get("best")
    result = f"validation {best['value']:.2f} dB at epoch {best['epoch']:.0f}" if best else ""
    return (
        ("died", "its process was killed")
        if record.status == "running"
        else (
            record.status,
            record.exit_reason or result,
        )
    )


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
