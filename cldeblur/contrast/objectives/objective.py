"""What every objective is."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from cldeblur.contrast.objectives.distances import DISTANCES
from cldeblur.contrast.objectives.terms import Distances, Features, Terms
from cldeblur.contrast.values import real, reals
from cldeblur.errors import Refused

# The features, beside the anchor's, that each distance is measured with.
FEATURES = {
    "d_ap": {"positive"},
    "d_an": {"negatives"},
    "d_bp": {"blurred", "positive"},
    "d_np": {"negatives", "positive"},
}


class Objective(nn.Module, ABC):
    """Turns feature distances into a loss per image: a weighted sum over taps.

    Attributes:
        uses: names of the `Distances` that its formula depends on.
        per_image: whether an image's loss is the same whatever else is in the batch.
    """

    uses: ClassVar[frozenset[str]] = frozenset({"d_ap", "d_an"})
    per_image: ClassVar[bool] = True
    tap_weights: Tensor

    def __init__(self, tap_weights: Sequence[float], distance: str = "l1") -> None:
        """Take the weights and the distance.

        Args:
            tap_weights: one number a tap, not below 0.
            distance: between features: `l1`, `l2` or `cosine` (`cldeblur.contrast.objectives.distances`).

        Raises:
            Refused: a weight is negative or not a number, or there is no such distance.
        """
        super().__init__()
        weights = reals("features.tap_weights", tap_weights)
        if min(weights, default=0) < 0 or not any(weights):
            raise Refused(f"features.tap_weights must not be negative, and not all 0: {', '.join(map(str, weights))}")
        check_choice("distance", distance, tuple(DISTANCES))
        self._distance = DISTANCES[distance]
        self.register_buffer("tap_weights", torch.tensor(tap_weights, dtype=torch.float64), persistent=False)

    @property
    def needs(self) -> frozenset[str]:
        """The features that it must be given beside the anchor's, out of `positive`, `negatives` and `blurred`."""
        return frozenset[str]().union(*(FEATURES[name] for name in self.uses))

    @abstractmethod
    def tap_losses(self, found: Distances) -> Tensor:
        """The loss of each image at each tap, (T, N): small is good."""

    def forward(
        self,
        anchor: Features,
        positive: Features,
        negatives: Features,
        blurred: Features = (),
        shares: Features | None = None,
    ) -> Terms:
        """The loss of each image, and the distances it is a function of.

        Features that it does not need (see `needs`) are not looked at.

        Args:
            anchor: one tensor (N, c, h, w) a tap; the only one that gets a gradient.
            positive: likewise.
            negatives: one tensor (K, N, c, h, w) a tap.
            blurred: as the positive.
            shares: how much each position counts, one tensor (N, 1, h, w) a tap with a sum of 1 an image, or of
                0 where no position counts; None: all count alike.

        Raises:
            ValueError: the numbers of taps and of weights differ.
        """
        if len(anchor) != len(self.tap_weights):
            raise ValueError(f"{len(anchor)} taps for {len(self.tap_weights)} tap weights")
        nothing = anchor[0].new_zeros(len(anchor), len(anchor[0]))
        none = nothing[:, None][:, :0]
        uses = self.uses
        d_ap = self._apart(anchor, positive, shares) if "d_ap" in uses else nothing
        d_an = self._each_apart(anchor, negatives, shares) if "d_an" in uses else none
        with torch.no_grad():
            d_bp = self._apart(blurred, positive, shares) if "d_bp" in uses else nothing
            d_np = self._each_apart(positive, negatives, shares) if "d_np" in uses else none
        per_tap = self.tap_losses(Distances(d_ap, d_an, d_bp, d_np))
        loss = (self.tap_weights.to(per_tap)[:, None] * per_tap).sum(0)
        return Terms(loss, d_ap, d_an)

    def _apart(self, first: Features, second: Features, shares: Features | None) -> Tensor:
        """Distances (T, N) between features (N, c, h, w) at each tap."""
        counted = [None] * len(first) if shares is None else shares
        return torch.stack([self._distance(*pair) for pair in zip(first, second, counted, strict=True)])

    def _each_apart(self, first: Features, others: Features, shares: Features | None) -> Tensor:
        """Distances (T, K, N) of features (N, c, h, w) to each of K others, (K, N, c, h, w), at each tap."""
        each = [self._apart(first, one, shares) for one in zip(*others, strict=True)]
        return torch.stack(each, dim=1)


def check_choice(key: str, value: str, known: Sequence[str]) -> None:
    """Refuse a value of `objective.<key>` that is not one of the known ones."""
    if value not in known:
        raise Refused(f"objective.{key} must be one of {', '.join(known)}, not {value}")


def check_above_zero(key: str, value: float) -> None:
    """Refuse a value of `objective.<key>` that is not a finite number above 0."""
    if real(f"objective.{key}", value) <= 0:
        raise Refused(f"objective.{key} must be a number above 0; it is {value}")
