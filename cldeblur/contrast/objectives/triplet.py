"""The triplet loss, in units of the blur."""

from torch import Tensor

from cldeblur.contrast.objectives.margined import Margined


class Triplet(Margined):
    """Per image and tap, max(0, d_ap - d_an + margin), in units of d(B, S).

    FaceNet's loss (Schroff et al., CVPR 2015) with plain distances for squares of unit vectors. Pull and push are
    equally steep, whatever the distances, until the anchor is by the margin nearer to the positive; then there is
    none of either. With the blurred image as negative and half a unit of margin that is at three quarters of the
    way. A held gradient ratio raises the weight of those images that are left; take a constant `contrast.weight` to
    let the term end.
    """

    def pair_losses(self, d_ap: Tensor, d_an: Tensor) -> Tensor:
        """The hinge, (T, K, N), not below 0."""
        return (d_ap - d_an + self.margin).clamp_min(0)
