"""The contrastive term: from restored images to their gradient, in one pass through the features."""

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from cldeblur.contrast.diagnostics import gradient_norms
from cldeblur.contrast.features import VGG19
from cldeblur.contrast.memory import memory_told
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.objectives.objective import Objective
from cldeblur.contrast.objectives.terms import Features, Terms


@dataclass(frozen=True)
class Diagnosis:
    """Pull and push of a batch, apart.

    Attributes:
        pull: (N, 3, H, W), the part of the gradient that goes through the distances to the positives.
        push: (N, 3, H, W), the part through the distances to the negatives; both together are the whole
            gradient.
        tap_pull: (T, N), norms of the pull at each tap, with respect to the features there.
        tap_push: (T, N), norms of the push likewise.
    """

    pull: Tensor
    push: Tensor
    tap_pull: Tensor
    tap_push: Tensor


@dataclass(frozen=True)
class ContrastResult:
    """What the contrastive term says about a batch; nothing in it has a gradient.

    Attributes:
        loss: (N,), one number an image.
        gradient: (N, 3, H, W), of the sum of `loss` with respect to the restored images: per image, without
            1/N.
        negatives: (K, N, 3, H, W) in [0, 1], as they were used.
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
    """

    def __init__(self, features: VGG19, generator: Generator, objective: Objective, level: float = 0.0) -> None:
        """Put the parts together."""
        self.features = features
        self.generator = generator
        self.objective = objective
        self.level = level

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def to(self, device: torch.device | str) -> Self:
        """Move all parts to a device."""
        for part in (self.features, self.generator, self.objective):
            part.to(device)
        return self

    def measure(self, restored: Tensor, blurred: Tensor, sharp: Tensor, diagnose: bool = False) -> ContrastResult:
        """Loss of each image and its gradient with respect to the restored image.

        Args:
            restored: anchors (N, 3, H, W), float32; what made them is not walked back into.
            blurred: (N, 3, H, W) in [0, 1].
            sharp: (N, 3, H, W) in [0, 1].
            diagnose: whether to tell pull from push, at the price of one more backward through the features.

        Raises:
            Failed: memory is too small for so many negatives; says how much they need.
        """
        told = memory_told(self.features, self.generator.count, restored)
        with told, torch.autocast(restored.device.type, enabled=False):
            negatives = self.generator(blurred, sharp, self.level)
            references = self._references(sharp, negatives)
            image = restored.detach().requires_grad_()
            anchor = self.features(image)
            # The leaves keep the objective's gradient apart: pull and push are told apart there, at each tap.
            leaves = [feature.detach().requires_grad_() for feature in anchor]
            terms = self.objective(leaves, *references)
            whole = torch.autograd.grad(terms.loss.sum(), leaves, retain_graph=diagnose)
            (gradient,) = torch.autograd.grad(anchor, image, whole, retain_graph=diagnose)
            diagnosis = _diagnose(terms, leaves, whole, anchor, image, gradient) if diagnose else None
        return ContrastResult(terms.loss.detach(), gradient, negatives, diagnosis)

    @torch.no_grad()
    def _references(self, sharp: Tensor, negatives: Tensor) -> tuple[Features, Features]:
        """Features of the sharp images (N, c, h, w) and of the negatives (K, N, c, h, w), from one pass."""
        count = len(sharp)
        # Not inference mode, though as fast: an objective may multiply these with the anchor's.
        found = self.features(torch.cat([sharp, negatives.flatten(0, 1)]))
        positive = [feature[:count] for feature in found]
        return positive, [feature[count:].unflatten(0, negatives.shape[:2]) for feature in found]


def _diagnose(
    terms: Terms, leaves: Features, whole: Features, anchor: Features, image: Tensor, gradient: Tensor
) -> Diagnosis:
    """Tell the pull from the push: the gradient with the distances to the negatives held, and the rest."""
    (weights,) = torch.autograd.grad(terms.loss.sum(), terms.d_ap, retain_graph=True)
    pulls = torch.autograd.grad((weights * terms.d_ap).sum(), leaves)
    (pull,) = torch.autograd.grad(anchor, image, pulls)
    tap_pull = torch.stack([gradient_norms(part) for part in pulls])
    tap_push = torch.stack([gradient_norms(full - part) for full, part in zip(whole, pulls, strict=True)])
    return Diagnosis(pull, gradient - pull, tap_pull, tap_push)
