"""Levels given in decibels."""

from collections.abc import Sequence
from itertools import pairwise

from cldeblur.contrast.levels.curve import LevelCurve
from cldeblur.contrast.levels.scale import level_of_gain
from cldeblur.contrast.values import reals
from cldeblur.errors import Refused


class Gains(LevelCurve):
    """A gain in dB for every stage."""

    def __init__(self, gains: Sequence[float], match: str = "psnr", cap: float | None = None) -> None:
        """Take the gains.

        Args:
            gains: dB above the blurred image's PSNR to sharp, one a stage; the first 0, none lower than the
                one before, all low enough for their level to be below 1.
            match: `psnr` or `raw`.
            cap: in (0, 1], or None.

        Raises:
            Refused: the gains are not such.
        """
        super().__init__(match, cap)
        self.gains = reals("levels.gains", gains)
        rising = all(earlier <= later for earlier, later in pairwise(self.gains))
        if self.gains[:1] != (0,) or not rising:
            raise Refused(f"levels.gains must begin with 0 and never fall; they are {', '.join(map(str, gains))}")
        if level_of_gain(gains[-1]) >= 1:
            raise Refused(f"levels.gains hold {gains[-1]} dB, which is the sharp image itself: a level lies below 1")

    def levels(self, stages: int) -> list[float]:
        """Level of every stage.

        Raises:
            Refused: there are not as many gains as stages.
        """
        if len(self.gains) != stages:
            raise Refused(f"levels.gains holds {len(self.gains)} gains for schedule.stages={stages}: one a stage")
        return [level_of_gain(decibels) for decibels in self.gains]
