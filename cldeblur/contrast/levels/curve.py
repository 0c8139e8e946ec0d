"""What every level curve is."""

from abc import ABC, abstractmethod

from cldeblur.contrast.values import real
from cldeblur.errors import Refused

MATCHES = ("psnr", "raw")


class LevelCurve(ABC):
    """Maps the stage to the level of the negatives.

    Attributes:
        match: `psnr`: generators that can are calibrated to the PSNR gain of the level; `raw`: none is.
        cap: in (0, 1]: at most this share of the level that the restored images have reached is used; None: the
            curve's own level, whatever they have reached.
    """

    def __init__(self, match: str, cap: float | None) -> None:
        """Take what levels mean, and what bounds them.

        Raises:
            Refused: `match` is neither `psnr` nor `raw`, or `cap` lies outside its range.
        """
        if match not in MATCHES:
            raise Refused(f"levels.match must be psnr or raw, not {match}")
        if cap is not None and not 0 < real("levels.cap", cap) <= 1:
            raise Refused(f"levels.cap must be above 0 and at most 1, or null for no cap; it is {cap}")
        self.match = match
        self.cap = cap

    @abstractmethod
    def levels(self, stages: int) -> list[float]:
        """Level of every one of `stages` stages: the first 0, none lower than the one before, all below 1."""

    def level(self, stage: int, stages: int) -> float:
        """Level of one stage out of `stages`, in [0, 1)."""
        return self.levels(stages)[stage]

    def capped(self, level: float, reached: float) -> float:
        """What the cap leaves of a level, in [0, 1).

        Args:
            level: in [0, 1).
            reached: level in [0, 1) whose gain over the blurred images the restored ones have; 0 where that has not
                been measured.
        """
        return level if self.cap is None else min(level, self.cap * reached)
