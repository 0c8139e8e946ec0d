"""Weighting: what is held, what is bounded, and that an interruption leaves no trace."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cldeblur.contrast.diagnostics import gradient_norms
from cldeblur.contrast.weighting import ConstantWeight, HeldRatio, Weighting

TARGET = 0.1


def gradients(step: int, images: int = 4) -> tuple[Tensor, Tensor]:
    """Pixel gradients, and contrastive ones that are 1000 times as strong and fade by half in 100 steps."""
    generator = torch.Generator().manual_seed(step)
    pixel, contrast = torch.randn(2, images, 3, 6, 6, generator=generator)
    return pixel, contrast * 1000 * 0.5 ** (step / 100)


def walk(weighting: Weighting, steps: range) -> list[float]:
    """Take steps; give the gradient ratio of each step's images."""
    ratios = []
    for step in steps:
        pixel, contrast = gradients(step)
        combined = weighting.combine(pixel, contrast, weighting.weight(step))
        ratios.append((combined.gradient.norm() / pixel.norm()).item())
        weighting.observe(gradient_norms(pixel), gradient_norms(contrast))
        weighting.finish_step()
    return ratios


def test_the_ratio_is_held_while_the_gradient_fades() -> None:
    ratios = walk(HeldRatio(TARGET, warmup_steps=0, max_ratio=None, decay=0.9), range(300))
    assert ratios[0] == 0, "nothing is known before the first step"
    assert all(ratio == pytest.approx(TARGET, rel=0.3) for ratio in ratios[1:])
    assert sum(ratios[50:]) / 250 == pytest.approx(TARGET, rel=0.08), "a little below, by the lag of the means"


def test_the_first_observation_counts_in_full() -> None:
    weighting = HeldRatio(TARGET, warmup_steps=0, max_ratio=None)
    weighting.observe(torch.tensor([3.0, 4.0]), torch.tensor([30.0, 40.0]))
    weighting.finish_step()
    assert weighting.weight(1) == pytest.approx(TARGET / 10)


def test_means_are_of_root_mean_squares() -> None:
    weighting = HeldRatio(1.0, warmup_steps=0, max_ratio=None, decay=0.5)
    for pixel, contrast in [([1.0, 7.0], [1.0, 1.0]), ([10.0], [2.0])]:
        weighting.observe(torch.tensor(pixel), torch.tensor(contrast))
        weighting.finish_step()
    mean_pixel, mean_contrast = (5 * 0.25 + 10 * 0.5) / 0.75, (1 * 0.25 + 2 * 0.5) / 0.75
    assert weighting.weight(2) == pytest.approx(mean_pixel / mean_contrast, rel=1e-12)


def test_a_resume_is_exact() -> None:
    whole = walk(HeldRatio(TARGET, warmup_steps=20, max_ratio=0.3), range(40))
    first, second = (HeldRatio(TARGET, warmup_steps=20, max_ratio=0.3) for _ in range(2))
    before = walk(first, range(17))
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert before + walk(second, range(17, 40)) == whole


def test_neither_micro_batches_nor_ranks_change_the_weight() -> None:
    pixel, contrast = (gradient_norms(part) for part in gradients(0, images=6))
    whole, parts, rank = (HeldRatio(TARGET, 0, None) for _ in range(3))
    whole.observe(pixel, contrast)
    whole.finish_step()
    for share in (slice(0, 1), slice(1, 3)):
        parts.observe(pixel[share], contrast[share])
    rank.observe(pixel[3:], contrast[3:])
    sums = [contrast.new_tensor(0)]

    def of_all_ranks(own: Tensor) -> Tensor:
        sums.append(own)
        return sum(sums[1:], start=sums[0])

    rank.finish_step(of_all_ranks)
    parts.finish_step(of_all_ranks)
    assert parts.weight(1) == pytest.approx(whole.weight(1), rel=1e-12)


def test_nothing_seen_or_nothing_finite_teaches_nothing() -> None:
    weighting = HeldRatio(TARGET, warmup_steps=0, max_ratio=None)
    walk(weighting, range(3))
    before = weighting.state_dict()
    weighting.finish_step()
    weighting.observe(torch.ones(2), torch.tensor([1.0, float("nan")]))
    weighting.finish_step()
    assert weighting.state_dict() == before


def test_a_contrastive_gradient_of_zero_is_no_trouble() -> None:
    weighting = HeldRatio(TARGET, warmup_steps=0, max_ratio=0.3)
    weighting.observe(torch.ones(2), torch.zeros(2))
    weighting.finish_step()
    assert weighting.weight(1) == 0
    combined = weighting.combine(torch.ones(2, 3, 4, 4), torch.zeros(2, 3, 4, 4), 5.0)
    assert combined.gradient.abs().max() == 0
    assert not combined.clipped.any()


@given(st.floats(0, 100), st.floats(0.01, 2), st.integers(0, 99))
def test_each_image_is_bounded_by_its_own_pixel_gradient(weight: float, bound: float, seed: int) -> None:
    pixel, contrast = gradients(seed)
    pixel[0] = 0
    combined = ConstantWeight(1.0, 0, bound).combine(pixel, contrast, weight)
    reached = gradient_norms(combined.gradient)
    assert (reached <= bound * gradient_norms(pixel) * (1 + 1e-5)).all()
    kept = ~combined.clipped
    torch.testing.assert_close(combined.gradient[kept], weight * contrast[kept])
    assert torch.equal(combined.clipped, combined.ratios > bound)
    torch.testing.assert_close(combined.ratios[1:], weight * gradient_norms(contrast)[1:] / gradient_norms(pixel)[1:])


def test_without_a_bound_nothing_is_clipped() -> None:
    pixel, contrast = gradients(0)
    pixel[0] = 0
    combined = ConstantWeight(1.0, 0, None).combine(pixel, contrast, 7.0)
    torch.testing.assert_close(combined.gradient, 7 * contrast)
    assert not combined.clipped.any()


def test_warm_up_rises_by_the_step() -> None:
    constant = ConstantWeight(0.4, warmup_steps=2.5, max_ratio=None)
    assert [constant.weight(step) for step in range(4)] == pytest.approx([0, 0.16, 0.32, 0.4])
    assert ConstantWeight(0.4, warmup_steps=0, max_ratio=None).weight(0) == 0.4
    held = HeldRatio(TARGET, warmup_steps=10, max_ratio=None)
    walk(held, range(5))
    assert held.weight(5) == pytest.approx(held.weight(10) / 2)
