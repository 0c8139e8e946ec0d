"""The logarithm of the ratio of distances."""

from typing import ClassVar

from torch import Tensor

from cldeblur.contrast.objectives.ratio import Ratio


class LogRatio(Ratio):
    """Per image and tap, log(d_ap + epsilon) - log(d_an + epsilon): the ratio's direction at another length.

    The pull is 1/d_ap and the push 1/d_an as steep as a distance: both ends are singular. Along a training the
    gradient is large near the negative, a tenth of that or less half-way, and grows again towards the positive; its
    push fraction is the ratio's. The sum of K negatives would differ from their mean by a constant, and is not
    offered.
    """

    combines: ClassVar[tuple[str, ...]] = ("mean", "mean_distance")

    def pair_losses(self, d_ap: Tensor, d_an: Tensor) -> Tensor:
        """The logarithm of the ratio, (T, K, N), not bounded on either side."""
        return (d_ap + self.epsilon).log() - (d_an + self.epsilon).log()
