"""Runs a sweep: says what it will do, hands over to Hydra, says what became of it."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import hydra

from cldeblur.cli import jobs as tasks
from cldeblur.cli.searching import search_of, search_opening, search_table
from cldeblur.cli.table import sweep_opening, sweep_table
from cldeblur.config.folder import conf_folder
from cldeblur.config.schema import TrainConfig
from cldeblur.config.targets import build, chosen
from cldeblur.environment import DIFF_FILE, external_rank
from cldeblur.errors import Refused
from cldeblur.records import ENDED_WELL, SWEEP_FILE
from cldeblur.stopping import INTERRUPTED, Interrupted, interruptible
from cldeblur.sweeps.directories import locked, none_left_empty
from cldeblur.sweeps.naming import quoted
from cldeblur.sweeps.plan import Plan, make_plan, take_up
from cldeblur.sweeps.preflight import Job, fixed_keys
from cldeblur.sweeps.watch import Watch

if TYPE_CHECKING:
    from cldeblur.sweeps.search import Search

COPY_OF_HYDRA = "multirun.yaml"


def run_sweep(verb: str, words: Sequence[str], overrides: Sequence[str], found: Sequence[Job]) -> int:
    """Run every job of a sweep, each in its own directory below the sweep's.

    Args:
        verb: `train` or `evaluate`.
        words: as typed.
        overrides: the sweep's, those that stand in a file too.
        found: the jobs that they stand for.

    Returns:
        The exit code: 0 all runs are complete, 1 some are not, 2 none has begun, 75 the sweep was interrupted.

    Raises:
        Refused: the sweep cannot be, its folder is another's, or another process is at work on it.
    """
    if external_rank() is not None:
        raise Refused("-m starts its own processes; start it once, not under torchrun or as several tasks of srun")
    launcher = found[0].content.get("launcher", {})
    if chosen(launcher):
        build("launcher", launcher, found[0].content["trust"])
    _refuse_impossible(found)
    plan = make_plan(verb, overrides, found)
    search = search_of(plan.folder, overrides, found[0])
    excluded = ",".join(quoted(key) for key in (*fixed_keys(overrides), "run.group"))
    settings = f"hydra.job.config.override_dirname.exclude_keys=[{excluded}]"
    with none_left_empty([plan.folder, *(run.directory for run in plan.runs)]), locked(plan.folder):
        fresh = not (plan.folder / SWEEP_FILE).is_file()
        watch = Watch(plan, take_up(plan, sys.argv, overrides), print)
        if search is None:
            print(sweep_opening(plan, watch.record))
        else:
            search.open(found[0].content)
            print(search_opening(search, plan.at_once or 1))
        with watch.watching():
            interrupted = _stopped(verb, [*words, f"run.group={quoted(plan.group)}", settings])
        (plan.folder / COPY_OF_HYDRA).unlink(missing_ok=True)
        watch.end(interrupted)
        return _told(plan, watch, fresh, search)


def _refuse_impossible(found: Sequence[Job]) -> None:
    """Refuse negatives and schedules that could not work, before the first job begins."""
    for job in found:
        config = job.config
        if isinstance(config, TrainConfig) and chosen(config.negatives):
            from cldeblur.training.negatives import check_schedule, make_negatives_plan

            plan = make_negatives_plan(config)
            check_schedule(config, plan.generator, plan.schedule)


def hand_over(verb: str, words: Sequence[str]) -> int:
    """Hand over to Hydra, which reads the command line from `sys.argv`."""
    before = sys.argv
    sys.argv = [f"cldeblur {verb}", *words]
    try:
        hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=verb)(tasks.TASKS[verb])()
    finally:
        sys.argv = before
    return 0


def _stopped(verb: str, words: Sequence[str]) -> bool:
    """Hand over, and tell whether the sweep was asked to stop. What fails by itself shows in the jobs' records."""
    try:
        with interruptible():
            hand_over(verb, words)
    except (KeyboardInterrupt, Interrupted):
        return True
    except SystemExit as stop:
        return stop.code == INTERRUPTED
    return False


def _told(plan: Plan, watch: Watch, fresh: bool, search: "Search | None") -> int:
    """Say what became of the jobs, and give the exit code. A sweep of which nothing began leaves no record."""
    states, interrupted = {job.status for job in watch.asked_for()}, watch.record.status == "interrupted"
    if states <= {"refused"} and not interrupted:
        for name in (SWEEP_FILE, DIFF_FILE) if fresh else ():
            (plan.folder / name).unlink(missing_ok=True)
        if search is not None:
            search.forget()
        return tasks.REFUSED
    if search is None:
        print(sweep_table(plan.folder, watch.asked_for()))
    else:
        print(search_table(plan.folder, search.trials()))
    if interrupted:
        print("interrupted; the same command goes on with it")
        return INTERRUPTED
    complete = states <= set(ENDED_WELL) if search is None else search.complete()
    return tasks.DONE if complete else tasks.FAILED
