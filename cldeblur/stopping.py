"""Being asked to stop, where there is nothing to save; and how a run that ends early is recorded."""

import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from cldeblur.errors import Failed, Refused
from cldeblur.records import RunRecord

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
INTERRUPTED = 75  # the exit code: EX_TEMPFAIL of sysexits.h


class Interrupted(BaseException):
    """The run was asked to stop, and can be resumed. No error, so nothing that catches errors may swallow it."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn SIGTERM, SIGUSR1 and Ctrl-C into `Interrupted` where there is nothing to save."""

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        raise Interrupted(signal.Signals(number).name)

    with _handlers(stop):
        yield


@contextmanager
def noted() -> Iterator[list[signal.Signals]]:
    """Collect SIGTERM, SIGUSR1 and Ctrl-C as they come, for someone who has others to stop first."""
    asked: list[signal.Signals] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        asked.append(signal.Signals(number))

    with _handlers(note):
        yield asked


def impatient(asked: Sequence[signal.Signals]) -> bool:
    """Whether Ctrl-C has come twice: stop at once."""
    return asked.count(signal.SIGINT) > 1


@contextmanager
def _handlers(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


@contextmanager
def recorded(record: RunRecord, directory: Path, log: Path) -> Iterator[None]:
    """Note in the record, and in the log, why work that was begun ends before it is done.

    Raises:
        Failed: something was refused after work had begun, a file that broke in the meantime for example.
    """
    try:
        yield
    except Refused as error:
        # A loader process puts its whole traceback before the sentence.
        sentence = str(error).strip().splitlines()[-1].removeprefix("cldeblur.errors.Refused: ")
        record.end(directory, "failed", sentence)
        raise Failed(sentence) from error
    except Failed as error:
        record.end(directory, error.status, str(error))
        raise
    except Exception as error:
        with log.open("a", encoding="utf-8") as file:
            file.write(traceback.format_exc())
        record.end(directory, "failed", f"{type(error).__name__}: {error}")
        raise
    except BaseException as error:
        record.end(directory, "interrupted", f"{type(error).__name__}: {error}")
        raise
