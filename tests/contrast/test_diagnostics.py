"""Diagnostics: values that can be told by hand."""

import pytest
import torch

from cldeblur.contrast.diagnostics import (
    alignment,
    gradient_energy,
    gradient_norms,
    negative_psnr,
    overtaken,
    push_fraction,
)

ONES = torch.ones(2, 3, 4, 4)
PER_IMAGE = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1)


def test_norms_are_per_image() -> None:
    torch.testing.assert_close(gradient_norms(ONES * PER_IMAGE), 48**0.5 * torch.tensor([1.0, 2.0]))


def test_push_fraction_is_the_pushs_share() -> None:
    torch.testing.assert_close(push_fraction(ONES, -3 * ONES), torch.full((2,), 0.75))
    assert push_fraction(0 * ONES, ONES).tolist() == [1, 1]
    assert push_fraction(0 * ONES, 0 * ONES).isnan().all()


def test_alignment_tells_towards_sharp_from_away() -> None:
    restored, sharp = torch.zeros_like(ONES), ONES * PER_IMAGE
    # A descent goes against the gradient: a push of -1 raises the image, towards sharp.
    torch.testing.assert_close(alignment(-1e-9 * ONES, restored, sharp), torch.ones(2))
    torch.testing.assert_close(alignment(5 * ONES, restored, sharp), -torch.ones(2))
    assert alignment(0 * ONES, restored, sharp).isnan().all()
    assert alignment(ONES, sharp, sharp).isnan().all()


def test_overtaken_counts_negatives_nearer_to_sharp() -> None:
    sharp = torch.zeros_like(ONES)
    negatives = torch.stack([0.1 * ONES, 0.3 * ONES, 0.7 * ONES, 0.9 * ONES])
    assert overtaken(ONES * PER_IMAGE / 2, sharp, negatives).tolist() == [0.5, 1.0]
    assert overtaken(sharp, sharp, negatives).tolist() == [0, 0]


def test_psnr_is_the_mean_over_negatives_in_decibels() -> None:
    sharp = torch.zeros_like(ONES)
    negatives = torch.stack([0.1 * ONES, 0.01 * ONES])
    assert negative_psnr(negatives, sharp).tolist() == pytest.approx([30, 30], abs=1e-4)
    assert negative_psnr(sharp[None], sharp).tolist() == pytest.approx([100, 100], abs=1e-4)


def test_gradient_energy_of_a_ramp() -> None:
    down, right = torch.meshgrid(torch.arange(4.0), torch.arange(6.0), indexing="ij")
    ramps = torch.stack([2 * down + 3 * right, 0 * down]).unsqueeze(1).expand(2, 3, 4, 6)
    assert gradient_energy(ramps).tolist() == [4 + 9, 0]
