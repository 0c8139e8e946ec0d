"""One stage all along: the control arm that separates progress from sharpness."""

from cldeblur.contrast.schedules.schedule import Schedule
from cldeblur.contrast.values import whole
from cldeblur.errors import Refused


class Constant(Schedule):
    """The same stage at every epoch."""

    def __init__(self, stage: int | None, stages: int) -> None:
        """Take the stage.

        Args:
            stage: the stage to stay at, in 0 … stages - 1; None: the last.
            stages: number of stages of the level curve, at least 1.

        Raises:
            Refused: there is no such stage.
        """
        self.stages = whole("schedule.stages", stages)
        self._stage = stages - 1 if stage is None else whole("schedule.stage", stage, least=0)
        if self._stage >= stages:
            raise Refused(f"schedule.stage must lie in 0 … {stages - 1}, for schedule.stages={stages}; it is {stage}")

    def stage(self, _epoch: int, /) -> int:
        """The stage it stays at."""
        return self._stage

    def standstill(self, _epochs: int, /) -> str | None:
        """Why the negatives would be the blurred images all along; to stay at a later stage is what it is for."""
        if self.stages == 1 or self._stage > 0:
            return None
        return "schedule.stage=0 keeps the negatives blurred: choose a later stage, or negatives=blurred"
