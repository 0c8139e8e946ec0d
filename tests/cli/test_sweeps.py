"""Sweeps as their user sees them, in this process and with a training that costs nothing."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cldeblur.cli import jobs as tasks
from cldeblur.cli.main import main
from cldeblur.config.schema import TrainConfig
from cldeblur.errors import Failed, Refused
from cldeblur.launching import Launch
from cldeblur.records import RunRecord, SweepRecord, read_record, read_sweep
from cldeblur.stopping import Interrupted
from cldeblur.sweeps.local import LocalLauncher
from cldeblur.sweeps.watch import PERIOD_SECONDS
from hydra_plugins.cldeblur_launcher import ChosenLauncher

Training = Callable[..., list[Launch]]
Refusal = Callable[..., str]
PHOTOS = ["train", "-m", "data=photos", "run.group=mine", "trainer.max_epochs=20"]
BASIC = "hydra/launcher=basic"
FOLDER = Path("runs/sweeps/mine")
HOLDER = """
import sys, time
from pathlib import Path
from cldeblur.sweeps.directories import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the local launcher work in this process; gives the names of the modules it was told to start."""
    modules: list[str] = []

    def run(_: LocalLauncher, launches: list[Launch], module: str) -> None:
        modules.append(module)
        for launch in launches:
            tasks.perform(launch)

    monkeypatch.setattr(LocalLauncher, "run", run)
    return modules


def sweep() -> SweepRecord:
    """The record of the sweep."""
    return read_sweep(FOLDER)


def statuses() -> list[str]:
    """How its jobs stand."""
    return [job.status for job in sweep().jobs]


@pytest.mark.parametrize("launcher", [BASIC, "launcher=local"])
def test_what_is_one_thing_is_trained_once(
    launcher: str, training: Training, ours: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    launches = training()
    words = [*PHOTOS, launcher, "negatives=none,blend", "schedule=interval,constant"]
    assert main(words) == 0
    assert ours == ([] if launcher == BASIC else ["cldeblur.cli.jobs"])
    assert [launch.directory.name[:-9] for launch in launches] == [
        *("negatives=none", "negatives=blend,schedule=interval", "negatives=blend,schedule=constant"),
    ]
    output = capfd.readouterr().out
    assert "sweep in runs/sweeps/mine: 3 runs, none of them done already\n" in output
    shared = "job 0 (negatives=none,schedule=interval) and job 1 (negatives=none,schedule=constant)"
    assert f"  one run: {shared}\n" in output
    assert [job.numbers for job in sweep().jobs] == [[0, 1], [2], [3]]
    assert [launch.sweep["job"] for launch in launches if launch.sweep] == [0, 2, 3]
    assert main([*PHOTOS, launcher, "schedule=constant,interval", "negatives=none"]) == 0
    assert len(launches) == 3
    assert "1 run, 1 of them done already" in capfd.readouterr().out


def test_the_record_of_a_sweep(training: Training, place: Path) -> None:
    training()
    assert main([*PHOTOS, BASIC, "seed=1,2"]) == 0
    record = sweep()
    assert (record.id, record.task, record.status) == ("mine", "train", "completed")
    assert (record.experiments, record.data, record.cwd) == (["custom"], ["photos"], str(place))
    assert record.argv == sys.argv
    assert record.overrides == [*PHOTOS[2:], BASIC, "seed=1,2"]
    assert record.ended is not None
    for number, job in enumerate(record.jobs):
        run = read_record(FOLDER / job.directory)
        assert (job.status, job.reason, job.numbers) == ("completed", None, [number])
        assert (job.started, job.ended, job.hash) == (run.started, run.ended, run.config["hash"])
        assert f"seed={number + 1}" in job.overrides


def test_an_extended_sweep_runs_the_new_jobs_alone(training: Training, capfd: pytest.CaptureFixture[str]) -> None:
    launches = training()
    assert main([*PHOTOS, BASIC, "seed=1,2"]) == 0
    assert main([*PHOTOS, BASIC, "negatives=none,blurred", "seed=2,3"]) == 0
    output = capfd.readouterr().out
    assert "4 runs, 1 of them done already" in output
    assert "  beside them stay earlier runs (1); run.group=NAME" in output
    assert len(launches) == 5
    assert len({launch.directory for launch in launches}) == 5
    # What the second command does not ask for stays in the record.
    assert [job.numbers for job in sweep().jobs] == [[0], [1], [2], [3], []]
    assert statuses() == ["completed"] * 5


def test_failed_and_interrupted_jobs_go_on(
    training: Training, begun: Callable[..., RunRecord], capfd: pytest.CaptureFixture[str]
) -> None:
    ends: list[BaseException | None] = [Failed("the disk is full"), None, Interrupted("SIGTERM")]

    def train(config: TrainConfig, launch: Launch) -> float:
        record, end = begun(config, launch), ends.pop(0) if ends else None
        if end is not None:
            record.end(launch.directory, "failed" if isinstance(end, Failed) else "interrupted", str(end))
            raise end
        record.end(launch.directory, "completed")
        return 30.0

    launches = training(train)
    words = [*PHOTOS, BASIC, "seed=1,2,3,4"]
    assert main(words) == 75
    assert statuses() == ["failed", "completed", "interrupted", "waiting"]
    assert sweep().status == "interrupted"
    output = capfd.readouterr().out
    assert re.search(r"seed=1-\w{8}  failed       the disk is full\n", output)
    assert re.search(r"seed=4-\w{8}  not begun\n", output)
    assert output.endswith("interrupted; the same command goes on with it\n")
    assert main(words) == 0
    assert statuses() == ["completed"] * 4
    assert [launch.earlier is not None for launch in launches] == [False, False, False, True, True, False]
    assert sum("seed=2" in launch.overrides for launch in launches) == 1


@pytest.mark.parametrize("launcher", [BASIC, "launcher=local"])
def test_a_refused_job_is_told_of_in_the_table(
    launcher: str, training: Training, ours: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    def train(config: TrainConfig, launch: Launch) -> float:
        if config.seed == 1:
            raise Refused("data.root is x; there is no such folder")
        return complete(config, launch)

    complete = completes(training)
    training(train)
    assert main([*PHOTOS, launcher, "seed=1,2"]) == 1
    assert statuses() == ["refused", "completed"]
    assert re.search(r"seed=1-\w{8}  refused      data\.root is x; there is no such folder\n", capfd.readouterr().out)
    assert [path.name[:7] for path in FOLDER.iterdir() if path.name.startswith((".", "seed"))] == ["seed=2-"]
    assert ours == ([] if launcher == BASIC else ["cldeblur.cli.jobs"])


def test_a_job_that_leaves_no_word_has_died(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    training()
    monkeypatch.setattr(LocalLauncher, "run", lambda *_: None)
    assert main([*PHOTOS, "seed=1,2"]) == 1
    assert {(job.status, job.reason) for job in sweep().jobs} == {("died", "it left no record; see its messages")}


def test_what_a_sweep_takes_is_said_once_it_is_known(
    training: Training, begun: Callable[..., RunRecord], capfd: pytest.CaptureFixture[str]
) -> None:
    def train(config: TrainConfig, launch: Launch) -> float:
        record = begun(config, launch)
        record.cost, record.progress = {"wall_s": 1800.0}, {"epochs": config.trainer.max_epochs}
        record.end(launch.directory, "completed")
        return 30.0

    training(train)
    assert main([*PHOTOS, BASIC, "seed=1"]) == 0
    assert "about" not in capfd.readouterr().out
    assert main([*PHOTOS, BASIC, "seed=1,2,3,4,5,6"]) == 0
    assert capfd.readouterr().out.splitlines()[:2] == [
        "sweep in runs/sweeps/mine: 6 runs, 1 of them done already",
        "about 2.5 h for the 5 runs that are left",
    ]
    assert main([*PHOTOS, BASIC, "seed=7", "trainer.max_epochs=30"]) == 0
    assert "about" not in capfd.readouterr().out


def test_what_a_sweep_takes_is_said_while_its_first_job_works(
    training: Training, begun: Callable[..., RunRecord], capfd: pytest.CaptureFixture[str]
) -> None:
    def train(config: TrainConfig, launch: Launch) -> float:
        record = begun(config, launch)
        record.cost = {"expected_s": 7200.0}
        record.write(launch.directory)
        if config.seed == 1:
            time.sleep(2 * PERIOD_SECONDS)
        record.end(launch.directory, "completed")
        return 30.0

    training(train)
    assert main([*PHOTOS, BASIC, "seed=1,2,3"]) == 0
    said = capfd.readouterr().out.splitlines()
    assert said[:2] == [
        "sweep in runs/sweeps/mine: 3 runs, none of them done already",
        "how long that takes is said once the first steps are done",
    ]
    assert [line for line in said if line.startswith("about")] == ["about 6.0 h for the 3 runs that are left"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["data=folder", "data.root=x"], "data photos, not folder"),
        (["experiment=quickstart"], "experiment custom, not quickstart"),
    ],
)
def test_the_folder_of_another_sweep(words: list[str], named: str, training: Training, refused: Refusal) -> None:
    training()
    assert main([*PHOTOS, BASIC, "seed=1"]) == 0
    sentence = refused(*PHOTOS, BASIC, "seed=1,2", *words)
    assert sentence.startswith("run.group=mine is another sweep's: runs/sweeps/mine holds one of ")
    assert named in sentence


def test_a_sweep_of_another_verb(training: Training, refused: Refusal) -> None:
    training()
    assert main([*PHOTOS, BASIC, "seed=1"]) == 0
    assert "verb train, not evaluate" in refused(
        "evaluate", "-m", "data=photos", "backbone=identity", "run.group=mine", "protocol=cldeblur,rounded"
    )


def test_two_processes_on_one_sweep(place: Path, training: Training, refused: Refusal) -> None:
    launches = training()
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(place / FOLDER)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        sentence = refused(*PHOTOS, BASIC, "seed=1,2")
        holder.kill()
    who = f"process {holder.pid} on {os.uname().nodename}"
    assert sentence == f"another process is working on runs/sweeps/mine ({who})"
    assert launches == []


def test_a_job_waits_for_another_process_at_work_on_its_run(
    training: Training, capfd: pytest.CaptureFixture[str]
) -> None:
    launches = training()
    assert main([*PHOTOS, BASIC, "seed=1"]) == 0
    directory = launches[0].directory
    read_record(directory).end(directory, "interrupted")
    program = HOLDER.replace("600", "8")
    with subprocess.Popen([sys.executable, "-c", program, str(directory)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert main([*PHOTOS, BASIC, "seed=1"]) == 0
        assert holder.poll() is not None
    assert "waiting for another process that works on" in capfd.readouterr().out
    assert len(launches) == 2


@pytest.mark.parametrize(
    "words",
    [["seed=1,2", "seed=3,4"], ["seed=1,2", "seed=3"], ["seed=1", "seed=range(1,4)"], ["negatives=none,blend"] * 2],
)
def test_one_axis_twice(words: list[str], refused: Refusal) -> None:
    key = words[0].partition("=")[0]
    assert refused(*PHOTOS, *words) == f"{key} is given twice; name all its values at one place"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["launcher=slrum"], "launcher=slurm"),
        (["hydra/launcher=jobilb"], "hydra/launcher=joblib"),
        (["launcher.jbos=2"], "launcher.jobs"),
        (["launcher.jobs=0"], "launcher.jobs must be a whole number, at least 1; it is 0"),
        (["launcher._target_=os.system"], "os.system"),
        (["negatives=blend,blnd"], "negatives=blend"),
        (["launcher=slurm", "launcher.cluster=pbs"], "launcher.cluster must be slurm or local"),
        (["negatives=blend", "levels.top=0.3,1.5"], "levels.top must be at least 0 and below 1; it is 1.5"),
        (["negatives=blend", "schedule.stages=3,0"], "schedule.stages must be a whole number and at least 1; it is 0"),
        (["negatives=blend", "trainer.max_epochs=9", "schedule.interval=2,900"], "never leaves stage 0"),
        (["negatives=none,bank", "negatives.generators=[]"], "no key 'negatives.generators'"),
        (["negatives=bank", "negatives.generators=[]"], "negatives.generators is empty"),
        (["data.root=here,there"], "data.root cannot take several values"),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_job(words: list[str], named: str, refused: Refusal) -> None:
    assert named in refused(*PHOTOS, "seed=1,2", *words)


def test_without_a_sweep_the_launcher_has_no_effect(training: Training) -> None:
    launches = training()
    assert main(["train", "data=photos", "run.dir=one"]) == 0
    assert main(["train", "data=photos", "run.dir=one", "launcher=slurm"]) == 0
    assert len(launches) == 1


def test_a_sweeper_is_given_what_its_jobs_found(
    training: Training, ours: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hydra's own loop over batches of jobs, with a launcher of ours: figures of new jobs, and of finished ones."""
    training()
    given: list[object] = []
    monkeypatch.setattr("hydra_plugins.cldeblur_launcher.ChosenLauncher.launch", spied(ChosenLauncher.launch, given))
    for _ in range(2):
        assert main([*PHOTOS, "seed=1,2", "hydra.sweeper.max_batch_size=1"]) == 0
    assert given == [30.0] * 4
    assert len(ours) == 4


def spied(launch: Callable[..., Any], given: list[object]) -> Callable[..., Any]:
    """The launcher's function; what its jobs return is added to a list."""

    def spy(*words: Any, **named: Any) -> Any:
        answer = launch(*words, **named)
        given.extend(job.return_value for job in answer)
        return answer

    return spy


def completes(training: Training) -> Callable[[TrainConfig, Launch], float]:
    """A training that completes at once."""
    training()
    found: Callable[[TrainConfig, Launch], float] = sys.modules["cldeblur.training.run"].train
    return found
