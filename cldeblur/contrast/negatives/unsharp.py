"""The blurred image with its detail raised as the negative."""

import math

from kornia.filters import gaussian_blur2d
from torch import Tensor

from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.values import real
from cldeblur.errors import Refused


class Unsharp(Generator):
    """Unsharp masking, N = B + amount level (B - G B) with a Gaussian filter G; K = 1.

    It needs no sharp image. It gets sharper with the level, but hardly closer to S (0.2 dB at best), so that
    its level cannot be matched to a PSNR. The borders are reflected, so that images must be larger than the filter
    reaches, 3 sigma.
    """

    claims = "gradient_energy"

    def __init__(self, sigma: float = 1.5, amount: float = 3.0) -> None:
        """Take the filter's width and its strength.

        Args:
            sigma: standard deviation of the Gaussian, in pixels, above 0.
            amount: multiple of the detail that is added at level 1, not below 0.

        Raises:
            Refused: a number lies outside its range.
        """
        super().__init__()
        if real("negatives.sigma", sigma) <= 0:
            raise Refused(f"negatives.sigma must be above 0; it is {sigma}")
        if real("negatives.amount", amount) < 0:
            raise Refused(f"negatives.amount must not be negative; it is {amount}")
        self.sigma = sigma
        self.amount = amount
        self._reach = math.ceil(3 * sigma)
        self.least_side = self._reach + 1

    def make(self, blurred: Tensor, _sharp: Tensor, level: float, /) -> Tensor:
        """The sharpened images, as (1, N, 3, H, W)."""
        side = 2 * self._reach + 1
        smooth = gaussian_blur2d(blurred, (side, side), (self.sigma, self.sigma))
        return (blurred + self.amount * level * (blurred - smooth))[None]
