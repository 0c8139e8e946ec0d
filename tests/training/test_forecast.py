"""How long a training will take: told after the first steps, and again after the first whole epoch."""

from types import SimpleNamespace
from typing import Any

import pytest

from cldeblur.training import forecast
from cldeblur.training.forecast import MEASURED, WARM_UP, Forecast


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(forecast, "time", made)
    return made


def trainer(epoch: int = 0, epochs: int = 10, batches: int = 100, every: int = 2, inside: int = 0) -> Any:
    ready = SimpleNamespace(batch_progress=SimpleNamespace(current=SimpleNamespace(ready=inside)))
    return SimpleNamespace(
        current_epoch=epoch,
        max_epochs=epochs,
        num_training_batches=batches,
        check_val_every_n_epoch=every,
        fit_loop=SimpleNamespace(batch_idx=0, epoch_loop=ready),
    )


def told_by_steps(made: Forecast, work: Any, clock: Clock, batches: int, seconds: float) -> list[float]:
    """What is told in the course of so many batches of so many seconds each."""
    told = []
    for number in range(batches):
        clock.now += seconds * (100 if number < WARM_UP else 1)
        work.fit_loop.batch_idx = number
        told.append(made.after_batch(work))
    return [value for value in told if value is not None]


def test_by_steps_without_the_slow_ones_at_the_start(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    left = 10 * 100 - WARM_UP - MEASURED
    assert told_by_steps(Forecast(), trainer(), clock, 100, 2.0) == [pytest.approx(2.0 * left)]
    assert caplog.messages == [
        "20 batches took 40.0 s: about 32 min until the last epoch ends, and what validation takes"
    ]


def test_a_short_epoch_tells_by_itself(clock: Clock) -> None:
    made, work = Forecast(), trainer(batches=WARM_UP + MEASURED - 1)
    assert told_by_steps(made, work, clock, WARM_UP + MEASURED - 1, 2.0) == []
    assert made.after_epoch(work, training=50.0, validation=6.0) == 9 * 50 + 9 / 2 * 6
    assert told_by_steps(made, work, clock, 100, 2.0) == []
    assert made.after_epoch(work, training=50.0, validation=6.0) is None


def test_a_pause_between_epochs_is_no_step(clock: Clock) -> None:
    made, work = Forecast(), trainer(inside=80)
    made.start(work)
    assert told_by_steps(made, work, clock, 20, 2.0) == []
    assert made.after_epoch(work, training=40.0, validation=0.0) is None
    clock.now += 1000
    assert told_by_steps(made, work, clock, 100, 2.0) == [pytest.approx(2.0 * (10 * 100 - WARM_UP - MEASURED))]


def test_the_last_epoch_tells_nothing() -> None:
    assert Forecast().after_epoch(trainer(epoch=9), training=40.0, validation=1.0) is None
