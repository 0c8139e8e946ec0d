"""How strongly the contrastive term acts beside the pixel loss."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from cldeblur.contrast.diagnostics import TINY, gradient_norms


class Combined(NamedTuple):
    """The contrastive gradient as it may act.

    Attributes:
        gradient: (N, ...), with the weight, and clipped image by image.
        ratios: (N,), each image's gradient ratio before clipping, not below 0.
        clipped: (N,) bool, whether the image's ratio was above the bound.
    """

    gradient: Tensor
    ratios: Tensor
    clipped: Tensor


def _nothing_to_reduce(sums: Tensor) -> Tensor:
    """The sums as they are: there is one process."""
    return sums


class Weighting(ABC):
    """Weighs the contrastive gradient, and keeps account of how large it and the pixel gradient are.

    All gradients are per image, with respect to the outputs that anchors are taken from, without 1/N, in
    float32; the pixel loss is the whole non-contrastive loss. Norms are observed for every micro-batch; at
    the end of an optimiser step the root mean squares of its images enter exponential means, corrected for
    their start (as in Adam).
    """

    def __init__(self, warmup_steps: float, max_ratio: float | None, decay: float = 0.99) -> None:
        """Take how the weight rises and what bounds it.

        Args:
            warmup_steps: optimiser steps over which the weight rises linearly from 0; 0: none.
            max_ratio: bound on each image's own gradient ratio; None: no bound.
            decay: of the exponential means, in [0, 1).
        """
        self.warmup_steps = warmup_steps
        self.max_ratio = max_ratio
        self.decay = decay
        self._means = (0.0, 0.0)
        self._steps = 0
        self._sums: Tensor | None = None

    @abstractmethod
    def weight(self, step: int) -> float:
        """Weight of the contrastive gradient at an optimiser step, counted from 0."""

    def combine(self, pixel_gradient: Tensor, contrast_gradient: Tensor, weight: float) -> Combined:
        """Weigh the contrastive gradient and clip it per image to `max_ratio` times the pixel gradient.

        Args:
            pixel_gradient: (N, ...), with respect to the outputs that anchors are taken from.
            contrast_gradient: likewise, without weight.
            weight: not below 0.
        """
        # An image that is restored exactly has no pixel gradient: its ratio is huge then, not undefined.
        ratios = weight * gradient_norms(contrast_gradient) / gradient_norms(pixel_gradient).clamp_min(TINY)
        bound = math.inf if self.max_ratio is None else self.max_ratio
        clipped = ratios > bound
        scales = weight * torch.where(clipped, bound / ratios, 1.0)
        return Combined(scales.view(-1, *[1] * (contrast_gradient.ndim - 1)) * contrast_gradient, ratios, clipped)

    def observe(self, pixel_norms: Tensor, contrast_norms: Tensor) -> None:
        """Take in the norms (N,) of a micro-batch's gradients, the contrastive ones without weight."""
        squares = [pixel_norms.double().square().sum(), contrast_norms.double().square().sum()]
        sums = torch.stack([*squares, squares[0].new_tensor(len(pixel_norms))])
        self._sums = sums if self._sums is None else self._sums + sums

    def finish_step(self, reduce: Callable[[Tensor], Tensor] = _nothing_to_reduce) -> None:
        """Update the means with what was observed since the last step.

        Args:
            reduce: sums a float64 tensor (3,) over all processes; each of them must call this once a step.
        """
        if self._sums is None:
            return
        pixel, contrast, count = reduce(self._sums).tolist()
        self._sums = None
        # One step that is not finite, which the training may skip, would stay in the means for ever. And a step
        # without any contrastive gradient, as behind a margin, says nothing of how large one is: taken in, a long row
        # of them would raise a held weight beyond all numbers.
        if not (math.isfinite(pixel) and math.isfinite(contrast)) or contrast == 0:
            return
        self._steps += 1
        share = (1 - self.decay) / (1 - self.decay**self._steps)
        values = (math.sqrt(pixel / count), math.sqrt(contrast / count))
        self._means = (
            self._means[0] + share * (values[0] - self._means[0]),
            self._means[1] + share * (values[1] - self._means[1]),
        )

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers from which a resumed run goes on exactly; to be taken between optimiser steps."""
        return {"pixel_mean": self._means[0], "contrast_mean": self._means[1], "steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self._means = (state["pixel_mean"], state["contrast_mean"])
        self._steps = state["steps"]
        self._sums = None

    def _warmth(self, step: int) -> float:
        """Share of the full weight that a step has, in [0, 1]."""
        return min(1.0, step / self.warmup_steps) if self.warmup_steps > 0 else 1.0


class HeldRatio(Weighting):
    """A weight that holds the gradient ratio, by the means up to the previous step; 0 at the first."""

    def __init__(self, ratio: float, warmup_steps: float, max_ratio: float | None, decay: float = 0.99) -> None:
        """Take the ratio to hold; the rest as in `Weighting`."""
        super().__init__(warmup_steps, max_ratio, decay)
        self.ratio = ratio

    def weight(self, step: int) -> float:
        """Warm-up times ratio times mean pixel over mean contrastive gradient; 0 while the latter is 0."""
        pixel, contrast = self._means
        return self._warmth(step) * self.ratio * pixel / contrast if contrast > 0 else 0.0


class ConstantWeight(Weighting):
    """A fixed weight, whose meaning depends on features, crop and objective."""

    def __init__(self, weight: float, warmup_steps: float, max_ratio: float | None) -> None:
        """Take the weight; the rest as in `Weighting`."""
        super().__init__(warmup_steps, max_ratio)
        self.constant = weight

    def weight(self, step: int) -> float:
        """Warm-up times the constant."""
        return self._warmth(step) * self.constant
