"""InfoNCE over negatives in feature space, in units of the blur."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from cldeblur.contrast.objectives.objective import Objective, check_above_zero
from cldeblur.contrast.objectives.terms import Distances


class InfoNCE(Objective):
    """Per image and tap, -log(e_p / (e_p + sum over K of e_k)) with e = exp(-distance / temperature).

    SimCLR's NT-Xent (Chen et al., ICML 2020) with -distance for its cosine, the image's own negatives for the rest
    of the batch, and distances in units of d(B, S), the blurred image's distance: raw features are of very
    different size from layer to layer. Pull and push are equally steep; the push is shared out over the negatives
    by nearness, the more sharply the lower the temperature. Along a training the gradient holds while the anchor is
    nearer to a negative, and then dies as exp(-(d_an - d_ap) / temperature): with the blurred image as negative a
    third of it is left at two thirds of the way with a temperature of 0.5, and a twenty-fifth with 0.1. A held
    gradient ratio works against that; take a constant `contrast.weight` to let it. An image that is not blurred has
    no gradient.
    """

    uses: ClassVar[frozenset[str]] = frozenset({"d_ap", "d_an", "d_bp"})

    def __init__(self, tap_weights: Sequence[float], temperature: float = 0.5, distance: str = "l1") -> None:
        """Take the temperature, in units of d(B, S); the rest as in `Objective`.

        Raises:
            Refused: the temperature is not above 0, or another key has no such value.
        """
        super().__init__(tap_weights, distance)
        check_above_zero("temperature", temperature)
        self.temperature = temperature

    def tap_losses(self, found: Distances) -> Tensor:
        """The cross entropy, (T, N), not below 0."""
        relative = found.in_units_of_blur()
        near, far = -relative.d_ap / self.temperature, -relative.d_an / self.temperature
        return torch.cat([near[:, None], far], dim=1).logsumexp(1) - near
