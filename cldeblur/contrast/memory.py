"""What the negatives cost in memory, and what to say where there is too little of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor

from cldeblur.contrast.features import TAPS, VGG19
from cldeblur.contrast.weights import CONVOLUTIONS
from cldeblur.errors import Failed

BYTES = 4
GIGABYTE = 1e9


def feature_pass_bytes(taps: Sequence[str], images: int, height: int, width: int) -> int:
    """Most bytes that activations take at one time in a pass through VGG19 without gradient, in float32.

    At any layer these are its input, its output, and the taps that lie before it.

    Args:
        taps: names of the activations that are kept.
        images: how many go through at once: (1 + K) N for sharp images and K negatives of each.
        height: of an image, pixels.
        width: of an image, pixels.
    """
    most = kept = 0
    for (before, is_kept), (size, _) in pairwise(_activations(taps, height, width)):
        kept += before * is_kept
        most = max(most, kept + before * (not is_kept) + size)
    return BYTES * images * most


@contextmanager
def memory_told(features: VGG19, count: int, images: Tensor) -> Iterator[None]:
    """Say how much memory `count` negatives of each of `images` (N, 3, H, W) needed, where there is too little.

    Raises:
        Failed: there was.
    """
    try:
        yield
    except RuntimeError as error:
        # On the CPU it is a RuntimeError like any other, but for its words.
        if not isinstance(error, torch.OutOfMemoryError) and "DefaultCPUAllocator" not in str(error):
            raise
        batch, _, height, width = images.shape
        needed = feature_pass_bytes(features.taps, (1 + count) * batch, height, width) / GIGABYTE
        raise Failed(
            f"memory is too small for K={count} negatives of each of {batch} images of {height}x{width}: with the "
            f"sharp images they take {needed:,.2f} GB in the features alone; take fewer negatives or images a step, "
            "smaller crops, or shallower features.taps"
        ) from error


def _activations(taps: Sequence[str], height: int, width: int) -> Iterator[tuple[int, bool]]:
    """Numbers in each activation of one image, from the image on, and whether it is kept."""
    yield 3 * height * width, False
    for tap in TAPS[: max(map(TAPS.index, taps)) + 1]:
        _, inputs, outputs = CONVOLUTIONS[tap.replace("relu", "conv")]
        if tap.endswith("_1") and tap != TAPS[0]:
            height, width = height // 2, width // 2
            yield inputs * height * width, False
        # The rectifier works in place.
        yield outputs * height * width, tap in taps
