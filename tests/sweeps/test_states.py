"""How jobs stand, read from what they leave; and a sweep's record that is kept true meanwhile."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cldeblur.config.identity import config_hash
from cldeblur.records import SWEEP_FILE, Status, SweepJob, SweepRecord, now, read_record, read_sweep, runs_in
from cldeblur.sweeps import watch as watching
from cldeblur.sweeps.directories import locked
from cldeblur.sweeps.plan import Plan, PlannedRun
from cldeblur.sweeps.states import figure, finished, forget_refusals, note_refusal, refusal, update
from cldeblur.sweeps.watch import NEVER_BEGAN, Watch

Content = dict[str, Any]
MakeRun = Callable[..., Path]


@dataclass
class Watched:
    """A sweep of one job, and what its watch says."""

    job: SweepJob
    folder: Path
    said: list[str]

    def watch(self, runs: int = 1, at_once: int | None = 1) -> Watch:
        """A watch over that job, planned so many times."""
        run = PlannedRun(self.folder / "one", self.job.hash, (0,), ("",), ("seed=1",), 10)
        record = SweepRecord("custom", "train", "running", now(), [], [], "", [], [], {}, jobs=[self.job])
        return Watch(Plan("train", self.folder, [run] * runs, [], [], at_once), record, self.said.append)


@pytest.fixture
def sweep(content: Content, tmp_path: Path) -> Watched:
    """A sweep where `make_run` makes runs; its run, named `one`, is not there."""
    folder = tmp_path / "runs" / "custom"
    folder.mkdir(parents=True)
    return Watched(SweepJob("one", config_hash(content), ["seed=1"], [0]), folder, [])


@pytest.mark.parametrize("status", ["completed", "failed", "interrupted", "diverged"])
def test_a_run_that_has_ended(status: Status, sweep: Watched, content: Content, make_run: MakeRun) -> None:
    directory, job = make_run(content), sweep.job
    record = read_record(directory)
    record.end(directory, status, "because")
    update(job, sweep.folder)
    assert (job.status, job.reason, job.started, job.ended) == (status, "because", record.started, record.ended)
    with locked(directory):
        update(job, sweep.folder)
        assert (job.status, job.reason, job.started, job.ended) == ("running", None, record.started, None)


def test_why_a_job_was_refused_counts_more_than_what_it_did_before(
    sweep: Watched, content: Content, make_run: MakeRun
) -> None:
    directory = make_run(content, "interrupted")
    note_refusal(directory, "the train data are not those")
    update(sweep.job, sweep.folder)
    assert (sweep.job.status, sweep.job.reason) == ("refused", "the train data are not those")


def test_a_run_that_works_and_one_that_was_killed(sweep: Watched, content: Content, make_run: MakeRun) -> None:
    with locked(make_run(content, "running")):
        update(sweep.job, sweep.folder)
        assert (sweep.job.status, sweep.job.reason) == ("running", None)
    update(sweep.job, sweep.folder)
    assert (sweep.job.status, sweep.job.reason) == ("died", "its process was killed")


def test_a_job_that_has_not_begun(sweep: Watched) -> None:
    directory, job = sweep.folder / "one", sweep.job
    update(job, sweep.folder)
    assert job.status == "waiting"
    with locked(directory):
        update(job, sweep.folder)
    assert job.status == "running"
    note_refusal(directory, "data.root is needed")
    update(job, sweep.folder)
    assert (job.status, job.reason) == ("refused", "data.root is needed")
    for _ in range(2):
        forget_refusals(directory.parent)
        assert refusal(directory) is None
    update(job, sweep.folder)
    assert (job.status, job.reason) == ("waiting", None)


def test_another_run_in_the_directory_is_not_the_jobs(sweep: Watched, content: Content, make_run: MakeRun) -> None:
    directory = make_run({**content, "seed": 9}, "completed")
    update(sweep.job, sweep.folder)
    assert sweep.job.status == "waiting"
    (directory / "run.json").write_text("{")
    update(sweep.job, sweep.folder)
    assert sweep.job.status == "waiting"
    assert runs_in(sweep.folder) == []


def test_what_a_sweeper_is_given(content: Content, make_run: MakeRun) -> None:
    directory = make_run(content)
    assert finished(directory) is None
    record = read_record(directory)
    record.metrics = {"best": {"value": 30.5}, "evaluated": {"split": "test", "data": "gopro"}}
    record.end(directory, "completed")
    assert finished(directory) == 30.5
    record.task = "evaluate"
    assert figure(record) is None
    record.metrics["test"] = {"gopro/psnr": {"mean": 31.5}}
    assert figure(record) == 31.5
    assert finished(directory.parent) is None


def test_the_record_follows_the_jobs(sweep: Watched, content: Content, make_run: MakeRun) -> None:
    watch = sweep.watch()
    watch.refresh()
    assert not (sweep.folder / SWEEP_FILE).exists(), "nothing has changed"
    directory = make_run(content, "failed")
    watch.refresh()
    assert read_sweep(sweep.folder).jobs[0].status == "failed"
    read_record(directory).end(directory, "completed")
    watch.end(interrupted=False)
    found = read_sweep(sweep.folder)
    assert (found.status, found.jobs[0].status) == ("completed", "completed")
    assert found.ended is not None


@pytest.mark.parametrize(
    ("interrupted", "status", "state", "reason"),
    [(True, "interrupted", "waiting", None), (False, "failed", "died", NEVER_BEGAN)],
)
def test_a_job_that_nobody_stopped_has_died(
    interrupted: bool, status: str, state: str, reason: str | None, sweep: Watched
) -> None:
    sweep.watch().end(interrupted)
    found = read_sweep(sweep.folder)
    assert (found.status, found.jobs[0].status, found.jobs[0].reason) == (status, state, reason)


def test_an_interrupt_after_the_last_job_interrupts_nothing(
    sweep: Watched, content: Content, make_run: MakeRun
) -> None:
    make_run(content, "completed")
    sweep.watch().end(interrupted=True)
    assert read_sweep(sweep.folder).status == "completed"


def test_it_is_written_while_the_sweep_works(
    sweep: Watched, content: Content, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PERIOD_SECONDS", 0.05)
    note_refusal(sweep.folder / "one", "of an earlier command")
    with sweep.watch().watching():
        assert read_sweep(sweep.folder).jobs[0].status == "waiting"
        assert refusal(sweep.folder / "one") is None
        make_run(content, "completed")
        end = time.monotonic() + 20
        while read_sweep(sweep.folder).jobs[0].status != "completed":
            assert time.monotonic() < end
            time.sleep(0.02)


def test_how_long_it_will_take(sweep: Watched, content: Content, make_run: MakeRun) -> None:
    watch = sweep.watch()
    for name, epochs, seconds in (("a", 20, 7200.0), ("b", 10, 600.0), ("c", 10, 1200.0)):
        watch.estimate()
        assert sweep.said == []
        directory = make_run({**content, "seed": name}, name=name)
        record = read_record(directory)
        record.cost, record.progress = {"wall_s": seconds}, {"epochs": epochs}
        record.end(directory, "completed" if name != "b" else "failed")
    for _ in range(2):
        watch.estimate()
        assert sweep.said == ["about 20 min for the run that is left"]
    sweep.watch(runs=4, at_once=3).estimate()
    assert sweep.said[1:] == ["about 27 min for the 4 runs that are left, 3 at once"]
    sweep.job.status = "completed"
    sweep.watch().estimate()
    assert len(sweep.said) == 2


def test_runs_that_a_sweeper_thinks_of_are_found(sweep: Watched, content: Content, make_run: MakeRun) -> None:
    record = SweepRecord("custom", "train", "running", now(), [], [], "", [], [], {})
    watch = Watch(Plan("train", sweep.folder, [], [], [], None), record, print)
    directory = make_run(content, "completed")
    found = read_record(directory)
    found.sweep = {"id": "custom", "job": 4, "overrides": []}
    found.write(directory)
    watch.end(interrupted=False)
    (job,) = read_sweep(sweep.folder).jobs
    assert (job.directory, job.numbers, job.status) == ("one", [4], "completed")
    assert read_sweep(sweep.folder).status == "completed"
