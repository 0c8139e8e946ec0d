"""The command as a process: signals, kills, several ranks, sweeps."""

import csv
import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from cldeblur.records import read_record

LONG = ("trainer.max_epochs=60", "negatives=blend", "schedule.interval=15", "schedule.stages=4", "trainer.ema=0.9")
# The snapshot must be the same network on both ranks.
BANK = (
    "negatives=bank",
    "negatives.generators=[{_target_:cldeblur.contrast.negatives.blend.Blend},"
    "{_target_:cldeblur.contrast.negatives.snapshot.Snapshot}]",
)
# The mean over all images lies below the bound in epochs 2 and 3, and again from 5 on.
ADAPTIVE = ("schedule=adaptive", "schedule.bound=0.715", "schedule.change=0", "schedule.patience=2")
TWO = ("trainer=ddp", "trainer.accelerator=cpu")
PATIENCE = 600


def rows(directory: Path) -> list[dict[str, float]]:
    """The rows of a run's metrics.csv, but for what no two runs have alike; none where it is not there yet."""
    path = directory / "metrics.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        found = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return [{name: value for name, value in row.items() if name != "train/images_per_second"} for row in found]


def tolerance(column: str) -> float:
    """Relative difference that the order of summation may make; signs of an L1 distance amplify it in gradients."""
    return 1e-3 if column.startswith("contrast/") else 1e-5


def wait_for_row(directory: Path, count: int, process: "subprocess.Popen[str]") -> None:
    """Wait until a run has finished some epochs."""
    end = time.monotonic() + PATIENCE
    while len(rows(directory)) < count:
        assert process.poll() is None, "the run has ended by itself"
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.long
def test_killed_and_interrupted_run_ends_like_another(start: Any, tmp_path: Path, weights: Any) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    reference = start(*LONG, f"run.dir={straight}")
    draw = random.Random(0)
    ends = [signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGTERM]
    for generation, number in enumerate(ends):
        process = start(*LONG, f"run.dir={killed}", "resume=auto")
        wait_for_row(killed, 10 * generation + draw.randint(2, 6), process)
        time.sleep(draw.uniform(0, 0.1))
        process.send_signal(number)
        code = process.wait(PATIENCE)
        record = read_record(killed)
        if number == signal.SIGKILL:
            assert (code, record.status) == (-signal.SIGKILL, "running")
        else:
            assert (code, record.status, record.exit_reason) == (75, "interrupted", f"Interrupted: {number.name}")
    assert start(*LONG, f"run.dir={killed}", "resume=auto").wait(PATIENCE) == 0
    assert reference.wait(PATIENCE) == 0
    torch.testing.assert_close(weights(killed), weights(straight), rtol=0, atol=0)
    assert rows(killed) == rows(straight)
    assert [row["epoch"] for row in rows(killed)] == list(range(60))
    assert len(read_record(killed).resumed_from) == len(ends)


@pytest.mark.long
def test_two_ranks_are_as_good_as_one(train: Any, start: Any, tmp_path: Path, weights: Any, washed: Path) -> None:
    words = ("trainer.max_epochs=8", *BANK, *ADAPTIVE, "schedule.stages=3", "levels.cap=0.5", "trainer.ema=0.5")
    words = (*words, "data.global_batch=4", f"data.root={washed}")
    alone, together, stopped = train("alone", *words), tmp_path / "together", tmp_path / "stopped"
    assert [row["contrast/stage"] for row in rows(alone)] == [0, 0, 0, 0, 1, 1, 1, 2]
    assert 0 < rows(alone)[-1]["contrast/level"] < 0.5 * 0.37, "what the crops have reached bounds it"
    assert start(*TWO, *words, f"run.dir={together}").wait(PATIENCE) == 0
    process = start(*TWO, *words, f"run.dir={stopped}")
    wait_for_row(stopped, 2, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 75
    assert start(*TWO, *words, f"run.dir={stopped}", "resume=auto").wait(PATIENCE) == 0
    for directory in (together, stopped):
        torch.testing.assert_close(weights(directory), weights(alone), rtol=0, atol=1e-6)
        for one, other in zip(rows(alone), rows(directory), strict=True):
            assert other == {name: pytest.approx(value, rel=tolerance(name), abs=1e-6) for name, value in one.items()}
        assert read_record(directory).determinism["world_size"] == 2


@pytest.mark.long
def test_all_ranks_leave_out_a_step(train: Any, broken_at: Any, weights: Any) -> None:
    broken_at(1)  # on the first rank alone: the other is a process of its own
    directory = train("run", *TWO, "detect=skip", "trainer.max_epochs=2")
    assert read_record(directory).status == "completed"
    assert (directory / "log.txt").read_text().count("this step is left out") == 1
    assert all(torch.isfinite(tensor).all() for tensor in weights(directory).values())


@pytest.mark.long
def test_sweep_of_two_ranks_runs_its_own_jobs(start: Any, tmp_path: Path) -> None:
    words = ("-m", "seed=1,2", "run.group=both", "trainer.max_epochs=2")
    assert start(*words, *TWO).wait(PATIENCE) == 0
    directories = sorted(path.parent for path in tmp_path.rglob("run.json"))
    assert [path.parent for path in directories] == [tmp_path / "runs/sweeps/both"] * 2
    for seed, directory in enumerate(directories, start=1):
        record = read_record(directory)
        assert directory.name.startswith(f"seed={seed}-")
        assert (record.status, record.determinism["seed"], record.determinism["world_size"]) == ("completed", seed, 2)
        assert [row["epoch"] for row in rows(directory)] == [0, 1]


@pytest.fixture
def trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Overrides that choose a backbone whose third training batch on rank 1 goes wrong, as `trouble.how` says."""
    (tmp_path / "trouble.py").write_text(
        "import os\n"
        "from cldeblur.networks.mimo_unet import MIMOUNet\n"
        "class Trouble(MIMOUNet):\n"
        "    def __init__(self, channels: int, how: str) -> None:\n"
        "        super().__init__(channels, blocks=1)\n"
        "        self.how, self.count = how, 0\n"
        "    def forward(self, blurred):\n"
        "        outputs = super().forward(blurred)\n"
        "        self.count += self.training\n"
        "        if os.environ.get('LOCAL_RANK') != '1' or not self.training or self.count < 3:\n"
        "            return outputs\n"
        "        if self.how == 'raise':\n"
        "            raise OSError('the disk of this rank is full')\n"
        "        return tuple(output * float('nan') for output in outputs)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    (tmp_path / "own" / "backbone").mkdir(parents=True)
    (tmp_path / "own/backbone/trouble.yaml").write_text("_target_: trouble.Trouble\nchannels: 4\nhow: raise\n")
    backbone = ["backbone=trouble", "trust=[trouble]", "--config-dir", str(tmp_path / "own")]
    return [*TWO, *backbone, "trainer.max_epochs=4"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("how", "status", "reason"),
    [
        ("raise", "failed", "rank 1 failed; its traceback is in the run's log.txt"),
        ("nan", "diverged", "epoch 0, step 2: the loss is not finite (term: pixel, frequency; images: "),
    ],
)
def test_another_rank_in_trouble(
    how: str, status: str, reason: str, trouble: list[str], start: Any, tmp_path: Path
) -> None:
    directory = tmp_path / "run"
    assert start(*trouble, f"backbone.how={how}", f"run.dir={directory}").wait(PATIENCE) == 1
    record = read_record(directory)
    assert record.status == status
    assert (record.exit_reason or "").startswith(reason)
    assert ("the disk of this rank is full" in (directory / "log.txt").read_text()) == (how == "raise")


@pytest.mark.long
def test_ranks_started_from_outside(
    start: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, weights: Any, train: Any
) -> None:
    words = ("trainer.max_epochs=2", "negatives=blend", "schedule.stages=2", "data.global_batch=4")
    alone, together = train("alone", *words), tmp_path / "together"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"TORCHELASTIC_RUN_ID": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for name, value in {**shared, "LOCAL_RANK": "0", "TORCHELASTIC_USE_AGENT_STORE": "False"}.items():
        monkeypatch.setenv(name, value)
    processes = []
    for rank in (1, 0):
        # Two machines of one process each: local ranks are equal, and the first machine comes last.
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("GROUP_RANK", str(rank))
        two = ("trainer=cpu", "trainer.num_nodes=2")
        processes.append(start(*words, *two, f"run.dir={together}"))
    assert [process.wait(PATIENCE) for process in processes] == [0, 0]
    assert read_record(together).determinism["world_size"] == 2
    torch.testing.assert_close(weights(together), weights(alone), rtol=0, atol=1e-6)
