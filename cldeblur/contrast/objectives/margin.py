"""The contrastive loss with a margin, in units of the blur."""

from torch import Tensor

from cldeblur.contrast.objectives.margined import Margined


class Margin(Margined):
    """Per image and tap, d_ap² / 2 + max(0, margin - d_an)² / 2, in units of d(B, S).

    Hadsell's contrastive loss (Hadsell et al., CVPR 2006), its two kinds of pair added. The pull is as steep as d_ap
    and fades with it; the push is steepest at the negative, falls in proportion, and ends at the margin. With the
    blurred image as negative and one unit of margin the two are equal on the straight way to sharp, and end with
    it. A held gradient ratio works against that; take a constant `contrast.weight` to let it.
    """

    def pair_losses(self, d_ap: Tensor, d_an: Tensor) -> Tensor:
        """The sum of both halves, (T, K, N), not below 0."""
        return d_ap.square() / 2 + (self.margin - d_an).clamp_min(0).square() / 2
