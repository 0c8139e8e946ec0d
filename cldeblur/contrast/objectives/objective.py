"""What every objective is."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cldeblur.contrast.objectives.terms import Features, Terms, distances
from cldeblur.errors import Refused


class Objective(nn.Module, ABC):
    """Turns feature distances into a loss per image: over taps a weighted sum, over negatives a mean."""

    tap_weights: Tensor

    def __init__(self, tap_weights: Sequence[float]) -> None:
        """Take the weights.

        Args:
            tap_weights: one number a tap, not below 0.

        Raises:
            Refused: a weight is negative or not a number.
        """
        super().__init__()
        if not all(0 <= weight < math.inf for weight in tap_weights):
            raise Refused(f"features.tap_weights must not be negative: {', '.join(map(str, tap_weights))}")
        self.register_buffer("tap_weights", torch.tensor(tap_weights, dtype=torch.float64), persistent=False)

    @abstractmethod
    def quotient(self, d_ap: Tensor, d_an: Tensor) -> Tensor:
        """The quotient (T, K, N) of `d_ap` (T, 1, N) and `d_an` (T, K, N): small is good."""

    def forward(self, anchor: Features, positive: Features, negatives: Features) -> Terms:
        """The loss of each image, and the distances it is a function of.

        Args:
            anchor: one tensor (N, c, h, w) a tap; the only one that gets a gradient.
            positive: likewise.
            negatives: one tensor (K, N, c, h, w) a tap.

        Raises:
            ValueError: the numbers of taps and of weights differ.
        """
        d_ap, d_an = distances(anchor, positive, negatives)
        if len(d_ap) != len(self.tap_weights):
            raise ValueError(f"{len(d_ap)} taps for {len(self.tap_weights)} tap weights")
        per_tap = self.quotient(d_ap[:, None], d_an).mean(1)
        loss = (self.tap_weights.to(per_tap)[:, None] * per_tap).sum(0)
        return Terms(loss, d_ap, d_an)
