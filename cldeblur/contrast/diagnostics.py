"""What to look at in a contrastive training: pure functions of gradients and images, one number an image."""

import torch
from torch import Tensor

# Keeps 0/0 at 0 without touching any gradient that float32 can hold with full precision.
TINY = torch.finfo(torch.float32).tiny
LEAST_ERROR = 1e-10


def gradient_norms(gradient: Tensor) -> Tensor:
    """L2 norm of each image's part (N,) of a gradient (N, ...)."""
    return gradient.flatten(1).square().sum(1).sqrt()


def push_fraction(pull: Tensor, push: Tensor) -> Tensor:
    """Share of the push, |push| / (|pull| + |push|), of two gradients (N, ...): (N,) in [0, 1]; NaN without any."""
    pulled, pushed = gradient_norms(pull), gradient_norms(push)
    return pushed / (pulled + pushed)


def alignment(push: Tensor, restored: Tensor, sharp: Tensor) -> Tensor:
    """Cosine between the step that the push makes, -push, and the way from restored to sharp, in [-1, 1].

    Below 0 the negatives push away from sharp.

    Args:
        push: gradient (N, ...).
        restored: (N, ...).
        sharp: (N, ...).

    Returns:
        (N,); NaN where there is no push, or no way to go.
    """
    way = sharp - restored
    return -(push * way).flatten(1).sum(1) / (gradient_norms(push) * gradient_norms(way))


def overtaken(restored: Tensor, sharp: Tensor, negatives: Tensor) -> Tensor:
    """Share of an image's negatives that are nearer to sharp than the restored image, by mean squared error.

    Args:
        restored: (N, 3, H, W).
        sharp: (N, 3, H, W).
        negatives: (K, N, 3, H, W).

    Returns:
        (N,) in [0, 1].
    """
    nearer = _squared_error(negatives, sharp) < _squared_error(restored, sharp)
    return nearer.to(restored.dtype).mean(0)


def psnr(images: Tensor, sharp: Tensor) -> Tensor:
    """PSNR (..., N) of images (..., N, 3, H, W) to sharp (N, 3, H, W), in dB, at most 100."""
    return -10 * _squared_error(images, sharp).clamp_min(LEAST_ERROR).log10()


def negative_psnr(negatives: Tensor, sharp: Tensor) -> Tensor:
    """PSNR of negatives (K, N, 3, H, W) to sharp (N, 3, H, W) in dB, at most 100; the mean over K, (N,)."""
    return psnr(negatives, sharp).mean(0)


def _squared_error(images: Tensor, sharp: Tensor) -> Tensor:
    """Mean squared error (..., N) of images (..., N, 3, H, W)."""
    return (images - sharp).square().mean((-3, -2, -1))


def gradient_energy(images: Tensor) -> Tensor:
    """Mean squared difference between neighbouring pixels, (...,) of images (..., 3, H, W) with H, W above 1."""
    down, right = images.diff(dim=-2), images.diff(dim=-1)
    return down.square().mean((-3, -2, -1)) + right.square().mean((-3, -2, -1))
