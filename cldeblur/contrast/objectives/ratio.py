"""The plain ratio of distances, image by image."""

from collections.abc import Sequence

from torch import Tensor

from cldeblur.contrast.objectives.objective import check_above_zero
from cldeblur.contrast.objectives.pairwise import Pairwise


class Ratio(Pairwise):
    """Per image and tap, d_ap / (d_an + epsilon).

    AECR-Net's form (Wu et al., CVPR 2021) without its mixing of images. The pull is 1/d_an and the push
    d_ap/d_an² as steep as a distance: along a training the gradient falls by a factor of 1000, and it explodes
    where the anchor comes near a negative, which it does early, when a network first learns the identity. Images
    near their negative own the batch. Hold the gradient ratio.
    """

    def __init__(
        self, tap_weights: Sequence[float], epsilon: float = 1e-7, distance: str = "l1", combine: str = "mean"
    ) -> None:
        """Take what is added to the denominator; the rest as in `Pairwise`.

        Raises:
            Refused: epsilon is not above 0, or another key has no such value.
        """
        super().__init__(tap_weights, distance, combine)
        check_above_zero("epsilon", epsilon)
        self.epsilon = epsilon

    def pair_losses(self, d_ap: Tensor, d_an: Tensor) -> Tensor:
        """The ratio, (T, K, N)."""
        return d_ap / (d_an + self.epsilon)
