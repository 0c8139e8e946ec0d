"""Stages of equal length, the last one first: the control arm that has the thesis' negatives in the wrong order."""

from cldeblur.contrast.schedules.interval import ByInterval


class Reverse(ByInterval):
    """One stage less every `interval` epochs, down from the last; stage 0 lasts until the end."""

    rising = False

    def stage_of_interval(self, interval: int, /) -> int:
        """The number of stages that are left below."""
        return max(self.stages - 1 - interval, 0)
