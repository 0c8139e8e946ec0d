"""Anchors of every size, anchors of which blurred pixels alone count, and what is passed through the features."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from cldeblur.contrast.features import VGG19
from cldeblur.contrast.joint import joined, parted
from cldeblur.contrast.negatives.blend import Blend
from cldeblur.contrast.negatives.blurred import Blurred
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.objectives.bounded_ratio import BoundedRatio
from cldeblur.contrast.objectives.objective import Objective
from cldeblur.contrast.term import ContrastiveTerm

Images = tuple[Tensor, Tensor, Tensor]


def reduced(image: Tensor, factor: int) -> Tensor:
    return functional.interpolate(image, scale_factor=1 / factor, mode="bilinear", align_corners=False)


@pytest.fixture
def coarser(images: Images) -> list[Tensor]:
    """Anchors of a quarter and a half of the size, unlike the reduced full one."""
    return [0.9 * reduced(images[0], factor) + 0.05 for factor in (4, 2)]


def test_every_scale_is_the_sum_of_the_scales(
    objective: Objective, features: VGG19, images: Images, coarser: list[Tensor]
) -> None:
    restored, blurred, sharp = images
    term = ContrastiveTerm(features, Blend(), objective, level=0.3)
    together = term.measure(restored, blurred, sharp, diagnose=True, coarser=coarser)
    quarter, half = coarser
    alone = [
        term.measure(quarter, reduced(blurred, 4), reduced(sharp, 4)),
        term.measure(half, reduced(blurred, 2), reduced(sharp, 2)),
        term.measure(restored, blurred, sharp),
    ]
    torch.testing.assert_close(together.loss, sum(result.loss for result in alone))
    assert together.negatives.shape == (1, *restored.shape)
    gradients = parted(together.gradient, [*coarser, restored])
    for found, expected in zip(gradients, alone, strict=True):
        torch.testing.assert_close(found, expected.gradient)
    diagnosis = together.diagnosis
    assert diagnosis is not None
    torch.testing.assert_close(diagnosis.pull + diagnosis.push, together.gradient)
    assert torch.equal(diagnosis.anchor, joined([*coarser, restored]))
    assert diagnosis.positive.shape == diagnosis.anchor.shape
    assert diagnosis.tap_pull.shape == diagnosis.tap_push.shape == (2, 3)


def test_norms_at_a_tap_are_over_all_scales(features: VGG19, images: Images, coarser: list[Tensor]) -> None:
    restored, blurred, sharp = images
    term = ContrastiveTerm(features, Blurred(), BoundedRatio([1.0, 1.0]))
    found = [
        term.measure(*scale, diagnose=True, coarser=more).diagnosis
        for *scale, more in [
            (coarser[1], reduced(blurred, 2), reduced(sharp, 2), ()),
            (restored, blurred, sharp, ()),
            (restored, blurred, sharp, coarser[1:]),
        ]
    ]
    half, full, both = (diagnosis for diagnosis in found if diagnosis is not None)
    torch.testing.assert_close(both.tap_push.square(), half.tap_push.square() + full.tap_push.square())
    torch.testing.assert_close(both.tap_pull.square(), half.tap_pull.square() + full.tap_pull.square())


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=4), st.integers(1, 3))
def test_what_is_joined_can_be_parted(sizes: Sequence[tuple[int, int]], batch: int) -> None:
    scales = [torch.rand(batch, 3, *size) for size in sizes]
    whole = joined(scales)
    assert whole.flatten(1).shape == (batch, sum(3 * height * width for height, width in sizes))
    assert all(torch.equal(*pair) for pair in zip(parted(whole, scales), scales, strict=True))


def half_blurred(images: Images) -> Images:
    """The same with blurred pixels in the left half only."""
    restored, blurred, sharp = images
    return restored, torch.cat([blurred[..., :12], sharp[..., 12:]], dim=-1), sharp


def wide(images: Images) -> Images:
    restored, blurred, sharp = (functional.interpolate(part, size=(24, 24), mode="nearest") for part in images)
    return restored, blurred, sharp


def test_what_is_not_blurred_does_not_count(objective: Objective, features: VGG19, images: Images) -> None:
    restored, blurred, sharp = half_blurred(wide(images))
    term = ContrastiveTerm(features, Blurred(), objective, masked=True)
    # Features look a few pixels beyond a position.
    elsewhere = torch.cat([restored[..., :18], 1 - restored[..., 18:]], dim=-1)
    first, second = (term.measure(anchor, blurred, sharp, diagnose=True) for anchor in (restored, elsewhere))
    torch.testing.assert_close(first.loss, second.loss)
    for result in (first, second):
        assert result.gradient[..., 18:].abs().max() == 0
        assert (result.gradient[..., :12].flatten(1).abs().amax(1) > 0).all()
        assert result.diagnosis is not None
        torch.testing.assert_close(result.diagnosis.pull + result.diagnosis.push, result.gradient)


def test_a_mask_of_everything_changes_nothing(objective: Objective, features: VGG19) -> None:
    random = torch.Generator().manual_seed(1)
    sharp, restored = torch.rand(2, 2, 3, 16, 16, generator=random, dtype=torch.float64) / 2
    plain, masked = (
        ContrastiveTerm(features, Blurred(), objective, masked=masked).measure(restored, sharp + 0.2, sharp)
        for masked in (False, True)
    )
    torch.testing.assert_close(masked.loss, plain.loss)
    torch.testing.assert_close(masked.gradient, plain.gradient)


def test_an_image_without_a_blurred_pixel_is_left_alone(objective: Objective, features: VGG19, images: Images) -> None:
    restored, blurred, sharp = images
    partly = torch.cat([sharp[:1], blurred[1:]])
    result = ContrastiveTerm(features, Blurred(), objective, masked=True).measure(restored, partly, sharp)
    norms = result.gradient.flatten(1).abs().amax(1)
    assert result.loss.isfinite().all()
    assert norms[0] == 0
    assert norms[1:].min() > 0 or not objective.per_image


def test_no_image_is_passed_in_vain(
    generator: Generator, objective: Objective, features: VGG19, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed, forward = [], VGG19.forward

    def watched(module: VGG19, batch: Tensor) -> tuple[Tensor, ...]:
        passed.append((len(batch), batch.requires_grad))
        return forward(module, batch)

    monkeypatch.setattr(VGG19, "forward", watched)
    result = ContrastiveTerm(features, generator, objective, level=0.3).measure(*images)
    needs = objective.needs
    already = any(torch.equal(one, images[1]) for one in result.negatives)
    others = ("positive" in needs) + generator.count * ("negatives" in needs) + ("blurred" in needs and not already)
    assert passed == [(3 * others, False), (3, True)]
