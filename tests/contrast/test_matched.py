"""What Reblur and Pyramid do to images that can be told by hand."""

import pytest
import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor

from cldeblur.contrast.negatives.blend import Blend
from cldeblur.contrast.negatives.matched import halved
from cldeblur.contrast.negatives.pyramid import Pyramid
from cldeblur.contrast.negatives.reblur import Reblur


@pytest.fixture(scope="module")
def sharp() -> Tensor:
    """Two images (2, 3, 64, 48), float64: coarse blocks."""
    blocks = torch.rand(2, 3, 16, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return torch.nn.functional.interpolate(blocks, scale_factor=4)


def gaussian(images: Tensor, sigmas: list[float]) -> Tensor:
    """Each image under a Gaussian of its own, by another implementation."""
    pairs = zip(images.split(1), sigmas, strict=True)
    return torch.cat([gaussian_blur2d(image, (31, 31), (sigma, sigma), "reflect") for image, sigma in pairs])


def test_halving_finds_each_place() -> None:
    places = torch.tensor([0.0, 0.3, 1.7, 2.0], dtype=torch.float64)
    torch.testing.assert_close(
        halved(lambda values: values < places, torch.full_like(places, 2.0)), places, atol=2e-4, rtol=0
    )


def test_the_gaussian_of_each_image_is_found(sharp: Tensor) -> None:
    state = Reblur().prepare(gaussian(sharp, [1.0, 3.0]), sharp)
    assert state.sigma.tolist() == pytest.approx([1.0, 3.0], rel=0.02)


def test_blur_is_taken_back_with_its_residual(sharp: Tensor) -> None:
    blurred = gaussian(sharp, [2.0, 4.0])
    found = Reblur()
    found.take_levels([], "raw")
    half = found(blurred, sharp, 0.5)[0]
    torch.testing.assert_close(half, gaussian(sharp, [1.0, 2.0]), rtol=0, atol=0.02)
    shifted = found((blurred + 0.1).clamp(0, 1), sharp, 0.5)[0]
    assert (shifted - half).mean() == pytest.approx(0.05, abs=0.01), "half of what no Gaussian explains"


def test_borders_are_mirrored(sharp: Tensor) -> None:
    flat = torch.full_like(sharp, 0.7)
    torch.testing.assert_close(Reblur()(flat, flat, 0.5)[0], flat)
    ramp = torch.linspace(0, 1, 48, dtype=torch.float64).expand_as(sharp)
    negative = Reblur()(gaussian(ramp, [4.0, 4.0]), ramp, 0.5)[0]
    assert (negative - ramp).abs().max() < 0.06, "a transform that wraps around would be off by half"


def test_one_band_is_a_blend(sharp: Tensor) -> None:
    found = Pyramid(bands=1)
    found.take_levels([], "raw")
    torch.testing.assert_close(found(1 - sharp, sharp, 0.3), Blend()(1 - sharp, sharp, 0.3))


@pytest.mark.parametrize(("order", "share"), [("coarse_first", 1.0), ("fine_first", 0.0)])
def test_bands_come_in_order(sharp: Tensor, order: str, share: float) -> None:
    found = Pyramid(bands=4, order=order)
    found.take_levels([], "raw")
    colour = sharp.mean((2, 3), keepdim=True).expand_as(sharp)
    torch.testing.assert_close(found(0 * colour, colour, 0.25)[0], share * colour)


def test_all_bands_are_the_sharp_image(sharp: Tensor) -> None:
    blurred = gaussian(sharp, [2.0, 2.0])
    state = Pyramid().prepare(blurred, sharp)
    torch.testing.assert_close(Pyramid().at(state, torch.ones(2, dtype=torch.float64)), sharp)
