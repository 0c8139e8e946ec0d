"""What every generator of negatives is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn


class Generator(nn.Module, ABC):
    """Makes K negatives of each image of a batch, at a level of sharpness.

    Level 0 gives exactly the blurred images. An image's negatives do not depend on the rest of the batch.

    Attributes:
        uses: what it needs besides the blurred images, out of `sharp` and `network`.
        uses_level: whether it matters which level above 0 it is given.
        matched: whether its PSNR to sharp is that of its level (see `cldeblur.contrast.levels.scale`), unless
            `take_levels` says that levels are raw.
        claims: what rises with the level: the PSNR to sharp, the energy of the image's gradient, or nothing.
        count: K, how many negatives it makes of an image; the same all along a training.
        least_side: pixels that an image must have a side.
    """

    uses: frozenset[str] = frozenset()
    uses_level: bool = True
    matched: bool = False
    claims: Literal["psnr", "gradient_energy"] | None = None
    count: int = 1
    least_side: int = 1

    @abstractmethod
    def make(self, blurred: Tensor, sharp: Tensor, level: float, /) -> Tensor:
        """Negatives (K, N, 3, H, W) of `blurred` and `sharp` (N, 3, H, W); they may leave [0, 1]."""

    @torch.no_grad()
    def forward(self, blurred: Tensor, sharp: Tensor, level: float) -> Tensor:
        """Negatives without gradient, computed in the images' own precision also under autocast.

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
        # Here, so that no generator can forget to clamp, or let a gradient or half precision through.
        with torch.autocast(blurred.device.type, enabled=False):
            return self.make(blurred, sharp, level).clamp(0, 1)

    @property
    def fixed(self) -> bool:
        """Whether its negatives are the same at every stage, whatever the level."""
        return not self.uses_level and "network" not in self.uses

    @property
    def makers(self) -> Sequence["Generator"]:
        """The generator of each of the K negatives: itself, where it joins no others."""
        return [self] * self.count

    # The hooks below do nothing: most generators are functions of the batch and the level.

    def take_levels(self, levels: Sequence[float], match: str) -> None:
        """Hear, before training begins, of the levels of all stages.

        Args:
            levels: one a stage, each in [0, 1).
            match: what they mean: `psnr` or `raw` (`cldeblur.contrast.levels.curve.MATCHES`).
        """

    def enter(self, stage: int, network: nn.Module) -> None:
        """Hear that a stage begins: the first one when training starts, and each that follows another.

        Args:
            stage: its number; it may be lower than that of the stage before.
            network: the one that is trained, as it is now; to be copied if it is to be kept.
        """

    def stage_state(self) -> dict[str, Any]:
        """What it remembers of stages that began, for the checkpoint: plain data and tensors."""
        return {}

    def load_stage_state(self, state: Mapping[str, Any], network: nn.Module) -> None:
        """Go on from what `stage_state` gave; `network` is one like those that `enter` was given."""
