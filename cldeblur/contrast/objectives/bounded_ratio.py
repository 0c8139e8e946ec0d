"""The bounded ratio of distances: the default."""

from torch import Tensor

from cldeblur.contrast.objectives.pairwise import Pairwise
from cldeblur.contrast.objectives.terms import SMALL


class BoundedRatio(Pairwise):
    """Per image and tap, d_ap / (d_ap + d_an), in [0, 1].

    By the triangle inequality the denominator is at least the distance between positive and negative, so that
    the gradient stays within a factor of 2 along a training; its push fraction is the ratio's. An image's
    gradient goes as one over the distance between its positive and its negative. 1e-7 in the denominator keeps
    value and gradient finite where anchor, positive and negative are one.
    """

    def pair_losses(self, d_ap: Tensor, d_an: Tensor) -> Tensor:
        """The bounded ratio, (T, K, N)."""
        return bounded_ratio(d_ap, d_an)


def bounded_ratio(d_ap: Tensor, d_an: Tensor) -> Tensor:
    """d_ap / (d_ap + d_an) in [0, 1], elementwise; 0 where both are 0."""
    return d_ap / (d_ap + d_an + SMALL)
