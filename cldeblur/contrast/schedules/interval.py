"""Stages of equal length."""

from abc import abstractmethod

from cldeblur.contrast.schedules.schedule import Schedule
from cldeblur.contrast.values import whole


class ByInterval(Schedule):
    """A schedule whose stage may change every `interval` epochs, and at no other."""

    remedy = "shorten schedule.interval, or raise trainer.max_epochs"

    def __init__(self, interval: int | None, stages: int, max_epochs: int) -> None:
        """Take the length and the number of stages.

        Args:
            interval: epochs that a stage lasts, at least 1; None: equal parts of `max_epochs`, one a stage.
            stages: number of stages, at least 1.
            max_epochs: epochs of the whole training; it matters only where `interval` is None.

        Raises:
            Refused: a number lies outside its range.
        """
        self.stages = whole("schedule.stages", stages)
        # Epochs that all stages take together; epoch // interval is the same as epoch * stages // reach.
        self._reach = max_epochs if interval is None else whole("schedule.interval", interval) * stages

    def stage(self, epoch: int, /) -> int:
        """Stage of an epoch, in 0 … stages - 1."""
        return self.stage_of_interval(epoch * self.stages // self._reach)

    @abstractmethod
    def stage_of_interval(self, interval: int, /) -> int:
        """Stage of an interval (counted from 0, without end), in 0 … stages - 1."""


class EpochInterval(ByInterval):
    """A new stage every `interval` epochs; the last one lasts until the end."""

    def stage_of_interval(self, interval: int, /) -> int:
        """The interval's own number, at most that of the last stage."""
        return min(interval, self.stages - 1)
