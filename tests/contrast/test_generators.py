"""Generators: each of them, whatever it makes negatives of."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cldeblur.contrast.diagnostics import negative_psnr
from cldeblur.contrast.levels.scale import gain, level_of_gain, matching_note
from cldeblur.contrast.negatives.blend import Blend
from cldeblur.contrast.negatives.blurred import Blurred
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.negatives.unsharp import Unsharp
from cldeblur.errors import Refused

LEVELS = (0.0, 0.2, 0.37, 0.9)
Images = tuple[Tensor, Tensor, Tensor]


def test_level_0_is_the_blurred_image(generator: Generator, images: Images) -> None:
    _, blurred, sharp = images
    negatives = generator(blurred, sharp, 0.0)
    assert torch.equal(negatives, blurred.expand_as(negatives))


@pytest.mark.parametrize("level", LEVELS)
def test_negatives_are_images_without_gradient(generator: Generator, images: Images, level: float) -> None:
    _, blurred, sharp = images
    negatives = generator(blurred.clone().requires_grad_(), sharp.clone().requires_grad_(), level)
    assert negatives.shape[1:] == blurred.shape
    assert negatives.dtype == blurred.dtype
    assert not negatives.requires_grad
    assert negatives.min() >= 0
    assert negatives.max() <= 1


@pytest.mark.parametrize("level", LEVELS)
def test_an_image_does_not_see_the_rest_of_its_batch(generator: Generator, images: Images, level: float) -> None:
    _, blurred, sharp = images
    together = generator(blurred, sharp, level)
    alone = torch.cat([generator(b[None], s[None], level) for b, s in zip(blurred, sharp, strict=True)], dim=1)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)


def test_it_says_truly_what_it_uses(generator: Generator, images: Images) -> None:
    _, blurred, sharp = images
    at_level = generator(blurred, sharp, 0.3)
    assert torch.equal(at_level, generator(blurred, 1 - sharp, 0.3)) == ("sharp" not in generator.uses)
    assert torch.equal(at_level, generator(blurred, sharp, 0.1)) == (not generator.uses_level)


@pytest.mark.parametrize("level", LEVELS[1:])
def test_matched_generators_have_the_gain_of_their_level(generator: Generator, images: Images, level: float) -> None:
    _, blurred, sharp = images
    gained = negative_psnr(generator(blurred, sharp, level), sharp) - negative_psnr(blurred[None], sharp)
    assert torch.allclose(gained, torch.full_like(gained, gain(level)), rtol=0, atol=1e-9) == generator.matched


@pytest.mark.parametrize("level", [-0.1, 1.0, float("nan")])
def test_levels_outside_the_scale_are_errors(generator: Generator, images: Images, level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        generator(*images[1:], level)


def test_unsharp_adds_detail_and_keeps_flat_images() -> None:
    flat = torch.full((1, 3, 16, 16), 0.4)
    torch.testing.assert_close(Unsharp()(flat, flat, 0.5)[0], flat)
    edge = torch.zeros(1, 3, 16, 16)
    edge[..., 8:] = 0.5
    made = Unsharp(sigma=1.0, amount=2.0)(edge, edge, 0.5)[0]
    assert made[..., 8].min() > 0.5, "an overshoot on the bright side"
    assert torch.equal(made[..., 7], torch.zeros(1, 3, 16)), "the undershoot is clamped"


@pytest.mark.parametrize(("key", "value"), [("sigma", 0.0), ("amount", -1.0)])
def test_unsharp_refuses_by_name(key: str, value: float) -> None:
    with pytest.raises(Refused, match=f"negatives.{key}"):
        Unsharp(**{key: value})


@given(st.floats(0, 40))
def test_gain_and_level_are_inverse(decibels: float) -> None:
    assert gain(level_of_gain(decibels)) == pytest.approx(decibels, abs=1e-9)


def test_half_is_six_decibels() -> None:
    assert gain(0.5) == pytest.approx(6.0206, abs=1e-4)


def test_what_cannot_be_matched_is_said() -> None:
    assert "Unsharp" in (matching_note(Unsharp(), "psnr") or "")
    assert matching_note(Unsharp(), "raw") is None
    assert matching_note(Blend(), "psnr") is None
    assert matching_note(Blurred(), "psnr") is None
