"""Runs a search, and tells what it found."""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from cldeblur.cli.jobs import DONE, FAILED, INTERRUPTED, REFUSED
from cldeblur.errors import Refused
from cldeblur.stopping import Interrupted, interruptible
from cldeblur.sweeps.directories import locked, none_left_empty
from cldeblur.sweeps.estimate import time_needed
from cldeblur.sweeps.place import sweep_group, sweep_settings
from cldeblur.sweeps.preflight import Job

if TYPE_CHECKING:
    from cldeblur.sweeps.search import Search, Trial

ENDED = ("completed", "pruned")
CAUTION = (
    "Chosen by validation, from one run each: the best of many is also the luckiest. Before you claim a gain, train it "
    "and\nnegatives=none with several seeds (-m seed=1,2,3), and compare these."
)


def search(words: Sequence[str], first: Job, hydra: Callable[[Sequence[str]], object]) -> int:
    """Make the trials of a search that are missing, and print what all of them gave.

    Args:
        words: the overrides of the search, axes included.
        first: the job at the first ends of all axes.
        hydra: hands over to Hydra, with further overrides.

    Returns:
        The exit code.

    Raises:
        Refused: Optuna is missing, there is nothing to search over, or the directory holds something else.
    """
    if find_spec("optuna") is None:
        raise Refused("a search needs Optuna, which is not installed: pip install 'cldeblur[search]'")
    from cldeblur.sweeps.search import Search

    group, settings = sweep_group(first, words), first.content["search"]
    found = Search(Path(first.content["run"]["root"]) / "sweeps" / group, words)
    with none_left_empty([found.folder]), locked(found.folder):
        found.open(first.content)
        print(_introduction(found, found.trials(), settings))
        code = _exit_code(lambda: hydra(sweep_settings(group, words)))
        trials = found.trials()
        if all(trial.record is None for trial in trials):
            found.forget()
            return code or REFUSED
    print(search_table(found.folder, trials))
    complete = len(trials) >= settings["trials"] and all(trial.status in ENDED for trial in trials)
    return code or (DONE if complete else FAILED)


def search_table(folder: Path, trials: Sequence["Trial"]) -> str:
    """Every trial of a search, the best one, and what may not be concluded from it."""
    heading = ("trial", *trials[0].values, "validation", "state")
    rows = [(str(trial.number), *trial.values.values(), _decibels(trial), trial.status) for trial in trials]
    finished = [trial for trial in trials if trial.status == "completed" and trial.psnr is not None]
    lines = [f"{folder}:", *_columns([heading, *rows])]
    if finished:
        best = max(finished, key=lambda trial: trial.psnr or 0.0)
        values = " ".join(f"{key}={value}" for key, value in best.values.items())
        lines += [f"best: trial {best.number}, {values}, {_decibels(best)}", CAUTION]
    return "\n".join(lines)


def _decibels(trial: "Trial") -> str:
    return "" if trial.psnr is None else f"{trial.psnr:.3f} dB"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _introduction(found: "Search", trials: Sequence["Trial"], settings: Mapping[str, int]) -> str:
    """What a search says before its first trial."""
    complete = [trial.record for trial in trials if trial.record is not None and trial.status == "completed"]
    pruned = sum(trial.status == "pruned" for trial in trials)
    left = max(0, settings["trials"] - len(complete) - pruned)
    done = f"; {len(complete)} are complete, {pruned} were stopped early" if trials else ""
    lines = [f"{found.folder}: a search of {settings['trials']} trials{done}", *(f"  {axis}" for axis in found.axes)]
    return "\n".join([*lines, time_needed(complete, left, settings["at_once"])])


def _exit_code(run: Callable[[], object]) -> int:
    """Run something that may be interrupted, or leave by itself."""
    try:
        with interruptible():
            run()
    except (Interrupted, KeyboardInterrupt):
        return INTERRUPTED
    except SystemExit as stop:
        return INTERRUPTED if stop.code == INTERRUPTED else FAILED
    return DONE
