"""Sweeps of real trainings in real processes: killed, failing, interrupted, begun again."""

import csv
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cldeblur.cli.main import main
from cldeblur.records import read_record, read_sweep

PATIENCE = 600
# Negatives that fail the first training that uses them.
FAILS_ONCE = """
from pathlib import Path
from cldeblur.contrast.negatives.blend import Blend

class FailsOnce(Blend):
    def __call__(self, *words):
        try:
            Path("fail").unlink()
        except FileNotFoundError:
            return super().__call__(*words)
        raise RuntimeError("it was told to fail")
"""
EIGHT = (
    *("-m", "negatives=none,failing", "schedule=interval,constant", "seed=1,2", "run.group=eight"),
    *("--config-dir=mine", "trust=[failing]", "trainer.max_epochs=25"),
)

pytestmark = pytest.mark.long


@pytest.fixture
def failing(tmp_path: Path) -> None:
    """A package of the user's own with negatives that fail once, while there is a file `fail`."""
    (tmp_path / "mine" / "negatives").mkdir(parents=True)
    (tmp_path / "mine" / "negatives" / "failing.yaml").write_text("_target_: failing.FailsOnce\n")
    (tmp_path / "failing.py").write_text(FAILS_ONCE)
    (tmp_path / "fail").write_text("")


def epochs(directory: Path) -> list[int]:
    """The epochs in a run's metrics.csv."""
    path = directory / "metrics.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [int(row["epoch"]) for row in csv.DictReader(file)]


def wait_for_epochs(folder: Path, words: str, process: "subprocess.Popen[str]", count: int = 2) -> Path:
    """Wait until the first run whose name begins with some words has trained some epochs; gives its directory."""
    end = time.monotonic() + PATIENCE
    while True:
        found = [path for path in sorted(folder.glob(f"{words}*")) if len(epochs(path)) >= count]
        if found:
            return found[0]
        assert process.poll() is None, "the sweep has ended by itself"
        assert time.monotonic() < end
        time.sleep(0.02)


def pid_of(directory: Path) -> int:
    """The process that works on a run which has begun once; its id ends with it."""
    return int(read_record(directory).id.rpartition("-")[2])


@pytest.mark.usefixtures("failing")
def test_killed_and_failing_jobs_take_no_other_along(start: Any, tmp_path: Path) -> None:
    folder = tmp_path / "runs/sweeps/eight"
    process = start(*EIGHT, "launcher.jobs=2")
    killed = wait_for_epochs(folder, "negatives=none,seed=1", process)
    os.kill(pid_of(killed), signal.SIGKILL)
    assert process.wait(PATIENCE) == 1
    first = read_sweep(folder)
    assert Counter(job.status for job in first.jobs) == {"completed": 4, "failed": 1, "died": 1}
    assert {job.directory: job.status for job in first.jobs}[killed.name] == "died"
    (failed,) = (folder / job.directory for job in first.jobs if job.status == "failed")
    table = (tmp_path / "output.txt").read_text().split("runs/sweeps/eight:\n")[1].splitlines()
    assert [line.split()[:2] for line in table] == [[job.directory, job.status] for job in first.jobs]
    assert table[0].endswith("its process was killed")
    assert [line for line in table if line.endswith("RuntimeError: it was told to fail")]

    untouched = {job.directory: job.ended for job in first.jobs if job.status == "completed"}
    assert start(*EIGHT, "launcher.jobs=2").wait(PATIENCE) == 0
    second = read_sweep(folder)
    assert {job.directory: job.ended for job in second.jobs if job.directory in untouched} == untouched
    assert (second.status, {job.status for job in second.jobs}) == ("completed", {"completed"})
    assert {path.parent.name for path in folder.glob("*/run.json")} == {job.directory for job in first.jobs}
    for job in second.jobs:
        run = read_record(folder / job.directory)
        assert epochs(folder / job.directory) == list(range(25))
        assert len(run.resumed_from) == (folder / job.directory == killed)
        assert run.config["hash"] == job.hash
    assert read_record(failed).status == "completed"
    assert (tmp_path / "output.txt").read_text().count("already finished") == 4

    assert main(["compare", str(folder)]) == 0
    text = (folder / "comparison.md").read_text()
    assert text.startswith("# eight: 2 beside negatives=none\n")
    for schedule in ("interval", "constant"):
        assert f"- `negatives=failing,schedule={schedule}`: **no verdict**: 2 seeds are shared" in text


def test_the_same_sweep_under_joblib(start: Any, tmp_path: Path) -> None:
    folder = tmp_path / "runs/sweeps/joblib"
    words = ("-m", "negatives=none,blend", "schedule=interval,constant", "seed=1,2", "run.group=joblib")
    joblib = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "trainer.max_epochs=3")
    assert start(*words, *joblib).wait(PATIENCE) == 0
    found = read_sweep(folder)
    assert [(job.numbers, job.status) for job in found.jobs] == [
        *(([0, 2], "completed"), ([1, 3], "completed")),
        *(([number], "completed") for number in (4, 5, 6, 7)),
    ]
    assert len(list(folder.glob("*/run.json"))) == 6
    assert "job 2 is the same run as job 0" in (tmp_path / "output.txt").read_text()
    assert all(epochs(folder / job.directory) == [0, 1, 2] for job in found.jobs)
    times = [job.ended for job in found.jobs]
    assert start(*words, "trainer.max_epochs=3").wait(PATIENCE) == 0
    assert [job.ended for job in read_sweep(folder).jobs] == times


def test_an_interrupted_sweep_goes_on(start: Any, tmp_path: Path) -> None:
    folder = tmp_path / "runs/sweeps/two"
    words = ("-m", "seed=1,2", "run.group=two", "trainer.max_epochs=40")
    process = start(*words)
    first = wait_for_epochs(folder, "seed=1", process)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 75
    found = read_sweep(folder)
    assert (found.status, [job.status for job in found.jobs]) == ("interrupted", ["interrupted", "waiting"])
    assert "interrupted; the same command goes on with it" in (tmp_path / "output.txt").read_text()

    # Killed, it leaves no orphan: the job sees it gone, saves and leaves.
    process = start(*words)
    wait_for_epochs(folder, "seed=1", process, len(epochs(first)) + 1)
    process.kill()
    process.wait(PATIENCE)
    end = time.monotonic() + PATIENCE
    while read_record(first).status == "running":
        assert time.monotonic() < end
        time.sleep(0.05)
    assert (read_record(first).status, read_record(first).exit_reason) == ("interrupted", "Interrupted: SIGTERM")

    assert start(*words).wait(PATIENCE) == 0
    assert read_sweep(folder).status == "completed"
    assert all(epochs(folder / job.directory) == list(range(40)) for job in read_sweep(folder).jobs)
    assert len(read_record(first).resumed_from) == 2
