"""Distances between the features of two images at one tap, with a gradient for the first one."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx, once_differentiable

# About 1e-6, far below any difference that counts; a power of two, so that the root of its square is itself.
TINY = 1 / 2**20

# First and second features (N, c, h, w), and how much each position counts, (N, 1, h, w) with a sum of 1 an image, or
# of 0 where no position counts; None: all count alike. -> (N,), not below 0; 0 where both are equal.
Distance = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def l1(first: Tensor, second: Tensor, shares: Tensor | None = None) -> Tensor:
    """Mean absolute difference, (N,)."""
    if shares is None:
        return _mean_difference(first, second)
    return _mean((first - second.detach()).abs().mean(1, keepdim=True), shares)


def l2(first: Tensor, second: Tensor, shares: Tensor | None = None) -> Tensor:
    """Root mean square difference, (N,), less than 1e-6 below it, so that its gradient is 0 where both are equal."""
    squares = _mean((first - second.detach()).square().mean(1, keepdim=True), shares)
    return (squares + TINY * TINY).sqrt() - TINY


def cosine(first: Tensor, second: Tensor, shares: Tensor | None = None) -> Tensor:
    """Mean over positions of 1 - cos between the features there, in [0, 2], (N,).

    Where one of them is 0 it is a half, where both are, 0.
    """
    # Half the square between unit vectors is 1 - cos, but never below 0, and exact where they are close.
    difference = _directions(first) - _directions(second.detach())
    return _mean(difference.square().sum(1, keepdim=True) / 2, shares)


DISTANCES: dict[str, Distance] = {"l1": l1, "l2": l2, "cosine": cosine}


def _mean(values: Tensor, shares: Tensor | None) -> Tensor:
    """The mean over the positions of values (N, 1, h, w), each by its share: (N,)."""
    return values.mean((1, 2, 3)) if shares is None else (values * shares).sum((1, 2, 3))


def _directions(features: Tensor) -> Tensor:
    """The features (N, c, h, w) at unit length at each position; 0 stays 0."""
    return features / (features.square().sum(1, keepdim=True) + TINY * TINY).sqrt()


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
