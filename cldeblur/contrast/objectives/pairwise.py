"""Objectives whose formula takes one positive and one negative, and how several negatives are combined."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from cldeblur.contrast.objectives.objective import Objective, check_choice
from cldeblur.contrast.objectives.terms import Distances


class Pairwise(Objective):
    """A formula of one negative, for K of them.

    Attributes:
        combines: the ways in which it can combine them: `mean` of the K losses, in which a formula that is steep
            near a negative lets the nearest count most; the loss at their mean distance (`mean_distance`), in
            which far ones hide near ones; the loss at the `sum` of their distances (CSD, IJCAI 2021), which
            divides a ratio by about K.
    """

    combines: ClassVar[tuple[str, ...]] = ("mean", "mean_distance", "sum")

    def __init__(self, tap_weights: Sequence[float], distance: str = "l1", combine: str = "mean") -> None:
        """Take the weights, the distance, and how negatives combine.

        Raises:
            Refused: there is no such weight, distance or combination.
        """
        super().__init__(tap_weights, distance)
        check_choice("combine", combine, self.combines)
        self.combine = combine

    @abstractmethod
    def pair_losses(self, d_ap: Tensor, d_an: Tensor) -> Tensor:
        """The losses (T, K, N) of `d_ap` (T, 1, N) and `d_an` (T, K, N): small is good."""

    def tap_losses(self, found: Distances) -> Tensor:
        """The loss of all negatives together, (T, N)."""
        return self.pair_losses(found.d_ap[:, None], self._combined(found.d_an)).mean(1)

    def _combined(self, d_an: Tensor) -> Tensor:
        """The distances (T, K, N) themselves, or one number for all of them, (T, 1, N)."""
        if self.combine == "mean_distance":
            return d_an.mean(1, keepdim=True)
        return d_an.sum(1, keepdim=True) if self.combine == "sum" else d_an
