"""The bounded ratio of distances: the default."""

from torch import Tensor

from cldeblur.contrast.objectives.objective import Objective

# Far below any distance between different images, far above where its square leaves float32.
SMALL = 1e-7


class BoundedRatio(Objective):
    """Per image and tap, d_ap / (d_ap + d_an), in [0, 1]; the mean over negatives.

    By the triangle inequality the denominator is at least the distance between positive and negative, so that
    the gradient stays within a factor of 2 along a training. 1e-7 in the denominator keeps value and gradient
    finite where anchor, positive and negative are one.
    """

    def quotient(self, d_ap: Tensor, d_an: Tensor) -> Tensor:
        """The bounded ratio, (T, K, N)."""
        return d_ap / (d_ap + d_an + SMALL)
