"""Tables for the terminal."""

from collections.abc import Sequence
from pathlib import Path

from cldeblur.errors import Refused
from cldeblur.records import read_record


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
