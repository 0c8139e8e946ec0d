"""Levels on half a cosine."""

import math

from cldeblur.contrast.levels.ramp import Ramp


class Cosine(Ramp):
    """Half a period of a cosine: small steps at both ends, and the largest in the middle."""

    def at(self, place: float, /) -> float:
        """The top times (1 - cos(pi * place)) / 2."""
        return self.top * (1 - math.cos(math.pi * place)) / 2
