"""A first rank that hangs in a word to a rank that is gone is ended, and its record with it."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from cldeblur.records import RunRecord, read_record
from cldeblur.training.watch import lost_rank

HANGING = """
import subprocess, sys, time
from pathlib import Path
from cldeblur.training import watch
watch.PERIOD_SECONDS = watch.GRACE_SECONDS = 0.1
other = subprocess.Popen([sys.executable, "-c", sys.argv[2]])
with watch.RankWatch([other], Path(sys.argv[1])):
    time.sleep(float(sys.argv[3]))
"""


def hang(directory: Path, other: str, seconds: float) -> "subprocess.CompletedProcess[str]":
    """A first rank that does nothing for so long, beside a rank that does `other`."""
    command = [sys.executable, "-c", HANGING, str(directory), other, str(seconds)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A run directory with a record that says "running"."""
    words: list[str] = []
    RunRecord("id", "run", "train", "running", "then", "then", words, words, ".", {}, {}, {}, {}).write(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ("raise SystemExit(1)", "rank 1 failed; its traceback is in the run's log.txt"),
        ("import os; os.kill(os.getpid(), 9)", "rank 1 was killed by signal 9"),
    ],
)
def test_a_lost_rank_ends_the_run(directory: Path, other: str, sentence: str) -> None:
    ended = hang(directory, other, 50)
    record = read_record(directory)
    assert (ended.returncode, ended.stderr) == (1, f"cldeblur: failed: {sentence}\n")
    assert (record.status, record.exit_reason) == ("failed", sentence)


def test_a_rank_that_is_done_ends_nothing(directory: Path) -> None:
    assert hang(directory, "", 1).returncode == 0
    assert read_record(directory).status == "running"


def test_patience_is_for_a_rank_that_is_about_to_fail() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3); raise SystemExit(3)"]) as process:
        assert lost_rank([process]) is None
        assert lost_rank([process], patience=30) == "rank 1 failed; its traceback is in the run's log.txt"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"]) as process:
        began = time.monotonic()
        assert lost_rank([process], patience=0.2) is None
        assert time.monotonic() - began < 10
        process.kill()
