"""Levels at equal distances."""

from cldeblur.contrast.levels.ramp import Ramp


class Linear(Ramp):
    """Equal steps of the level: gains in dB that grow faster and faster."""

    def at(self, place: float, /) -> float:
        """That share of the top."""
        return self.top * place
