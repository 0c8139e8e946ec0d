"""The contrastive term: from restored images to their gradient, in one pass through the features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional

from cldeblur.contrast.diagnostics import gradient_norms
from cldeblur.contrast.features import VGG19
from cldeblur.contrast.joint import joined
from cldeblur.contrast.mask import blurred_pixels, shares
from cldeblur.contrast.memory import memory_told
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.objectives.objective import Objective
from cldeblur.contrast.objectives.terms import Features, Terms


@dataclass(frozen=True)
class Diagnosis:
    """Pull and push of a batch, apart.

    Where coarser outputs are anchors too, images and gradients are joined to (N, D), coarse to fine.

    Attributes:
        pull: (N, 3, H, W), the part of the gradient that goes through the distances to the positives.
        push: (N, 3, H, W), the part through the distances to the negatives; both together are the whole
            gradient.
        tap_pull: (T, N), norms of the pull at each tap, with respect to the features there.
        tap_push: (T, N), norms of the push likewise.
        anchor: (N, 3, H, W), the restored images.
        positive: (N, 3, H, W), the sharp ones.
    """

    pull: Tensor
    push: Tensor
    tap_pull: Tensor
    tap_push: Tensor
    anchor: Tensor
    positive: Tensor


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
        with told, torch.autocast(restored.device.type, enabled=False):
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
            _joint_diagnosis(found) if found else None,
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
        diagnosis = _diagnose(terms, leaves, whole, anchor, image, gradient, others.positive) if diagnose else None
        return ContrastResult(terms.loss.detach(), gradient, others.negatives, diagnosis)

    @torch.no_grad()
    def _references(self, others: "_Others") -> dict[str, Features]:
        """Features of those images that the objective needs, from one pass; of the others there are none.

        They are (N, c, h, w) at each tap, the negatives' (K, N, c, h, w).
        """
        images = {"positive": others.positive[None], "negatives": others.negatives, "blurred": others.blurred[None]}
        needed = {name: stack for name, stack in images.items() if name in self.objective.needs}
        # Often they are the only negatives, and their features need not be computed twice.
        is_negative = "negatives" in needed and torch.equal(others.negatives[0], others.blurred)
        if is_negative:
            needed.pop("blurred", None)
        # Not inference mode, though as fast: an objective may multiply these with the anchor's.
        found = self.features(torch.cat([stack.flatten(0, 1) for stack in needed.values()]))
        counts = [len(stack) for stack in needed.values()]
        stacks = [feature.unflatten(0, (-1, len(others.positive))).split(counts) for feature in found]
        named: dict[str, Features] = dict(zip(needed, zip(*stacks, strict=True), strict=True))
        return {
            "positive": [feature[0] for feature in named.get("positive", ())],
            "negatives": named.get("negatives", ()),
            "blurred": [feature[0] for feature in named.get("negatives" if is_negative else "blurred", ())],
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


def _diagnose(
    terms: Terms,
    leaves: Features,
    whole: Features,
    anchor: Features,
    image: Tensor,
    gradient: Tensor,
    positive: Tensor,
) -> Diagnosis:
    """Tell the pull from the push: the gradient with the distances to the negatives held, and the rest."""
    pulls = _pulls(terms, leaves)
    (pull,) = torch.autograd.grad(anchor, image, pulls)
    tap_pull = torch.stack([gradient_norms(part) for part in pulls])
    tap_push = torch.stack([gradient_norms(full - part) for full, part in zip(whole, pulls, strict=True)])
    return Diagnosis(pull, gradient - pull, tap_pull, tap_push, image.detach(), positive)


def _pulls(terms: Terms, leaves: Features) -> Sequence[Tensor]:
    """The gradient with respect to the features through the distances to the positives alone, at each tap."""
    # Of an objective that does not look at the positive.
    if not terms.d_ap.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    (weights,) = torch.autograd.grad(terms.loss.sum(), terms.d_ap, retain_graph=True)
    return torch.autograd.grad((weights * terms.d_ap).sum(), leaves)


def _joint_diagnosis(scales: Sequence[Diagnosis]) -> Diagnosis:
    """The diagnosis of all scales together."""
    tap_pull = torch.stack([scale.tap_pull for scale in scales])
    tap_push = torch.stack([scale.tap_push for scale in scales])
    return Diagnosis(
        joined([scale.pull for scale in scales]),
        joined([scale.push for scale in scales]),
        torch.linalg.vector_norm(tap_pull, dim=0),
        torch.linalg.vector_norm(tap_push, dim=0),
        joined([scale.anchor for scale in scales]),
        joined([scale.positive for scale in scales]),
    )
