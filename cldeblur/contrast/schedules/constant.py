"""One stage all along: the control arm that separates progress from sharpness."""

from cldeblur.contrast.schedules.schedule import Schedule
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
        if stages < 1:
            raise Refused(f"schedule.stages must be at least 1; it is {stages}")
        self.stages = stages
        self._stage = stages - 1 if stage is None else stage
        if not 0 <= self._stage < stages:
            raise Refused(f"schedule.stage must lie in 0 … {stages - 1}, for schedule.stages={stages}; it is {stage}")

    def stage(self, _epoch: int, /) -> int:
        """The stage it stays at."""
        return self._stage
