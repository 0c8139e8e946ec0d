"""Jobs through submitit, as far as that goes without a cluster: its executor for processes of this machine."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from cldeblur.config.loading import read_option
from cldeblur.errors import Refused
from cldeblur.launching import Launch
from cldeblur.stopping import Interrupted
from cldeblur.sweeps.slurm import SlurmLauncher

submitit = pytest.importorskip("submitit")

MODULE = "telling_work"
# Every attempt adds a line; a job may take seconds, stop for lack of time itself, or die.
PROGRAM = """
import os, signal, time
from cldeblur.stopping import INTERRUPTED, Interrupted, interruptible

def perform(launch):
    attempts = launch.directory / "attempts"
    launch.directory.mkdir(exist_ok=True)
    try:
        with interruptible(), attempts.open("a") as file:
            print(os.getpid(), file=file, flush=True)
            if len(attempts.read_text().split()) <= launch.content.get("too_long", 0):
                os.kill(os.getpid(), signal.SIGUSR2)
            if launch.content.get("dies"):
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(launch.content.get("seconds", 0))
    except Interrupted as asked:
        (launch.directory / "stopped").write_text(str(asked))
        return INTERRUPTED
    return 0
"""
SETTINGS = {name: value for name, value in read_option("launcher", "slurm").items() if name != "_target_"}
PATIENCE = 60
Order = Callable[..., Launch]


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module to do the work, where a process finds it."""
    (tmp_path / f"{MODULE}.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """Give `order("name", seconds=…)`, a job."""
    return lambda name, **content: Launch("train", tmp_path / name, content, [], [])


def launcher(**settings: Any) -> SlurmLauncher:
    """A launcher for processes of this machine."""
    return SlurmLauncher(**{**SETTINGS, "cluster": "local", "gpus": 0, **settings})


def attempts(launch: Launch) -> int:
    """How often a job was begun."""
    return len((launch.directory / "attempts").read_text().split())


@pytest.mark.long
def test_jobs_are_done_and_handed_in_again(order: Order, tmp_path: Path) -> None:
    launches = [order("short"), order("dies", dies=True), order("long", too_long=1), order("endless", too_long=9)]
    launcher(restarts=2).run(launches, MODULE)
    assert [attempts(launch) for launch in launches] == [1, 1, 2, 3]
    assert (tmp_path / "long" / "stopped").read_text() == "SIGUSR1"
    assert list((tmp_path / "slurm").glob("*_log.out"))


@pytest.mark.long
def test_asked_to_stop(order: Order) -> None:
    launch = order("one", seconds=PATIENCE)

    def ask() -> None:
        end = time.monotonic() + PATIENCE
        while not (launch.directory / "attempts").exists() and time.monotonic() < end:
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)

    sender = Thread(target=ask)
    sender.start()
    with pytest.raises(Interrupted, match="SIGTERM"):
        launcher().run([launch], MODULE)
    sender.join()
    assert (launch.directory / "stopped").is_file()
    assert attempts(launch) == 1


def test_nothing_to_do_asks_nobody(tmp_path: Path) -> None:
    launcher().run([], MODULE)
    assert not (tmp_path / "slurm").exists()


def test_what_the_cluster_is_asked_for(order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text that sbatch gets; a script in the place of srun makes submitit take this machine for a cluster."""
    (tmp_path / "srun").write_text("#!/bin/sh\n")
    (tmp_path / "srun").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    found = SlurmLauncher(**{**SETTINGS, "partition": "gpu", "time": 90, "settings": {"account": "deblur"}})
    executor = found._executor(order("one"))._executor
    executor.parameters["map_count"] = 100
    text = executor._make_submission_file_text("work", "id")
    for line in (
        *("--partition=gpu", "--time=90", "--gpus-per-node=1", "--cpus-per-task=8", "--mem=32GB"),
        *("--array=0-99%64", "--account=deblur", "--signal=USR2@300"),
    ):
        assert f"#SBATCH {line}\n" in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"time": 0}, r"launcher\.time must be a whole number, at least 1; it is 0"),
        ({"gpus": -1}, r"launcher\.gpus must be"),
        ({"cpus": 1.5}, r"launcher\.cpus must be"),
        ({"jobs": "many"}, r"launcher\.jobs must be"),
        ({"restarts": -1}, r"launcher\.restarts must be"),
        ({"memory": 0}, r"launcher\.memory must be above 0; it is 0"),
        ({"memory": "32GB"}, r"launcher\.memory must be"),
        ({"cluster": "pbs"}, r"launcher\.cluster must be slurm or local, not pbs"),
        ({"cluster": "slurm"}, "finds no srun"),
    ],
)
def test_what_cannot_be(settings: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Refused, match=words):
        launcher(**settings)


def test_without_submitit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cldeblur.sweeps.slurm.find_spec", lambda _: None)
    with pytest.raises(Refused, match=r"pip install 'cldeblur\[slurm\]'"):
        launcher()
