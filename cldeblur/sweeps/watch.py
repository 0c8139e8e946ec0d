"""Keeping `sweep.json` true while its jobs work, whoever launched them."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from threading import Event, Thread
from typing import Literal

from cldeblur.records import ENDED_WELL, SweepJob, SweepRecord, duration, now, runs_in
from cldeblur.sweeps.plan import Plan
from cldeblur.sweeps.states import forget_refusals, update

logger = logging.getLogger(__name__)
PERIOD_SECONDS = 1.0
NEVER_BEGAN = "it left no record; see its messages"


class Watch:
    """Looks at the jobs of a sweep every second, and writes the sweep's record when something has changed.

    Args:
        plan: the sweep.
        record: its record.
        say: told, once, how long the sweep will take, when that can be known.
    """

    def __init__(self, plan: Plan, record: SweepRecord, say: Callable[[str], object]) -> None:
        self._plan = plan
        self.record = record
        self._say = say
        self._estimated = False
        self._over = Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Write the record now, and as long as the sweep works."""
        forget_refusals(self._plan.folder)
        self.record.write(self._plan.folder)
        self.estimate()
        if self._left() and not self._estimated:
            self._say("how long that takes is said once the first steps are done")
        thread = Thread(target=self._work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def refresh(self) -> None:
        """Look at all jobs, and at those that a sweeper has thought of meanwhile."""
        before = deepcopy(self.record.jobs)
        if not self._plan.runs:
            self._discover()
        for job in self.record.jobs:
            update(job, self._plan.folder)
        if self.record.jobs != before:
            self.record.write(self._plan.folder)

    def end(self, interrupted: bool) -> None:
        """Note how the sweep ended. Jobs that nobody stopped and that left no word have died."""
        self.refresh()
        for job in self.asked_for():
            if job.status == "waiting" and not interrupted:
                job.status, job.reason = "died", NEVER_BEGAN
        complete = all(job.status in ENDED_WELL for job in self.asked_for())
        status: Literal["completed", "failed"] = "completed" if complete else "failed"
        # Of a sweep whose sweeper thinks as it goes, the jobs that are known are never all.
        stopped = interrupted and not (complete and self._plan.runs)
        self.record.status, self.record.ended = "interrupted" if stopped else status, now()
        self.record.write(self._plan.folder)
        forget_refusals(self._plan.folder)

    def asked_for(self) -> list[SweepJob]:
        """The jobs of this command; not those that an earlier one has left in the record."""
        return [job for job in self.record.jobs if job.numbers or not self._plan.runs]

    def estimate(self) -> None:
        """Say how long the sweep will take, once a run of each length is there to go by."""
        left = self._left()
        if self._estimated or not left:
            return
        typical = self._typical_seconds()
        if all(epochs in typical for epochs in left):
            self._estimated = True
            work = sum(typical[epochs] for epochs in left)
            share = min(self._plan.at_once or 1, len(left))
            together = f", {share} at once" if share > 1 else ""
            runs = f"{len(left)} runs that are" if len(left) > 1 else "run that is"
            self._say(f"about {duration(work / share)} for the {runs} left{together}")

    def _left(self) -> list[int | None]:
        """The lengths, in epochs, of the planned runs that are not complete."""
        return [run.epochs for run in self._plan.runs if self._status(run.hash) != "completed"]

    def _work(self) -> None:
        while not self._over.wait(PERIOD_SECONDS):
            try:
                self.refresh()
                self.estimate()
            except Exception:
                # A disk that is full for a while must not end the jobs.
                logger.exception("the state of the sweep could not be written")

    def _status(self, identity: str) -> str:
        return next(job.status for job in self.record.jobs if job.hash == identity)

    def _typical_seconds(self) -> dict[int | None, float]:
        """The mean time of a run by its number of epochs: what it took, or, while it works, expects to take."""
        lengths = {run.hash: run.epochs for run in self._plan.runs}
        times: dict[int | None, list[float]] = {}
        for _, record in runs_in(self._plan.folder):
            epochs = lengths.get(record.config["hash"], record.progress.get("epochs"))
            seconds = record.cost.get("wall_s" if record.status == "completed" else "expected_s")
            if seconds:
                times.setdefault(epochs, []).append(seconds)
        return {epochs: sum(found) / len(found) for epochs, found in times.items()}

    def _discover(self) -> None:
        """Add the runs that have no job in the record yet."""
        known = {job.hash for job in self.record.jobs}
        for directory, record in runs_in(self._plan.folder):
            if record.config["hash"] not in known:
                number = (record.sweep or {}).get("job")
                numbers = [] if number is None else [number]
                self.record.jobs.append(SweepJob(directory.name, record.config["hash"], record.overrides, numbers))
