"""What the first rank of a run does when another ends before its time."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from cldeblur.errors import Failed
from cldeblur.records import read_record

PERIOD_SECONDS = 1.0
GRACE_SECONDS = 15.0
FAILED = 1

Process = subprocess.Popen[bytes]


def lost_rank(processes: Sequence[Process], patience: float = 0.0) -> str | None:
    """A sentence about the first of the other ranks that has failed; None where none does within `patience` seconds."""
    end = time.monotonic() + patience
    while not (lost := _first_lost(processes)) and time.monotonic() < end:
        time.sleep(PERIOD_SECONDS / 10)
    return lost


def _first_lost(processes: Sequence[Process]) -> str | None:
    for rank, process in enumerate(processes, start=1):
        code = process.poll()
        if code:
            how = f"was killed by signal {-code}" if code < 0 else "failed; its traceback is in the run's log.txt"
            return f"rank {rank} {how}"
    return None


class RankWatch:
    """Ends the run, with its record, if another rank is lost and the first hangs in a word to it.

    With gloo the first rank notices at once and fails by itself, which is cleaner: it gets some seconds to. With
    NCCL it would wait for many minutes, in a call that nothing can interrupt.
    """

    def __init__(self, processes: Sequence[Process], directory: Path) -> None:
        self._processes = processes
        self._directory = directory
        self._over = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(PERIOD_SECONDS):
            lost = lost_rank(self._processes)
            if lost and not self._over.wait(GRACE_SECONDS):
                self._give_up(lost)

    def _give_up(self, sentence: str) -> None:
        """Close the books in place of the first rank, and leave."""
        for process in self._processes:
            process.kill()
        read_record(self._directory).end(self._directory, Failed.status, sentence)
        sys.stderr.write(f"cldeblur: failed: {sentence}\n")
        sys.stderr.flush()
        os._exit(FAILED)
