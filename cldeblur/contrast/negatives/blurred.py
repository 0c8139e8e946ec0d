"""The blurred image itself as the negative: what every progressive negative is compared with."""

from torch import Tensor

from cldeblur.contrast.negatives.generator import Generator


class Blurred(Generator):
    """N = B at every level; K = 1. AECR-Net's negative (Wu et al., 2021)."""

    uses_level = False

    def make(self, blurred: Tensor, _sharp: Tensor, _level: float, /) -> Tensor:
        """The blurred images, as (1, N, 3, H, W)."""
        return blurred[None]
