"""The bounded ratio over several negatives, weighted by their difficulty."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from cldeblur.contrast.objectives.bounded_ratio import bounded_ratio
from cldeblur.contrast.objectives.objective import Objective
from cldeblur.contrast.objectives.terms import SMALL, Distances
from cldeblur.contrast.values import real
from cldeblur.errors import Refused


class Curricular(Objective):
    """Per image and tap, a weighted mean over negatives of d_ap / (d_ap + d_an), in [0, 1].

    A negative weighs 1 + curriculum while the anchor is nearer to the positive than it, and 1 - curriculum where
    it has overtaken the anchor; the weights are divided by their sum. The idea is C2PNet's (Zheng et al., CVPR
    2023: curriculum 0.25, plain ratio), which ranks negatives by the test set's PSNR once an epoch. Here each image
    of a step ranks its own, at each tap, by feature distance. The weights are constants: they turn the gradient
    towards the negatives that still lie behind, and leave it the bounded ratio's length. With a curriculum of 1 an
    image without such a negative has no gradient; below 1 one negative alone is not weighted.
    """

    uses: ClassVar[frozenset[str]] = frozenset({"d_ap", "d_an", "d_np"})

    def __init__(self, tap_weights: Sequence[float], curriculum: float = 0.25, distance: str = "l1") -> None:
        """Take how far the weights are apart, in [0, 1]; the rest as in `Objective`.

        Raises:
            Refused: the curriculum lies outside, or another key has no such value.
        """
        super().__init__(tap_weights, distance)
        if not 0 <= real("objective.curriculum", curriculum) <= 1:
            raise Refused(f"objective.curriculum must lie in [0, 1]; it is {curriculum}")
        self.curriculum = curriculum

    def tap_losses(self, found: Distances) -> Tensor:
        """The weighted mean, (T, N)."""
        d_ap = found.d_ap[:, None]
        behind = (found.d_np >= d_ap.detach()).to(d_ap.dtype)
        weights = 1 - self.curriculum + 2 * self.curriculum * behind
        shares = weights / weights.sum(1, keepdim=True).clamp_min(SMALL)
        return (shares * bounded_ratio(d_ap, found.d_an)).sum(1)
