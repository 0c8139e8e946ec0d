"""Distances between features, of which every objective is a function."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

Features = Sequence[Tensor]


class Terms(NamedTuple):
    """What an objective gives.

    The loss is a function of the two distances alone, so that its gradient splits into pull (through `d_ap`)
    and push (through `d_an`).

    Attributes:
        loss: (N,), one number an image.
        d_ap: (T, N), distance of the anchor to its positive, at each tap.
        d_an: (T, K, N), distance of the anchor to each of its negatives.
    """

    loss: Tensor
    d_ap: Tensor
    d_an: Tensor


def distances(anchor: Features, positive: Features, negatives: Features) -> tuple[Tensor, Tensor]:
    """Mean absolute differences of features per image; only the anchor gets a gradient.

    Args:
        anchor: one tensor (N, c, h, w) a tap.
        positive: likewise.
        negatives: one tensor (K, N, c, h, w) a tap.

    Returns:
        The distances to the positives (T, N) and to the negatives (T, K, N), not below 0.

    Raises:
        ValueError: the numbers of taps differ.
    """
    d_ap = [(a - p.detach()).abs().mean((1, 2, 3)) for a, p in zip(anchor, positive, strict=True)]
    d_an = [(a - n.detach()).abs().mean((2, 3, 4)) for a, n in zip(anchor, negatives, strict=True)]
    return torch.stack(d_ap), torch.stack(d_an)
