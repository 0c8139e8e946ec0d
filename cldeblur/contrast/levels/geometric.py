"""Levels at equal distances in decibels."""

import math

from cldeblur.contrast.levels.ramp import Ramp


class Geometric(Ramp):
    """Each stage leaves the same share of the error that the stage before it left: equal steps of the gain in dB."""

    def at(self, place: float, /) -> float:
        """1 - (1 - top) ** place, whose gain is that share of the top's."""
        return 1 - math.pow(1 - self.top, place)
