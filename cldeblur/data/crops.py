"""Items as tensors: random crops to train on, and whole images."""

import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from cldeblur.data.batch import Item, Sample, Window
from cldeblur.data.files import some
from cldeblur.data.images import Floats
from cldeblur.data.randomness import Stream, generator
from cldeblur.data.source import Source
from cldeblur.errors import Refused

SCORING_SEED = 0
FLIPS = ("none", "horizontal", "all")


class TrainingCrops(Dataset[Sample]):
    """Random crops of pairs, randomly flipped.

    `crops[epoch, index]` depends on the seed, the epoch and the index alone.

    Args:
        source: Reads the pairs.
        items: The pairs.
        crop: Side of the square crops, pixels.
        seed: The run's seed.
        flips: "none"; "horizontal" (as in the MIMO-UNet paper); or "all", which adds vertical
            flips and quarter turns, so that the eight symmetries of the square are equally likely.
        crops_per_image: Crops that an epoch takes of each image.

    Raises:
        Refused: An image is smaller than the crop, or `flips` is another word.
    """

    def __init__(
        self, source: Source, items: Sequence[Item], crop: int, seed: int, flips: str, crops_per_image: int = 1
    ) -> None:
        small = [item for item in items if min(item.height, item.width) < crop]
        if small:
            sizes = some(f"{item.name} ({item.width}x{item.height})" for item in small)
            raise Refused(f"images are smaller than data.crop={crop}: {sizes}")
        if flips not in FLIPS:
            raise Refused(f"data.flips is '{flips}'; it can be {', '.join(FLIPS)}")
        self.source = source
        self.items = list(items)
        self.crop = crop
        self.seed = seed
        self.flips = flips
        self.crops_per_image = crops_per_image

    def __len__(self) -> int:
        return len(self.items) * self.crops_per_image

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        """Give blurred and sharp (3,crop,crop), the name and the index for (epoch, index)."""
        epoch, index = key
        item = self.items[index // self.crops_per_image]
        random = generator(self.seed, epoch, index, Stream.CROP)
        top = int(random.integers(item.height - self.crop + 1))
        left = int(random.integers(item.width - self.crop + 1))
        # All three are drawn whatever `flips` allows, so that it changes nothing else.
        mirror, flip, turn = random.integers(2, size=3).astype(bool)
        window = Window(top, left, self.crop, self.crop)
        blurred, sharp = (
            _to_tensor(self._flipped(part, mirror, flip, turn))
            for part in self.source.read(item, window, (self.seed, epoch, index))
        )
        return blurred, sharp, item.name, index

    def _flipped(self, part: Floats, mirror: bool, flip: bool, turn: bool) -> Floats:
        """Apply the drawn symmetries that `flips` allows to (crop,crop,3)."""
        if mirror and self.flips != "none":
            part = part[:, ::-1]
        if flip and self.flips == "all":
            part = part[::-1]
        return part.transpose(1, 0, 2) if turn and self.flips == "all" else part


class WholeImages(Dataset[Sample]):
    """Pairs as they are, to score networks on.

    Synthetic blur depends on an item's name alone, on no run's seed and no place in a list: what is compared must be
    scored on the same images.

    Args:
        source: Reads the pairs.
        items: The pairs.
    """

    def __init__(self, source: Source, items: Sequence[Item]) -> None:
        self.source = source
        self.items = list(items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        """Give blurred and sharp (3,H,W), the name and the index."""
        item = self.items[index]
        blurred, sharp = self.source.read(item, None, (SCORING_SEED, zlib.crc32(item.name.encode())))
        return _to_tensor(blurred), _to_tensor(sharp), item.name, index


def _to_tensor(part: Floats) -> Tensor:
    """Turn (H,W,3) into (3,H,W)."""
    return torch.from_numpy(np.ascontiguousarray(part.transpose(2, 0, 1)))
