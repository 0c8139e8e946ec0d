"""Tensors of several scales as one, so that norms and cosines over an image are over all of them."""

from collections.abc import Sequence

import torch
from torch import Tensor


def joined(scales: Sequence[Tensor]) -> Tensor:
    """Tensors (N, ...) of one batch side by side, as (N, D); one alone stays as it is."""
    return scales[0] if len(scales) == 1 else torch.cat([scale.flatten(1) for scale in scales], dim=1)


def parted(whole: Tensor, like: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """What `joined` put together, in the shapes of `like`."""
    if len(like) == 1:
        return (whole,)
    parts = torch.split(whole, [scale[0].numel() for scale in like], dim=1)
    return tuple(part.view_as(scale) for part, scale in zip(parts, like, strict=True))
