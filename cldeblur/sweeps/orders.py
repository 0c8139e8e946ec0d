"""How a job reaches a process of its own: as a line on its standard input, which stays open while it is wanted."""

import json
import os
import signal
from dataclasses import asdict
from pathlib import Path
from threading import Thread
from typing import IO

from cldeblur.launching import Launch

INPUT = 0
CHUNK = 2**16


def send(launch: Launch, inlet: IO[bytes]) -> None:
    """Write a job that has not begun to a process's standard input. Closing that tells the process to stop."""
    try:
        inlet.write(json.dumps({**asdict(launch), "directory": str(launch.directory)}).encode() + b"\n")
        inlet.flush()
    except BrokenPipeError:
        # The process has died already; who started it sees that by its exit code.
        return


def received() -> Launch:
    """The job on standard input. From now on the end of the input stops this process, as SIGTERM does."""
    line = b""
    # Not sys.stdin: its lock, held by the waiting thread, would stand in the way of the interpreter's end.
    while not line.endswith(b"\n"):
        chunk = os.read(INPUT, CHUNK)
        if not chunk:
            raise SystemExit("no job on standard input")
        line += chunk
    Thread(target=_stop_at_its_end, daemon=True).start()
    content = json.loads(line)
    return Launch(**{**content, "directory": Path(content["directory"])})


def _stop_at_its_end() -> None:
    while os.read(INPUT, CHUNK):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
