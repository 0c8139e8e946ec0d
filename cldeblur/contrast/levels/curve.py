"""What every level curve is."""

from abc import ABC, abstractmethod

from cldeblur.errors import Refused

MATCHES = ("psnr", "raw")


class LevelCurve(ABC):
    """Maps the stage to the level of the negatives.

    Attributes:
        match: `psnr`: generators that can are calibrated to the PSNR gain of the level; `raw`: none is.
    """

    def __init__(self, match: str) -> None:
        """Take what levels mean.

        Raises:
            Refused: `match` is neither `psnr` nor `raw`.
        """
        if match not in MATCHES:
            raise Refused(f"levels.match must be psnr or raw, not {match}")
        self.match = match

    @abstractmethod
    def levels(self, stages: int) -> list[float]:
        """Level of every one of `stages` stages: the first 0, none lower than the one before, all below 1."""

    def level(self, stage: int, stages: int) -> float:
        """Level of one stage out of `stages`, in [0, 1)."""
        return self.levels(stages)[stage]
