"""Distances between features, and what a mask of blurred pixels leaves of them."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cldeblur.contrast.mask import blurred_pixels, shares
from cldeblur.contrast.objectives.distances import DISTANCES

SHAPE = (3, 4, 6, 5)
NAMES = st.sampled_from(sorted(DISTANCES))
SEEDS = st.integers(0, 999)


def features(seed: int) -> Tensor:
    """(3, 4, 6, 5), float64, in [0, 1]."""
    return torch.rand(*SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def counted(seed: int) -> Tensor:
    """How much each position counts, (3, 1, 6, 5)."""
    mask = features(seed)[:, :1]
    return mask / mask.sum((1, 2, 3), keepdim=True)


PLAIN: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": lambda first, second: (first - second).abs().mean(1),
    "l2": lambda first, second: (first - second).square().mean(1),
    "cosine": lambda first, second: 1 - torch.cosine_similarity(first, second, dim=1),
}


def plainly(name: str, first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
    """A distance by its definition, (3,)."""
    total = (PLAIN[name](first, second) * weights[:, 0]).sum((1, 2))
    return total.sqrt() if name == "l2" else total


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", DISTANCES)
def test_values_and_gradients(name: str, masked: bool) -> None:
    first, second, weights = features(0).requires_grad_(), features(1), counted(2)
    if not masked:
        weights = torch.full_like(weights, 1 / 30)
    found = DISTANCES[name](first, second, weights if masked else None)
    expected = plainly(name, first, second, weights)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    chosen = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    gradients = [torch.autograd.grad((chosen * part).sum(), first)[0] for part in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-7)


@given(NAMES, SEEDS, SEEDS)
def test_a_distance_is_symmetric_and_0_between_equals(name: str, one: int, other: int) -> None:
    distance, first, second = DISTANCES[name], features(one), features(other)
    found = distance(first, second, None)
    assert (found >= 0).all()
    assert (found > 0).all() == (one != other)
    torch.testing.assert_close(found, distance(second, first, None))
    again = first.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(distance(again, first, None).sum(), again)
    assert gradient.abs().max() == 0


@given(NAMES, SEEDS, st.floats(0.01, 1000))
def test_what_a_scale_changes(name: str, seed: int, scale: float) -> None:
    first, second = features(seed), features(seed + 1)
    grown = DISTANCES[name](scale * first, scale * second, None)
    expected = DISTANCES[name](first, second, None) * (1 if name == "cosine" else scale)
    torch.testing.assert_close(grown, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", DISTANCES)
def test_where_a_mask_is_0_nothing_counts(name: str) -> None:
    first, second = features(0), features(1)
    half = torch.zeros(3, 1, 6, 5, dtype=torch.float64)
    half[..., :3, :] = 1 / 15
    changed = torch.cat([first[..., :3, :], 7 * first[..., 3:, :]], dim=2).requires_grad_()
    found = DISTANCES[name](changed, second, half)
    torch.testing.assert_close(found, DISTANCES[name](first, second, half))
    (gradient,) = torch.autograd.grad(found.sum(), changed)
    assert gradient[..., 3:, :].abs().max() == 0
    assert gradient[..., :3, :].abs().max() > 0
    empty = DISTANCES[name](changed, second, torch.zeros_like(half))
    assert torch.equal(empty, torch.zeros(3, dtype=torch.float64)), "an image without a blurred pixel"


def test_the_mask_is_stripformers() -> None:
    sharp = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    blurred = sharp.clone()
    # Their mean over R, G and B is 0.012 and 0.009.
    blurred[0, :2, 2:4, 4:6] += 0.018
    blurred[0, :, 6:, 6:] -= 0.009
    mask = blurred_pixels(blurred, sharp)
    expected = torch.zeros(2, 1, 8, 8)
    expected[0, 0, 2:4, 4:6] = 1
    assert torch.equal(mask, expected)
    parts = shares(mask, torch.Size((4, 4)))
    assert torch.equal(parts[0, 0] > 0, expected[0, 0, ::2, ::2] > 0)
    assert parts.sum((1, 2, 3)).tolist() == [1, 0]


@given(st.integers(0, 999), st.sampled_from([(16, 16), (8, 8), (4, 4), (5, 3), (1, 1)]))
def test_shares_are_of_one_image(seed: int, size: tuple[int, int]) -> None:
    mask = (torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(seed)) > 0.9).double()
    found = shares(mask, torch.Size(size))
    assert found.shape == (3, 1, *size)
    assert (found >= 0).all()
    sums = found.sum((1, 2, 3))
    torch.testing.assert_close(sums, (sums > 0).double())
    torch.testing.assert_close(shares(mask[1:2], torch.Size(size)), found[1:2])
