"""The plain ratio of distances, image by image."""

from collections.abc import Sequence

from torch import Tensor

from cldeblur.contrast.objectives.objective import Objective


class Ratio(Objective):
    """Per image and tap, d_ap / (d_an + epsilon); the mean over negatives.

    AECR-Net's form without its mixing of images. Its gradient moves by a factor of 1000 along a training and
    explodes where the anchor comes near a negative: hold the gradient ratio.
    """

    def __init__(self, tap_weights: Sequence[float], epsilon: float = 1e-7) -> None:
        """Take the weights and what is added to the denominator."""
        super().__init__(tap_weights)
        self.epsilon = epsilon

    def quotient(self, d_ap: Tensor, d_an: Tensor) -> Tensor:
        """The ratio, (T, K, N)."""
        return d_ap / (d_an + self.epsilon)
