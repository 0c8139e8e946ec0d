"""What a search says: what it is about to do, and what it found."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from cldeblur.config.schema import Search as Settings
from cldeblur.errors import Refused
from cldeblur.records import ENDED_WELL, duration
from cldeblur.sweeps.preflight import Job

if TYPE_CHECKING:
    from cldeblur.sweeps.search import Search, Trial

CAUTION = (
    "Chosen by validation, from one run each: the best of many is also the luckiest. Before you claim a gain, train it "
    "and\nnegatives=none with several seeds (-m seed=1,2,3), and compare these."
)


def search_of(folder: Path, words: Sequence[str], first: Job) -> "Search | None":
    """The search that a command asks for; None where it asks for a plain sweep.

    Args:
        folder: the sweep's own.
        words: its overrides, axes included.
        first: its job at the first ends of all axes.

    Raises:
        Refused: Optuna is missing, or there is nothing to search over.
    """
    if first.content.get("search") is None:
        return None
    if find_spec("optuna") is None:
        raise Refused("a search needs Optuna, which is not installed: pip install 'cldeblur[search]'")
    from cldeblur.sweeps.search import Search

    return Search(folder, words, Settings(**first.content["search"]))


def search_opening(search: "Search", at_once: int) -> str:
    """What a search says before its first trial.

    Args:
        search: with the trials of earlier commands.
        at_once: how many trials work at the same time.
    """
    wanted, together = search.settings.trials, min(at_once, search.settings.startup)
    ended = [trial for trial in search.trials() if trial.status in ENDED_WELL]
    complete = sum(trial.status == "completed" for trial in ended)
    done = f"; {complete} are complete, {len(ended) - complete} were stopped early" if ended else ""
    heading = f"search in {search.folder}: {wanted} trials{done}"
    return "\n".join([heading, *(f"  {axis}" for axis in search.axes), _time_needed(ended, wanted, together)])


def search_table(folder: Path, trials: Sequence["Trial"]) -> str:
    """Every trial of a search, the best one, and what may not be concluded from it."""
    heading = ("trial", *(trials[0].values if trials else ()), "validation", "state")
    rows = [(str(trial.number), *trial.values.values(), _decibels(trial), trial.status) for trial in trials]
    finished = [trial for trial in trials if trial.status == "completed" and trial.psnr is not None]
    lines = [f"{folder}:", *_columns([heading, *rows])]
    if finished:
        best = max(finished, key=lambda trial: trial.psnr or 0.0)
        values = " ".join(f"{key}={value}" for key, value in best.values.items())
        lines += [f"best: trial {best.number}, {values}, {_decibels(best)}", CAUTION]
    return "\n".join(lines)


def _time_needed(ended: Sequence["Trial"], wanted: int, at_once: int) -> str:
    """How long the other trials may take: as long, on average, as those that have ended."""
    left = wanted - len(ended)
    spent = [seconds for trial in ended if trial.record and (seconds := trial.record.cost.get("wall_s"))]
    if left <= 0:
        return "nothing is left to do"
    if not spent:
        return "how long that takes is not known before a trial has ended; each says it after its first epoch"
    return f"about {duration(-(-left // at_once) * mean(spent))} for the {left} that are left, {at_once} at once"


def _decibels(trial: "Trial") -> str:
    return "" if trial.psnr is None else f"{trial.psnr:.3f} dB"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
