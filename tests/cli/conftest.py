"""What the tests of the command share: command lines that must be refused, and a training that costs nothing."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from cldeblur.cli.main import main
from cldeblur.config.identity import config_hash, method_hash
from cldeblur.config.loading import to_yaml
from cldeblur.config.schema import TrainConfig
from cldeblur.files import write_text
from cldeblur.launching import CONFIG_FILE, Launch
from cldeblur.records import RunRecord, now

Training = Callable[[TrainConfig, Launch], float | None]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def refused(place: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Give `refused(*words)`, the sentence with which a command line is refused before anything is made."""

    def run(*words: str) -> str:
        before = sorted(place.rglob("*"))
        code = main(words)
        lines = capfd.readouterr().err.splitlines()
        assert code == 2
        assert len(lines) == 1, lines
        assert lines[0].startswith("cldeblur: ")
        assert sorted(place.rglob("*")) == before
        return lines[0].removeprefix("cldeblur: ")

    return run


def write_record(config: TrainConfig, launch: Launch) -> RunRecord:
    """The record of a run that has begun, written into its directory."""
    moment = now()
    record = launch.earlier or RunRecord(
        id=launch.directory.name,
        name=launch.directory.name,
        task="train",
        status="running",
        started=moment,
        heartbeat=moment,
        argv=launch.argv,
        overrides=launch.overrides,
        cwd="",
        config={"hash": config_hash(launch.content), "method_hash": method_hash(launch.content)},
        versions={},
        host={},
        determinism={"seed": config.seed},
        experiment=launch.experiment,
        sweep=launch.sweep,
    )
    write_text(launch.directory / CONFIG_FILE, to_yaml(launch.content))
    record.write(launch.directory)
    return record


@pytest.fixture
def begun() -> Callable[[TrainConfig, Launch], RunRecord]:
    """Give `begun(config, launch)`, the record of a run that has begun in its directory."""
    return write_record


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Callable[[Training | None], list[Launch]]:
    """Put a function in the place of training; gives the list of the jobs that it is called for.

    Without a function every job begins, and completes at once with 30 dB.
    """
    launches: list[Launch] = []

    def complete(config: TrainConfig, launch: Launch) -> float:
        record = write_record(config, launch)
        record.metrics = {"best": {"value": 30.0, "epoch": 1}}
        record.end(launch.directory, "completed")
        return 30.0

    def install(function: Training | None = None) -> list[Launch]:
        def train(config: TrainConfig, launch: Launch) -> float | None:
            launches.append(launch)
            return (function or complete)(config, launch)

        monkeypatch.setitem(sys.modules, "cldeblur.training.run", SimpleNamespace(train=train))
        return launches

    return install
