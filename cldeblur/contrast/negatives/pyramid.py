"""The blurred image with some of its bands taken from the sharp one as the negative."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from cldeblur.contrast.negatives.matched import MatchedGenerator
from cldeblur.contrast.values import whole
from cldeblur.errors import Refused

ORDERS = ("coarse_first", "fine_first")


class Bands(NamedTuple):
    """A batch and what it lacks.

    Attributes:
        blurred: (N, 3, H, W).
        missing: (N, J, 3 H W), the bands of S - B in the order in which they come.
    """

    blurred: Tensor
    missing: Tensor


class Pyramid(MatchedGenerator[Bands]):
    """N = B + sum over k of clip(amount J - k, 0, 1) times band k of S - B; K = 1.

    Bands are those of a Laplacian pyramid (Burt and Adelson, 1983) of J levels, each expanded to full size.
    Coarse first corrects colour and large shapes long before any edge; fine first puts sharp texture on edges
    that stand in the wrong place.
    """

    def __init__(self, bands: int = 6, order: str = "coarse_first") -> None:
        """Take the bands.

        Args:
            bands: their number J, at least 1; each is half as fine as the one before.
            order: which are sharpened first: `coarse_first` or `fine_first`.

        Raises:
            Refused: there are no bands, or there is no such order.
        """
        super().__init__()
        if order not in ORDERS:
            raise Refused(f"negatives.order must be {' or '.join(ORDERS)}, not {order}")
        self.bands = whole("negatives.bands", bands)
        self.order = order

    def prepare(self, blurred: Tensor, sharp: Tensor, /) -> Bands:
        """Part what is missing into its bands."""
        parts = _bands(sharp - blurred, self.bands)
        ordered = parts if self.order == "fine_first" else parts[::-1]
        return Bands(blurred, torch.stack([part.flatten(1) for part in ordered], dim=1))

    def at(self, state: Bands, amounts: Tensor, /) -> Tensor:
        """Blurred images with their first amount J bands, the last of these in part."""
        ranks = torch.arange(self.bands).to(amounts)
        shares = (amounts[:, None] * self.bands - ranks).clamp(0, 1)
        return state.blurred + (shares[:, None] @ state.missing).view_as(state.blurred)


def _bands(images: Tensor, count: int) -> list[Tensor]:
    """Bands of images (N, 3, H, W), fine to coarse, each of full size; they add up to the images."""
    bands, finer, small = [], images, images
    for _ in range(count - 1):
        # Sizes are rounded up, so that any height and width will do.
        size = [-(-side // 2) for side in small.shape[-2:]]
        small = functional.interpolate(small, size, mode="bilinear", antialias=True)
        coarser = functional.interpolate(small, images.shape[-2:], mode="bicubic")
        bands.append(finer - coarser)
        finer = coarser
    return [*bands, finer]
