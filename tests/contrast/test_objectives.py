"""Objectives: AECR-Net's published values, and what holds for every one of them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from cldeblur.contrast.objectives.batch_ratio import BatchRatio
from cldeblur.contrast.objectives.bounded_ratio import BoundedRatio
from cldeblur.contrast.objectives.objective import Objective
from cldeblur.contrast.objectives.ratio import Ratio
from cldeblur.contrast.objectives.terms import distances
from cldeblur.errors import Refused

Golden = Callable[[str], Any]


def close(found: Tensor, expected: Tensor) -> None:
    """Equal but for the rounding of float64."""
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


def waves(batch: int, phase: float) -> list[Tensor]:
    """The feature maps of five taps that the golden values were computed with."""
    taps = []
    for tap, shape in enumerate(zip([4, 6, 8, 10, 12], [12, 6, 3, 2, 1], [16, 8, 4, 2, 1], strict=True)):
        b, c, y, x = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in (batch, *shape)), indexing="ij")
        taps.append((0.3 * y + 0.2 * x + 0.5 * c + 0.8 * b + 0.6 * tap + phase).sin().clamp_min(0))
    return taps


def batch_of(batch: int) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    anchor = [feature.requires_grad_() for feature in waves(batch, 0.0)]
    return anchor, waves(batch, 0.25), [feature[None] for feature in waves(batch, 1.1)]


def random_batch(negatives: int) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Features of two taps for 3 images."""
    generator = torch.Generator().manual_seed(negatives)
    shapes = [(3, 4, 6, 5), (3, 2, 3, 2)]
    anchor = [torch.rand(*shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]
    positive = [torch.rand(*shape, generator=generator, dtype=torch.float64) for shape in shapes]
    return anchor, positive, [torch.rand(negatives, *shape, generator=generator).double() for shape in shapes]


@pytest.mark.parametrize("batch", [1, 3])
def test_batch_ratio_is_aecr_nets(golden: Golden, batch: int) -> None:
    values = golden("contrastive_values")
    expected = values["aecr"][f"B={batch}"]
    anchor, positive, negatives = batch_of(batch)
    terms = BatchRatio(values["weights"])(anchor, positive, negatives)
    close(terms.loss, terms.loss.new_full((batch,), expected["aecr_batch_level_loss"]))
    for found, summary in zip(torch.autograd.grad(terms.loss[0], anchor), expected["grad_anchor_per_tap"], strict=True):
        assert found.abs().sum().item() == pytest.approx(summary["abs_sum"], rel=1e-10)
        chosen = found.flatten()[summary["flat_index"]]
        close(chosen, chosen.new_tensor(summary["values"]))


@pytest.mark.parametrize("batch", [1, 3])
def test_ratio_is_the_same_image_by_image(golden: Golden, batch: int) -> None:
    values = golden("contrastive_values")
    expected = values["aecr"][f"B={batch}"]
    loss, d_ap, d_an = Ratio(values["weights"])(*batch_of(batch))
    close(loss, loss.new_tensor(expected["per_sample_loss_per_image"]))
    close(d_ap.mean(1), loss.new_tensor(expected["d_ap_per_tap"]))
    close(d_an.mean((1, 2)), loss.new_tensor(expected["d_an_per_tap"]))
    per_tap = d_ap / (d_an[:, 0] + 1e-7)
    close(per_tap, loss.new_tensor(expected["per_sample_ratio_per_tap"]))


def test_distances_have_the_gradient_of_a_mean_absolute_difference() -> None:
    anchor, positive, negatives = random_batch(negatives=3)
    chosen = torch.rand(2, 4, 3, dtype=torch.float64)
    found = torch.cat([part.reshape(2, -1, 3) for part in distances(anchor, positive, negatives)], dim=1)
    plain = torch.stack(
        [
            (torch.cat([p[None], n]) - a).abs().mean((2, 3, 4))
            for a, p, n in zip(anchor, positive, negatives, strict=True)
        ]
    )
    close(found, plain)
    for ours, usual in zip(
        torch.autograd.grad((chosen * found).sum(), anchor),
        torch.autograd.grad((chosen * plain).sum(), anchor),
        strict=True,
    ):
        close(ours, usual)


def test_only_the_anchor_gets_a_gradient(objective: Objective) -> None:
    anchor, positive, negatives = random_batch(negatives=2)
    others = [feature.requires_grad_() for feature in (*positive, *negatives)]
    loss = objective(anchor, positive, negatives).loss
    found = torch.autograd.grad(loss.sum(), [*anchor, *others], allow_unused=True)
    assert all(gradient.abs().sum() > 0 for gradient in found[: len(anchor)])
    assert all(gradient is None for gradient in found[len(anchor) :])


def test_negatives_are_averaged(objective: Objective) -> None:
    anchor, positive, negatives = random_batch(negatives=2)
    both = objective(anchor, positive, negatives).loss
    each = [objective(anchor, positive, [feature[k : k + 1] for feature in negatives]).loss for k in range(2)]
    close(both, (each[0] + each[1]) / 2)


def test_the_loss_is_a_function_of_the_distances(objective: Objective) -> None:
    anchor, positive, negatives = random_batch(negatives=2)
    terms = objective(anchor, positive, negatives)
    slopes = torch.autograd.grad(terms.loss.sum(), (terms.d_ap, terms.d_an), retain_graph=True)
    assert slopes[0].min() > 0, "nearer to the positive is better"
    assert slopes[1].max() < 0, "farther from a negative is better"
    whole = torch.autograd.grad(terms.loss.sum(), anchor, retain_graph=True)
    through = torch.autograd.grad((terms.d_ap, terms.d_an), anchor, slopes)
    for first, second in zip(whole, through, strict=True):
        close(first, second)


def test_the_bounded_ratio_is_bounded() -> None:
    anchor, positive, negatives = random_batch(negatives=1)
    bounded = BoundedRatio([0.0, 1.0])
    near_negative = bounded([n[0] + 1e-9 for n in negatives], positive, negatives).loss
    torch.testing.assert_close(near_negative, torch.ones_like(near_negative), rtol=0, atol=1e-5)
    assert bounded(positive, positive, negatives).loss.abs().max() == 0
    d_ap, d_an = distances(anchor, positive, negatives)
    expected = d_ap[1] / (d_ap[1] + d_an[1, 0])
    torch.testing.assert_close(bounded(anchor, positive, negatives).loss, expected, rtol=1e-6, atol=0)


def test_tap_weights_are_one_a_tap_and_not_negative(objective: Objective) -> None:
    with pytest.raises(ValueError, match="3 tap weights"):
        type(objective)([1.0, 1.0, 1.0])(*random_batch(negatives=1))
    with pytest.raises(Refused, match=r"features\.tap_weights"):
        type(objective)([1.0, -1.0])
