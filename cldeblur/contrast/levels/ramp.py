"""Level curves that rise from 0 to a top."""

from abc import abstractmethod

from cldeblur.contrast.levels.curve import LevelCurve
from cldeblur.contrast.values import real
from cldeblur.errors import Refused


class Ramp(LevelCurve):
    """From 0 at the first stage to `top` at the last; 0 where there is one stage."""

    def __init__(self, top: float = 0.37, match: str = "psnr", cap: float | None = None) -> None:
        """Take the last level.

        Args:
            top: level of the last stage, in [0, 1). A finished MIMO-UNet on GoPro stands at about 0.5, and
                negatives sharper than the network push it the wrong way.
            match: `psnr` or `raw`.
            cap: in (0, 1], or None.

        Raises:
            Refused: a value lies outside its range.
        """
        super().__init__(match, cap)
        if not 0 <= real("levels.top", top) < 1:
            raise Refused(f"levels.top must be at least 0 and below 1; it is {top}")
        self.top = top

    def levels(self, stages: int) -> list[float]:
        """Level of every stage."""
        return [self.at(stage / max(stages - 1, 1)) for stage in range(stages)]

    @abstractmethod
    def at(self, place: float, /) -> float:
        """Level at a place on the way from the first stage, 0, to the last, 1."""
