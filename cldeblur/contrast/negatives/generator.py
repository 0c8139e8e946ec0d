"""What every generator of negatives is."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn


class Generator(nn.Module, ABC):
    """Makes K negatives of each image of a batch, at a level of sharpness.

    Level 0 gives exactly the blurred images. An image's negatives do not depend on the rest of the batch.

    Attributes:
        uses: what it needs besides the blurred images, out of `sharp` and `network`.
        uses_level: whether the level changes anything.
        matched: whether its PSNR to sharp can be made that of its level (see
            `cldeblur.contrast.levels.scale`).
    """

    uses: ClassVar[frozenset[str]] = frozenset()
    uses_level: ClassVar[bool] = True
    matched: ClassVar[bool] = False

    @abstractmethod
    def make(self, blurred: Tensor, sharp: Tensor, level: float, /) -> Tensor:
        """Negatives (K, N, 3, H, W) of `blurred` and `sharp` (N, 3, H, W); they may leave [0, 1]."""

    @torch.no_grad()
    def forward(self, blurred: Tensor, sharp: Tensor, level: float) -> Tensor:
        """Negatives without gradient.

        Args:
            blurred: (N, 3, H, W) in [0, 1].
            sharp: (N, 3, H, W) in [0, 1].
            level: in [0, 1).

        Returns:
            (K, N, 3, H, W), clamped to [0, 1].

        Raises:
            ValueError: the level lies outside.
        """
        if not 0 <= level < 1:
            raise ValueError(f"a level lies in [0, 1), and {level} does not")
        # Here, so that no generator can forget to clamp, or let a gradient through.
        return self.make(blurred, sharp, level).clamp(0, 1)
