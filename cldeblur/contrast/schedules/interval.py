"""Stages of equal length."""

from cldeblur.contrast.schedules.schedule import Schedule
from cldeblur.errors import Refused


class EpochInterval(Schedule):
    """A new stage every `interval` epochs; the last one lasts until the end."""

    def __init__(self, interval: int | None, stages: int, max_epochs: int) -> None:
        """Take the length and the number of stages.

        Args:
            interval: epochs that a stage lasts, at least 1; None: equal parts of `max_epochs`.
            stages: number of stages, at least 1.
            max_epochs: epochs of the whole training; it matters only where `interval` is None.

        Raises:
            Refused: a number lies outside its range.
        """
        if stages < 1:
            raise Refused(f"schedule.stages must be at least 1; it is {stages}")
        if interval is not None and interval < 1:
            raise Refused(f"schedule.interval must be at least 1, or null for equal parts; it is {interval}")
        self.stages = stages
        # Epochs that all stages take together; epoch // interval is the same as epoch * stages // reach.
        self._reach = max_epochs if interval is None else interval * stages

    def stage(self, epoch: int, /) -> int:
        """Stage of an epoch, in 0 … stages - 1."""
        return min(epoch * self.stages // self._reach, self.stages - 1)
