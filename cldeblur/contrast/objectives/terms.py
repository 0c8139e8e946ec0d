"""Distances between features, of which every objective is a function."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx, once_differentiable

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
    d_ap = [_mean_difference(a, p) for a, p in zip(anchor, positive, strict=True)]
    d_an = [torch.stack([_mean_difference(a, n) for n in ns]) for a, ns in zip(anchor, negatives, strict=True)]
    return torch.stack(d_ap), torch.stack(d_an)


class _MeanDifference(torch.autograd.Function):
    """Mean |first - second| of each image, with a gradient for `first` alone.

    Autograd's own chain through mean and abs takes three to four times as long on CPUs, a tenth of the whole term.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, first: Tensor, second: Tensor) -> Tensor:
        difference = first - second
        ctx.save_for_backward(difference)
        return difference.abs().mean((1, 2, 3))

    @staticmethod
    @once_differentiable
    def backward(ctx: BackwardCFunction, gradient: Tensor) -> tuple[Tensor, None]:
        (difference,) = ctx.saved_tensors
        share = gradient / difference[0].numel()
        return difference.sign().mul_(share.view(-1, 1, 1, 1)), None


# (N, c, h, w) and (N, c, h, w) -> (N,)
_mean_difference: Callable[[Tensor, Tensor], Tensor] = _MeanDifference.apply
