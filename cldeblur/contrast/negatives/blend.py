"""A mixture of the blurred and the sharp image as the negative."""

from torch import Tensor

from cldeblur.contrast.negatives.generator import Generator


class Blend(Generator):
    """N = (1 - level) B + level S; K = 1.

    It defines the scale of levels: its PSNR to S is -20 log10(1 - level) dB above that of B, for every image.
    """

    uses = frozenset({"sharp"})
    matched = True
    claims = "psnr"

    def make(self, blurred: Tensor, sharp: Tensor, level: float, /) -> Tensor:
        """The mixture, as (1, N, 3, H, W)."""
        return ((1 - level) * blurred + level * sharp)[None]
