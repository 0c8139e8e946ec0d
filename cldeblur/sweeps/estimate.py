"""How many runs a sweep asks for, and how long they may take, as far as the runs beside them tell."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from cldeblur.config.identity import config_hash
from cldeblur.records import RunRecord, duration, records_in


def announcement(folder: Path, contents: Sequence[Mapping[str, Any]], at_once: int) -> str:
    """What a sweep says before its first job starts.

    Args:
        folder: the sweep's directory, in which earlier commands may have finished some of the runs.
        contents: the resolved config of every job; equal ones are one run.
        at_once: jobs that run at the same time.
    """
    wanted = {config_hash(content) for content in contents}
    complete = [record for _, record in records_in(folder) if record.status == "completed"]
    left = len(wanted - {record.config["hash"] for record in complete})
    repeated = f" ({len(contents)} combinations, of which equal ones are trained once)" * (len(wanted) < len(contents))
    done = f"; {len(wanted) - left} of them are complete" * (left < len(wanted))
    return f"{folder}: {_runs(len(wanted))}{repeated}{done}\n{time_needed(complete, left, at_once)}"


def time_needed(complete: Sequence[RunRecord], left: int, at_once: int) -> str:
    """How long the runs that are left may take: as long, on average, as those that are complete."""
    if left == 0:
        return "nothing is left to do"
    spent = [seconds for record in complete if (seconds := record.cost.get("wall_s"))]
    if not spent:
        return (
            f"how long {_runs(left)} will take is not known before one is complete; each says after its first epoch "
            "how long it will take itself"
        )
    rounds = -(-left // at_once)
    judged = f"judged by {_runs(len(spent))} that took {duration(mean(spent))} on average"
    return f"about {duration(rounds * mean(spent))} for the {_runs(left)} left, {at_once} at a time, {judged}"


def _runs(number: int) -> str:
    return f"{number} run" if number == 1 else f"{number} runs"
