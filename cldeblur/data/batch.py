"""The records that travel from files to the network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Split = Literal["train", "validation", "test"]
Sample = tuple[Tensor, Tensor, str, int]
"""One pair: blurred (3,H,W), sharp (3,H,W), its name, its index in the list of items."""


@dataclass(frozen=True)
class Item:
    """One pair of a data set, not read yet.

    Attributes:
        name: Unique within the split and free of suffixes, "GOPR0384_11_00/000001".
        sequence: The video or folder that the pair belongs to; "" where there are none.
        blurred: The blurred image's file; None where the blur is synthetic.
        sharp: The sharp image's file.
        height: Pixels, after the file's orientation is applied.
        width: Pixels, after the file's orientation is applied.
    """

    name: str
    sequence: str
    blurred: Path | None
    sharp: Path
    height: int
    width: int


class Window(NamedTuple):
    """A rectangle of an image in pixels; top and left are those of its first pixel."""

    top: int
    left: int
    height: int
    width: int


class Batch(NamedTuple):
    """N pairs.

    Attributes:
        blurred: (N,3,H,W) float32 in [0, 1].
        sharp: (N,3,H,W) float32 in [0, 1].
        names: N names of items.
        indices: (N,) int64, positions in the list of items.
    """

    blurred: Tensor
    sharp: Tensor
    names: list[str]
    indices: Tensor


def collate(samples: list[Sample]) -> Batch:
    """Stack samples of one size into a batch, in their order."""
    blurred, sharp, names, indices = zip(*samples, strict=True)
    return Batch(torch.stack(blurred), torch.stack(sharp), list(names), torch.tensor(indices))
