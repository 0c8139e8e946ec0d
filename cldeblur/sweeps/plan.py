"""What a sweep will do, known before it begins: its folder, its distinct runs, and what of it is there already."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cldeblur.config.identity import config_hash
from cldeblur.environment import git, versions
from cldeblur.errors import Refused
from cldeblur.records import SWEEP_FILE, SweepJob, SweepRecord, now, read_sweep, runs_in
from cldeblur.sweeps.naming import job_folder
from cldeblur.sweeps.preflight import Job, swept_keys
from cldeblur.sweeps.states import update

BASIC = "basic"


@dataclass(frozen=True)
class PlannedRun:
    """One run of a sweep.

    Attributes:
        directory: the run's own.
        hash: of its config.
        numbers: places in the sweep of the jobs that are this run, from 0; the first of them trains it.
        words: for each of those jobs, what it has of the keys that have several values.
        overrides: all that was typed for the first of those jobs.
        epochs: how long it is; None where that is no matter of epochs.
    """

    directory: Path
    hash: str
    numbers: tuple[int, ...]
    words: tuple[str, ...]
    overrides: tuple[str, ...]
    epochs: int | None


@dataclass(frozen=True)
class Plan:
    """A sweep before it begins.

    Attributes:
        verb: `train` or `evaluate`.
        folder: the sweep's own.
        runs: distinct ones, in the order of their jobs; none where a sweeper thinks of its own as it goes.
        experiments, data: options that its jobs have chosen.
        at_once: how many jobs work at the same time; None where Hydra's launcher is not ours to know.
    """

    verb: str
    folder: Path
    runs: list[PlannedRun]
    experiments: list[str]
    data: list[str]
    at_once: int | None

    @property
    def group(self) -> str:
        """The sweep's name, by which its runs are grouped."""
        return self.folder.name


def make_plan(verb: str, overrides: Sequence[str], found: Sequence[Job]) -> Plan:
    """Plan a sweep: jobs of one config hash are one run, and runs that are there already stay where they are.

    Args:
        verb: `train` or `evaluate`.
        overrides: the sweep's, those from files too.
        found: the jobs that they stand for, at least one.

    Raises:
        Refused: the overrides name one run's directory.
    """
    folder, first = _folder(overrides, found), found[0]
    launcher = first.content.get("launcher", {})
    return Plan(
        verb,
        folder,
        _runs(folder, overrides, found) if first.choices.get("hydra/sweeper", BASIC) == BASIC else [],
        sorted({job.choices.get("experiment") or "custom" for job in found}),
        sorted({str(job.content["data"]["name"]) for job in found}),
        launcher.get("jobs") if first.choices.get("hydra/launcher") == "cldeblur" else None,
    )


def _folder(overrides: Sequence[str], found: Sequence[Job]) -> Path:
    """`<run.root>/sweeps/<run.group>`; the group is by default the experiment's name, a ready sweep's behind it."""
    run_section = found[0].content["run"]
    if run_section["dir"] is not None:
        raise Refused("run.dir names one run's directory; a sweep lives in <run.root>/sweeps/<run.group>")
    if found[0].content.get("resume") not in (None, "auto"):
        raise Refused("resume names one run's directory; a sweep goes on with its own runs when it is repeated")
    experiment = found[0].choices.get("experiment") or "custom"
    default = "custom" if "experiment" in swept_keys(overrides) else experiment
    if ready := found[0].choices.get("sweep"):
        default = f"{default}-{ready}"
    return Path(run_section["root"]) / "sweeps" / (run_section["group"] or default)


def _runs(folder: Path, overrides: Sequence[str], found: Sequence[Job]) -> list[PlannedRun]:
    swept = swept_keys(overrides)
    numbers: dict[str, list[int]] = {}
    for number, job in enumerate(found):
        numbers.setdefault(config_hash(job.content), []).append(number)
    # Completed runs last, so that of two of one config the completed one counts.
    there = sorted(runs_in(folder), key=lambda pair: pair[1].status == "completed")
    places = {record.config["hash"]: directory for directory, record in there}
    return [_run(folder, identity, [found[n] for n in same], same, swept, places) for identity, same in numbers.items()]


def _run(
    folder: Path, identity: str, same: Sequence[Job], numbers: Sequence[int], swept: set[str], places: dict[str, Path]
) -> PlannedRun:
    """One run out of the jobs that are the same; named by the words that all of them share."""
    words = [[word for word in job.overrides if word.partition("=")[0].lstrip("+") in swept] for job in same]
    shared = sorted(word for word in words[0] if all(word in others for others in words))
    content = same[0].content
    return PlannedRun(
        places.get(identity, folder / job_folder(",".join(shared), content)),
        identity,
        tuple(numbers),
        tuple(",".join(sorted(found)) for found in words),
        same[0].overrides,
        content["trainer"]["max_epochs"] if "trainer" in content else None,
    )


def take_up(plan: Plan, argv: Sequence[str], overrides: Sequence[str]) -> SweepRecord:
    """The record of a sweep that begins: a new one, or that of the same sweep as it was left, brought up to date.

    Jobs that an earlier command asked for, and this one does not, stay in it, without numbers.

    Raises:
        Refused: the folder is another sweep's.
    """
    earlier = _earlier(plan)
    jobs = [SweepJob(run.directory.name, run.hash, list(run.overrides), list(run.numbers)) for run in plan.runs]
    known = {job.hash for job in jobs}
    further = [job for job in earlier.jobs if job.hash not in known] if earlier else []
    for job in further:
        job.numbers = []
    record = SweepRecord(
        id=plan.group,
        task=plan.verb,
        status="running",
        started=earlier.started if earlier else now(),
        argv=list(argv),
        overrides=list(overrides),
        cwd=str(Path.cwd()),
        experiments=sorted({*plan.experiments, *(earlier.experiments if earlier else ())}),
        data=sorted({*plan.data, *(earlier.data if earlier else ())}),
        versions=versions(),
        git=git(plan.folder),
        jobs=[*jobs, *further],
    )
    for job in record.jobs:
        update(job, plan.folder)
    return record


def _earlier(plan: Plan) -> SweepRecord | None:
    """The record of the sweep that is in the folder already, if it is this one."""
    if not (plan.folder / SWEEP_FILE).is_file():
        return None
    earlier = read_sweep(plan.folder)
    for what, ours, theirs in (
        ("verb", {plan.verb}, {earlier.task}),
        ("experiment", set(plan.experiments), set(earlier.experiments)),
        ("data", set(plan.data), set(earlier.data)),
    ):
        if not ours & theirs:
            raise Refused(
                f"run.group={plan.group} is another sweep's: {plan.folder} holds one of "
                f"{what} {', '.join(sorted(theirs))}, not {', '.join(sorted(ours))}; give another run.group"
            )
    return earlier
