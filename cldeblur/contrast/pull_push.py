"""Pull and push of a batch, apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cldeblur.contrast.diagnostics import gradient_norms
from cldeblur.contrast.joint import joined
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


def diagnose_scale(
    terms: Terms,
    leaves: Features,
    whole: Features,
    anchor: Features,
    image: Tensor,
    gradient: Tensor,
    positive: Tensor,
) -> Diagnosis:
    """Tell the pull from the push: the gradient with the distances to the negatives held, and the rest.

    Args:
        terms: what the objective gave, with its graph.
        leaves: the anchors' features that it was given, (N, c, h, w) at each tap.
        whole: its gradient with respect to them.
        anchor: the same features, with a graph back to `image`.
        image: anchors (N, 3, h, w).
        gradient: the objective's with respect to them.
        positive: (N, 3, h, w).
    """
    pulls = _pulls(terms, leaves)
    (pull,) = torch.autograd.grad(anchor, image, pulls)
    tap_pull = torch.stack([gradient_norms(part) for part in pulls])
    tap_push = torch.stack([gradient_norms(full - part) for full, part in zip(whole, pulls, strict=True)])
    return Diagnosis(pull, gradient - pull, tap_pull, tap_push, image.detach(), positive)


def joint_diagnosis(scales: Sequence[Diagnosis]) -> Diagnosis:
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


def _pulls(terms: Terms, leaves: Features) -> Sequence[Tensor]:
    """The gradient with respect to the features through the distances to the positives alone, at each tap."""
    # Of an objective that does not look at the positive.
    if not terms.d_ap.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    (weights,) = torch.autograd.grad(terms.loss.sum(), terms.d_ap, retain_graph=True)
    return torch.autograd.grad((weights * terms.d_ap).sum(), leaves)
