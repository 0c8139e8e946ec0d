"""Stages that begin at named epochs."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from cldeblur.contrast.schedules.schedule import Schedule
from cldeblur.contrast.values import reals
from cldeblur.errors import Refused


class Milestones(Schedule):
    """Each milestone is the epoch at which the next stage begins; there is one stage more than milestones."""

    def __init__(self, milestones: Sequence[int], max_epochs: int) -> None:
        """Take the milestones.

        Args:
            milestones: whole epochs, counted from 0; above 0 and rising.
            max_epochs: epochs of the whole training.

        Raises:
            Refused: they are no whole numbers, do not rise, or one is never reached.
        """
        reals("schedule.milestones", milestones)
        text = ", ".join(map(str, milestones))
        fractions = any(milestone != int(milestone) for milestone in milestones)
        if fractions or any(later <= earlier for earlier, later in pairwise((0, *milestones))):
            raise Refused(f"schedule.milestones must be whole numbers above 0 and rise from each to the next: {text}")
        if milestones and milestones[-1] >= max_epochs:
            raise Refused(f"schedule.milestones must lie below trainer.max_epochs={max_epochs}: {text}")
        self.milestones = tuple(milestones)
        self.stages = len(self.milestones) + 1

    def stage(self, epoch: int, /) -> int:
        """Number of milestones that the epoch has reached."""
        return bisect_right(self.milestones, epoch)
