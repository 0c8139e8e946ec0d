"""Which pixels of a crop are blurred at all."""

import torch
from torch import Tensor
from torch.nn import functional

from cldeblur.contrast.objectives.terms import SMALL

# Of [0, 1]; Stripformer's.
LEAST_DIFFERENCE = 0.01


def blurred_pixels(blurred: Tensor, sharp: Tensor) -> Tensor:
    """1 where blurred and sharp (N, 3, H, W) differ by more than 0.01 in the mean over R, G and B, else 0.

    Stripformer's mask (Tsai et al., ECCV 2022); (N, 1, H, W).
    """
    return ((sharp - blurred).abs().mean(1, keepdim=True) > LEAST_DIFFERENCE).to(sharp.dtype)


def shares(mask: Tensor, size: torch.Size) -> Tensor:
    """How much each position of a tap counts, by the part of it that the mask covers.

    Args:
        mask: (N, 1, H, W) in [0, 1].
        size: of the tap, (h, w).

    Returns:
        (N, 1, h, w), with a sum of 1 an image; 0 everywhere where the mask is empty.
    """
    # Without antialiasing, as Stripformer does.
    covered = functional.interpolate(mask, size=size, mode="bilinear", align_corners=False)
    return covered / covered.sum((1, 2, 3), keepdim=True).clamp_min(SMALL)
