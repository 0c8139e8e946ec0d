"""What objectives with a margin share: it is relative to the blur."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from cldeblur.contrast.objectives.objective import check_above_zero
from cldeblur.contrast.objectives.pairwise import Pairwise
from cldeblur.contrast.objectives.terms import Distances


class Margined(Pairwise):
    """A formula with a margin, all in units of d(B, S), the blurred image's distance to sharp.

    Raw features are of very different size from layer to layer, so that only a relative margin means the same at
    each. An image that is not blurred has no gradient.
    """

    uses: ClassVar[frozenset[str]] = frozenset({"d_ap", "d_an", "d_bp"})
    combines: ClassVar[tuple[str, ...]] = ("mean", "mean_distance")

    def __init__(
        self, tap_weights: Sequence[float], margin: float, distance: str = "l1", combine: str = "mean"
    ) -> None:
        """Take the margin, in units of d(B, S); the rest as in `Pairwise`.

        Raises:
            Refused: the margin is not above 0, or another key has no such value.
        """
        super().__init__(tap_weights, distance, combine)
        check_above_zero("margin", margin)
        self.margin = margin

    def tap_losses(self, found: Distances) -> Tensor:
        """The loss of all negatives together, (T, N)."""
        return super().tap_losses(found.in_units_of_blur())
