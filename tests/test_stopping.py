"""How work that was begun is recorded when it ends early."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from cldeblur.errors import Failed, Refused
from cldeblur.records import RunRecord, now, read_record
from cldeblur.stopping import Interrupted, interruptible, recorded


@pytest.fixture
def record() -> RunRecord:
    words: dict[str, Any] = dict.fromkeys(("id", "name", "task", "cwd"), "word")
    lists: dict[str, Any] = {"argv": [], "overrides": []}
    dicts: dict[str, Any] = {"config": {}, "versions": {}, "host": {}, "determinism": {}}
    return RunRecord(status="running", started=now(), heartbeat=now(), **words, **lists, **dicts)


@pytest.mark.parametrize(
    ("error", "raised", "status", "traceback"),
    [
        (
            Refused("Caught Refused in a worker\n  File ...\ncldeblur.errors.Refused: a.png is cut"),
            Failed,
            "failed",
            False,
        ),
        (Failed("no number"), Failed, "failed", False),
        (KeyError("a defect"), KeyError, "failed", True),
        (Interrupted("SIGTERM"), Interrupted, "interrupted", False),
    ],
)
def test_an_early_end_is_recorded(
    error: BaseException, raised: type[BaseException], status: str, traceback: bool, record: RunRecord, tmp_path: Path
) -> None:
    log = tmp_path / "log.txt"
    with pytest.raises(raised) as found, recorded(record, tmp_path, log):
        raise error
    assert read_record(tmp_path).status == status
    assert ("Traceback" in log.read_text() if log.exists() else False) is traceback
    if isinstance(error, Refused):
        assert str(found.value) == "a.png is cut"


def test_signals_interrupt_and_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted, match="SIGTERM"), interruptible():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before
