"""The contrastive term: from restored images to their gradient, in one pass through the features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional

from cldeblur.contrast.features import VGG19, full_precision
from cldeblur.contrast.joint import joined
from cldeblur.contrast.mask import blurred_pixels, shares
from cldeblur.contrast.memory import memory_told
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.objectives.objective import Objective
from cldeblur.contrast.objectives.terms import Features
from cldeblur.contrast.pull_push import Diagnosis, diagnose_scale, joint_diagnosis


@dataclass(frozen=True)
class ContrastResult:
    """What the contrastive term says about a batch; nothing in it has a gradient.

    Attributes:
        loss: (N,), one number an image.
        gradient: (N, 3, H, W), of the sum of `loss` with respect to the restored images: per image, without
            1/N. Where coarser outputs are anchors too, (N, D): theirs and this, joined coarse to fine.
        negatives: (K, N, 3, H, W) in [0, 1], as they were used at full size.
        diagnosis: pull and push apart, where asked for.
    """

    loss: Tensor
    gradient: Tensor
    negatives: Tensor
    diagnosis: Diagnosis | None = None


class ContrastiveTerm:
    """Features, generator and objective, attached to a training from outside.

    It is no module: registered in one, the frozen features would be copied, averaged and saved with the
    network's weights. For the same reason a deep copy of it is itself, because weight averaging copies all
    that a module holds. Whoever holds it moves it to the device.

    Attributes:
        features: images (M, 3, H, W) -> one tensor (M, c, h, w) a tap.
        generator: makes the negatives.
        objective: turns feature distances into losses.
        level: of the negatives, in [0, 1); set anew at each stage.
        masked: whether only blurred pixels count (`cldeblur.contrast.mask`).
    """

    def __init__(
        self,
        features: VGG19,
        generator: Generator,
        objective: Objective,
        level: float = 0.0,
        masked: bool = False,
    ) -> None:
        """Put the parts together."""
        self.features = features
        self.generator = generator
        self.objective = objective
        self.level = level
        self.masked = masked

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def to(self, device: torch.device | str) -> Self:
        """Move all parts to a device."""
        for part in (self.features, self.generator, self.objective):
            part.to(device)
        return self

    def measure(
        self,
        restored: Tensor,
        blurred: Tensor,
        sharp: Tensor,
        diagnose: bool = False,
        coarser: Sequence[Tensor] = (),
    ) -> ContrastResult:
        """Loss of each image and its gradient with respect to the restored image.

        Args:
            restored: anchors (N, 3, H, W), float32; what made them is not walked back into.
            blurred: (N, 3, H, W) in [0, 1].
            sharp: (N, 3, H, W) in [0, 1].
            diagnose: whether to tell pull from push, at the price of one more backward through the features.
            coarser: further anchors (N, 3, h, w), coarse to fine; each is compared with the same images at its
                own size, and the losses are summed.

        Raises:
            Failed: memory is too small for so many negatives; says how much they need.
        """
        told = memory_told(self.features, self.generator.count, restored)
        with told, full_precision(), torch.autocast(restored.device.type, enabled=False):
            negatives = self.generator(blurred, sharp, self.level)
            mask = blurred_pixels(blurred, sharp) if self.masked else None
            others = _Others(sharp, negatives, blurred, mask)
            scales = [
                self._measure_scale(image.detach().requires_grad_(), others.at_size_of(image), diagnose)
                for image in (*coarser, restored)
            ]
        found = [scale.diagnosis for scale in scales if scale.diagnosis is not None]
        return ContrastResult(
            torch.stack([scale.loss for scale in scales]).sum(0),
            joined([scale.gradient for scale in scales]),
            negatives,
            joint_diagnosis(found) if found else None,
        )

    def _measure_scale(self, image: Tensor, others: "_Others", diagnose: bool) -> ContrastResult:
        """Loss and gradient of anchors (N, 3, h, w) of one size."""
        references = self._references(others)
        anchor = self.features(image)
        # The leaves keep the objective's gradient apart: pull and push are told apart there, at each tap.
        leaves = [feature.detach().requires_grad_() for feature in anchor]
        counted = None if others.mask is None else [shares(others.mask, leaf.shape[-2:]) for leaf in leaves]
        terms = self.objective(leaves, **references, shares=counted)
        whole = torch.autograd.grad(terms.loss.sum(), leaves, retain_graph=diagnose)
        (gradient,) = torch.autograd.grad(anchor, image, whole, retain_graph=diagnose)
        diagnosis = diagnose_scale(terms, leaves, whole, anchor, image, gradient, others.positive) if diagnose else None
        return ContrastResult(terms.loss.detach(), gradient, others.negatives, diagnosis)

    @torch.no_grad()
    def _references(self, others: "_Others") -> dict[str, Features]:
        """Features of those images that the objective needs, from one pass; of the others there are none.

        They are (N, c, h, w) at each tap, the negatives' (K, N, c, h, w).
        """
        images = {"positive": others.positive[None], "negatives": others.negatives, "blurred": others.blurred[None]}
        needed = {name: stack for name, stack in images.items() if name in self.objective.needs}
        # What is among the negatives already need not be passed twice.
        place = others.blurred_negative if {"negatives", "blurred"} <= needed.keys() else None
        if place is not None:
            del needed["blurred"]
        # Not inference mode, though as fast: an objective may multiply these with the anchor's.
        found = self.features(torch.cat([stack.flatten(0, 1) for stack in needed.values()]))
        counts = [len(stack) for stack in needed.values()]
        stacks = [feature.unflatten(0, (-1, len(others.positive))).split(counts) for feature in found]
        named: dict[str, Features] = dict(zip(needed, zip(*stacks, strict=True), strict=True))
        source, at = ("blurred", 0) if place is None else ("negatives", place)
        return {
            "positive": [feature[0] for feature in named.get("positive", ())],
            "negatives": named.get("negatives", ()),
            "blurred": [feature[at] for feature in named.get(source, ())],
        }


class _Others(NamedTuple):
    """What anchors are compared with.

    Attributes:
        positive: (N, 3, H, W).
        negatives: (K, N, 3, H, W).
        blurred: (N, 3, H, W).
        mask: (N, 1, h, w) in [0, 1], what counts of the images, whatever their size; None: everything.
    """

    positive: Tensor
    negatives: Tensor
    blurred: Tensor
    mask: Tensor | None

    @property
    def blurred_negative(self) -> int | None:
        """The place of the blurred images among the negatives; None where they are not."""
        return next((k for k, one in enumerate(self.negatives) if torch.equal(one, self.blurred)), None)

    def at_size_of(self, anchor: Tensor) -> "_Others":
        """The same images at the size of anchors (N, 3, h, w)."""
        size = anchor.shape[-2:]
        return _Others(
            _reduced(self.positive, size), _reduced(self.negatives, size), _reduced(self.blurred, size), self.mask
        )


def _reduced(images: Tensor, size: torch.Size) -> Tensor:
    """Images (..., 3, H, W) at another size, reduced as the pixel loss reduces its targets."""
    if size == images.shape[-2:]:
        return images
    reduced = functional.interpolate(images.flatten(0, -4), size=size, mode="bilinear", align_corners=False)
    return reduced.view(*images.shape[:-2], *size)
