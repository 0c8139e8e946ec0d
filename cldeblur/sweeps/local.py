"""Each job of a sweep a process of its own on this machine: what happens to one does not touch the others."""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread
from typing import IO

from cldeblur.errors import Refused
from cldeblur.launching import Launch
from cldeblur.stopping import Interrupted, impatient, noted
from cldeblur.sweeps.orders import send
from cldeblur.sweeps.sharing import job_environment

PERIOD_SECONDS = 0.1
STILL_SPEAKING_SECONDS = 5.0


class LocalLauncher:
    """Starts a process a job.

    Asked to stop, it starts no further job and passes the signal on; the jobs save and leave. A second Ctrl-C ends
    them at once. A job whose launcher is gone, killed for example, hears of it by the end of its standard input.

    Args:
        jobs: how many work at the same time, at least 1. One alone writes to the terminal as it is; of several each
            line begins with the job's number.

    Raises:
        Refused: fewer than one job at a time.
    """

    def __init__(self, jobs: int) -> None:
        if type(jobs) is not int or jobs < 1:
            raise Refused(f"launcher.jobs must be a whole number, at least 1; it is {jobs}")
        self._at_once = jobs

    def run(self, launches: Sequence[Launch], module: str) -> None:
        """Work off all jobs; see `Launcher`."""
        waiting, running = deque(launches), list[JobProcess]()
        with noted() as asked:
            try:
                while running or (waiting and not asked):
                    if waiting and len(running) < self._at_once and not asked:
                        place = min(set(range(self._at_once)) - {process.place for process in running})
                        running.append(JobProcess(waiting.popleft(), module, place, self._at_once))
                    running = [process for process in running if not process.has_ended(asked)]
                    time.sleep(PERIOD_SECONDS)
            finally:
                for process in running:
                    process.end()
        if asked:
            raise Interrupted(asked[0].name)


class JobProcess:
    """A job at work.

    Args:
        launch: the job.
        module: what to start; see `Launcher`.
        place: the job's among those that work at the same time, from 0.
        at_once: how many jobs share the machine and the terminal.
    """

    def __init__(self, launch: Launch, module: str, place: int, at_once: int) -> None:
        self.place = place
        self._number = (launch.sweep or {}).get("job", 0)
        self._told = 0
        _say(f"job {self._number}: {launch.directory.name}")
        shared = at_once > 1
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if shared else None,
            stderr=subprocess.STDOUT if shared else None,
            env=job_environment(place, at_once),
            # A Ctrl-C of the terminal must reach the job once, through the launcher.
            start_new_session=True,
        )
        self._speaker: Thread | None = None
        if self._process.stdout is not None:
            self._speaker = Thread(target=_repeat, args=(self._process.stdout, self._number), daemon=True)
            self._speaker.start()
        if self._process.stdin is not None:
            send(launch, self._process.stdin)

    def has_ended(self, asked: Sequence[signal.Signals]) -> bool:
        """Pass on what has been asked for since the last look, and see whether the job still works."""
        if self._told < len(asked):
            self._told = len(asked)
            if impatient(asked):
                self._kill_all()
            else:
                self._process.send_signal(asked[-1])
        if self._process.poll() is None:
            return False
        self._close()
        return True

    def end(self) -> None:
        """End the job at once."""
        self._kill_all()
        self._close()

    def _kill_all(self) -> None:
        """Kill the job's process, and every process that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _close(self) -> None:
        """Clean up behind a job that ends; what a killed one has left running ends too."""
        code = self._process.wait()
        if code < 0:
            self._kill_all()
        if self._speaker is not None:
            self._speaker.join(STILL_SPEAKING_SECONDS)
        if self._process.stdin is not None:
            self._process.stdin.close()
        if code < 0:
            _say(f"job {self._number} was killed by {signal.Signals(-code).name}")


def _repeat(output: IO[bytes], number: int) -> None:
    """Write a job's lines to the terminal, each with its number; of a progress bar its last state."""
    with output:
        for line in output:
            text = line.decode(errors="replace").rstrip("\r\n").rpartition("\r")[2]
            _say(f"{number} | {text}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
