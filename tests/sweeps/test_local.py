"""A process a job: at once, killed, asked to stop, orphaned. The jobs do nothing but tell of themselves."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch

from cldeblur.errors import Refused
from cldeblur.launching import Launch
from cldeblur.stopping import Interrupted
from cldeblur.sweeps.local import LocalLauncher

MODULE = "telling_job"
# Writes when it began, ended, or what stopped it; `deaf` to signals, or killing itself, if its config says so.
PROGRAM = """
import os, signal, sys, time
from cldeblur.sweeps.orders import received

launch = received()
launch.directory.mkdir(parents=True, exist_ok=True)

def tell(name, text):
    (launch.directory / f".{name}").write_text(str(text))
    (launch.directory / f".{name}").rename(launch.directory / name)

def stop(number, frame):
    if not launch.content.get("deaf"):
        tell("stopped", signal.Signals(number).name)
        sys.exit(75)

for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
    signal.signal(number, stop)
print(f"10 %\\r100 %\\nseed {launch.content['seed']}", flush=True)
known = [os.environ.get(name) for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")]
tell("began", f"{time.monotonic()} {os.getpid()} {known[0]} {known[1]}")
if launch.content.get("dies"):
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(launch.content.get("seconds", 0.3))
tell("ended", time.monotonic())
"""
LAUNCHER = """
import sys
from pathlib import Path
from cldeblur.launching import Launch
from cldeblur.sweeps.local import LocalLauncher

launch = Launch("train", Path(sys.argv[1]), {"seed": 1, "seconds": 60}, [], [])
LocalLauncher(1).run([launch], sys.argv[2])
"""
PATIENCE = 60
Order = Callable[..., Launch]


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module to start, where a process finds it."""
    (tmp_path / f"{MODULE}.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """Give `order(0, seconds=…)`, a job with its number."""

    def make(number: int, **content: Any) -> Launch:
        sweep = {"id": "mine", "job": number, "overrides": []}
        return Launch("train", tmp_path / f"job{number}", {"seed": number, **content}, [], [], None, sweep)

    return make


def said(launch: Launch, name: str) -> list[str]:
    """What a job has written; nothing if it has not."""
    path = launch.directory / name
    return path.read_text().split() if path.exists() else []


def wait_for(path: Path) -> None:
    """Wait until a job has written a file."""
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether a process works; one that nobody has waited for is dead too."""
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(") ")[2][0] != "Z"


@pytest.fixture
def stopping() -> Callable[..., None]:
    """Give `stopping(launches, at_once, *signals)`: run, and send the signals once all the first jobs have begun."""

    def run(launches: list[Launch], at_once: int, *numbers: signal.Signals) -> None:
        def send() -> None:
            for launch in launches[:at_once]:
                wait_for(launch.directory / "began")
            for number in numbers:
                os.kill(os.getpid(), number)
                time.sleep(0.5)

        sender = Thread(target=send)
        sender.start()
        try:
            LocalLauncher(at_once).run(launches, MODULE)
        finally:
            sender.join()

    return run


def test_one_job_after_another(order: Order, capfd: pytest.CaptureFixture[str]) -> None:
    launches = [order(number) for number in range(3)]
    LocalLauncher(1).run(launches, MODULE)
    pids = [int(said(launch, "began")[1]) for launch in launches]
    assert len({os.getpid(), *pids}) == 4
    for one, other in pairwise(launches):
        assert float(said(one, "ended")[0]) < float(said(other, "began")[0])
    lines = capfd.readouterr().out
    assert lines == "".join(f"job {number}: job{number}\n10 %\r100 %\nseed {number}\n" for number in range(3))


def test_several_at_once(order: Order, capfd: pytest.CaptureFixture[str]) -> None:
    launches = [order(number, seconds=2) for number in range(3)]
    LocalLauncher(2).run(launches, MODULE)
    began, ended = ([float(said(launch, name)[0]) for launch in launches] for name in ("began", "ended"))
    assert max(began[:2]) < min(ended[:2])
    assert began[2] > min(ended[:2])
    lines = capfd.readouterr().out.splitlines()
    expected = [(f"job {number}: job{number}", f"{number} | 100 %", f"{number} | seed {number}") for number in range(3)]
    assert sorted(lines) == sorted(line for three in expected for line in three)
    share = max(1, (os.cpu_count() or 1) // 2)
    assert {said(launch, "began")[2] for launch in launches} == {str(share)}


def test_jobs_at_once_work_on_gpus_of_their_own(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    launches = [order(0, seconds=8), order(1), order(2)]
    LocalLauncher(2).run(launches, MODULE)
    # The third takes over what the second has left.
    assert [said(launch, "began")[3] for launch in launches] == ["0,1", "1,0", "1,0"]


def test_a_job_that_is_killed_takes_no_other_along(order: Order, capfd: pytest.CaptureFixture[str]) -> None:
    launches = [order(0, dies=True), order(1)]
    LocalLauncher(1).run(launches, MODULE)
    assert said(launches[0], "ended") == []
    assert said(launches[1], "ended")
    assert "job 0 was killed by SIGKILL" in capfd.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_asked_to_stop(number: signal.Signals, order: Order, stopping: Callable[..., None]) -> None:
    launches = [order(place, seconds=PATIENCE) for place in range(3)]
    with pytest.raises(Interrupted, match=number.name):
        stopping(launches, 2, number)
    assert [said(launch, "stopped") for launch in launches] == [[number.name], [number.name], []]
    assert not launches[2].directory.exists()


def test_a_second_interrupt_stops_at_once(order: Order, stopping: Callable[..., None]) -> None:
    launches = [order(0, seconds=PATIENCE, deaf=True), order(1)]
    began = time.monotonic()
    with pytest.raises(Interrupted):
        stopping(launches, 1, signal.SIGINT, signal.SIGINT)
    assert time.monotonic() - began < PATIENCE / 2
    assert not is_alive(int(said(launches[0], "began")[1]))
    assert not launches[1].directory.exists()


def test_a_terms_repetition_is_no_hurry(order: Order, stopping: Callable[..., None]) -> None:
    launches = [order(0, seconds=4, deaf=True)]
    with pytest.raises(Interrupted):
        stopping(launches, 1, signal.SIGTERM, signal.SIGTERM)
    assert said(launches[0], "ended")


def test_no_job_outlives_its_launcher(tmp_path: Path) -> None:
    directory = tmp_path / "orphan"
    with subprocess.Popen([sys.executable, "-c", LAUNCHER, str(directory), MODULE]) as launcher:
        wait_for(directory / "began")
        launcher.kill()
    wait_for(directory / "stopped")
    assert (directory / "stopped").read_text() == "SIGTERM"
    end = time.monotonic() + PATIENCE
    while is_alive(int((directory / "began").read_text().split()[1])):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_module_that_cannot_be_started_ends_nothing(order: Order, capfd: pytest.CaptureFixture[str]) -> None:
    LocalLauncher(1).run([order(0), order(1)], "there_is_no_such_module")
    assert capfd.readouterr().err.count("there_is_no_such_module") == 2


def test_a_process_without_a_job_says_so() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", MODULE], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stderr) == (1, "no job on standard input\n")


@pytest.mark.parametrize("jobs", [0, -1, 1.5, "many", True, None])
def test_how_many_at_once(jobs: Any) -> None:
    with pytest.raises(Refused, match=r"^launcher\.jobs must be a whole number, at least 1; it is"):
        LocalLauncher(jobs)
