"""Generators: each option of `conf/`, whatever it makes negatives of, in the middle of a training."""

import copy
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cldeblur.config.folder import options
from cldeblur.config.loading import read_option
from cldeblur.config.targets import build
from cldeblur.contrast.diagnostics import negative_psnr
from cldeblur.contrast.levels.scale import gain, matching_note
from cldeblur.contrast.negatives.bank import Bank
from cldeblur.contrast.negatives.blend import Blend
from cldeblur.contrast.negatives.blurred import Blurred
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.negatives.matched import MatchedGenerator
from cldeblur.contrast.negatives.pyramid import Pyramid
from cldeblur.contrast.negatives.reblur import Reblur
from cldeblur.contrast.negatives.snapshot import Snapshot
from cldeblur.contrast.negatives.unsharp import Unsharp
from cldeblur.errors import Refused

LADDER = [0.0, 0.1, 0.2, 0.37, 0.5]
LEVELS = (*LADDER, 0.9)
MATCHED = [Reblur, Pyramid, lambda: Pyramid(order="fine_first"), lambda: Pyramid(bands=1)]
Images = tuple[Tensor, Tensor, Tensor]


class Restoring(nn.Module):
    """A network of the kind that is trained: several outputs, sizes that must be multiples, its own weights."""

    multiple = 4

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1).double()
        random = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            parameter.data = 0.1 * torch.randn(parameter.shape, generator=random, dtype=torch.float64)
        self.dropout = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        assert not any(size % self.multiple for size in images.shape[-2:])
        restored = images + self.convolution(self.dropout(images))
        return restored[..., ::2, ::2], restored


def in_training(generator: Generator, match: str = "psnr") -> Generator:
    """A copy that has heard of the levels and of four stages, as in the middle of a training."""
    found = copy.deepcopy(generator)
    found.take_levels(LADDER, match)
    for stage in range(4):
        found.enter(stage, Restoring(stage))
    return found


@pytest.fixture(params=[option for option in options("negatives") if option != "none"])
def generator(request: pytest.FixtureRequest) -> Generator:
    return in_training(build("negatives", read_option("negatives", request.param)))


def gains(generator: Generator, blurred: Tensor, sharp: Tensor, level: float) -> Tensor:
    """Gain of each negative over the blurred image, dB (K, N)."""
    negatives = generator(blurred, sharp, level)
    return torch.stack([negative_psnr(own[None], sharp) for own in negatives]) - negative_psnr(blurred[None], sharp)


def gradient_energy(images: Tensor) -> Tensor:
    """Mean squared difference of neighbours, over all images."""
    return images.diff(dim=-1).square().mean() + images.diff(dim=-2).square().mean()


def test_level_0_is_the_blurred_image(generator: Generator, images: Images) -> None:
    _, blurred, sharp = images
    negatives = generator(blurred, sharp, 0.0)
    assert torch.equal(negatives, blurred.expand_as(negatives))


def test_from_level_0_on_there_is_no_jump(generator: Generator, images: Images) -> None:
    _, blurred, sharp = images
    if generator.uses_level:
        nearby = generator(blurred, sharp, 1e-6)[0]
        torch.testing.assert_close(nearby, blurred, rtol=0, atol=1e-3)


@pytest.mark.parametrize("level", LEVELS)
def test_negatives_are_images_without_gradient(generator: Generator, images: Images, level: float) -> None:
    _, blurred, sharp = images
    negatives = generator(blurred.clone().requires_grad_(), sharp.clone().requires_grad_(), level)
    assert negatives.shape == (generator.count, *blurred.shape)
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


def test_the_same_again_draws_nothing_and_ignores_autocast(generator: Generator, images: Images) -> None:
    blurred, sharp = images[1].float(), images[2].float()
    generator.float()
    before, once = torch.get_rng_state(), generator(blurred, sharp, 0.3)
    with torch.autocast("cpu", torch.bfloat16):
        again = generator(blurred, sharp, 0.3)
    assert torch.equal(once, again)
    assert again.dtype == torch.float32
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("height", "width"), [(23, 17), (9, 31), (7, 7)])
def test_any_size_will_do(generator: Generator, images: Images, height: int, width: int) -> None:
    blurred, sharp = (part.repeat(1, 1, 1, 2)[..., :height, :width] for part in images[1:])
    negatives = generator(blurred, sharp, 0.3)
    assert negatives.shape == (generator.count, 3, 3, height, width)
    assert negatives.isfinite().all()


def test_it_says_truly_what_it_uses(generator: Generator, images: Images) -> None:
    _, blurred, sharp = images
    at_level = generator(blurred, sharp, 0.3)
    assert torch.equal(at_level, generator(blurred, 1 - sharp, 0.3)) == ("sharp" not in generator.uses)
    assert torch.equal(at_level, generator(blurred, sharp, 0.1)) == (not generator.uses_level)
    generator.enter(4, Restoring(9))
    assert torch.equal(at_level, generator(blurred, sharp, 0.3)) == ("network" not in generator.uses)


@pytest.mark.parametrize("match", ["psnr", "raw"])
def test_what_it_claims_rises_with_the_level(
    generator: Generator, photographs: tuple[Tensor, Tensor], match: str
) -> None:
    blurred, sharp = (part[..., 64:160, 64:192].double() for part in photographs)
    for part in generator.makers:
        part.take_levels(LADDER, match)
        negatives = [part(blurred, sharp, level)[0] for level in LEVELS]
        psnr = [negative_psnr(found[None], sharp) for found in negatives]
        if part.claims == "psnr":
            assert all((lower < higher).all() for lower, higher in pairwise(psnr))
        elif part.claims == "gradient_energy":
            assert all(gradient_energy(lower) < gradient_energy(higher) for lower, higher in pairwise(negatives))
        else:
            assert not part.uses_level


@pytest.mark.parametrize("level", LEVELS[1:])
def test_matched_generators_have_the_gain_of_their_level(generator: Generator, images: Images, level: float) -> None:
    for part in generator.makers:
        gained = gains(part, *images[1:], level)
        assert torch.allclose(gained, torch.full_like(gained, gain(level)), rtol=0, atol=0.3) == part.matched


@settings(deadline=None)
@given(
    st.sampled_from(MATCHED),
    st.floats(0.001, 0.5),
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(4, 20), st.integers(4, 20)),
)
def test_the_gain_is_the_levels_for_any_two_images(
    make: Callable[[], Generator], level: float, seed: int, size: tuple[int, int]
) -> None:
    sharp, blurred = torch.rand(2, 2, 3, *size, generator=torch.Generator().manual_seed(seed))
    assert gains(make(), blurred, sharp, level).flatten().tolist() == pytest.approx([gain(level)] * 2, abs=0.05)


def test_without_blur_a_negative_is_the_image(generator: Generator, images: Images) -> None:
    sharp = images[2]
    for part in generator.makers:
        if part.claims == "psnr":
            torch.testing.assert_close(part(sharp, sharp, 0.5)[0], sharp, rtol=0, atol=1e-3)


@pytest.mark.parametrize("level", [-0.1, 1.0, float("nan")])
def test_levels_outside_the_scale_are_errors(generator: Generator, images: Images, level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        generator(*images[1:], level)


# Gains at raw levels 0.25, 0.5 and 0.75 in dB, as they were measured elsewhere on eight other photographs blurred
# to the same 25.6 dB; for `Reblur` those with the true kernel, not a Gaussian.
MEASURED = [
    (Unsharp(), (0.11, -0.66, -1.7), 0.8),
    (Blend(), (2.5, 6.02, 12.04), 0.01),
    (Reblur(), (1.56, 3.9, 8.2), 1.5),
    (Pyramid(), (0.33, 0.88, 2.78), 0.8),
    (Pyramid(order="fine_first"), (7.12, 11.26, 13.74), 1.5),
]


@pytest.mark.parametrize(("generator", "expected", "tolerance"), MEASURED)
def test_raw_levels_give_the_measured_curves(
    generator: Generator, expected: tuple[float, ...], tolerance: float, photographs: tuple[Tensor, Tensor]
) -> None:
    raw = in_training(generator, "raw")
    found = [gains(raw, *photographs, level).mean().item() for level in (0.25, 0.5, 0.75)]
    assert found == pytest.approx(expected, abs=tolerance)


def test_unsharp_adds_detail_and_keeps_flat_images() -> None:
    flat = torch.full((1, 3, 16, 16), 0.4)
    torch.testing.assert_close(Unsharp()(flat, flat, 0.5)[0], flat)
    edge = torch.zeros(1, 3, 16, 16)
    edge[..., 8:] = 0.5
    made = Unsharp(sigma=1.0, amount=2.0)(edge, edge, 0.5)[0]
    assert made[..., 8].min() > 0.5, "an overshoot on the bright side"
    assert torch.equal(made[..., 7], torch.zeros(1, 3, 16)), "the undershoot is clamped"


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        (Unsharp, "sigma", 0.0),
        (Unsharp, "amount", -1.0),
        (Pyramid, "bands", 0),
        (Pyramid, "bands", 2.5),
        (Pyramid, "order", "middle_first"),
    ],
)
def test_values_out_of_range_are_refused_by_name(kind: type, key: str, value: object) -> None:
    with pytest.raises(Refused, match=f"negatives.{key}"):
        kind(**{key: value})


def test_what_cannot_be_matched_is_said(generator: Generator) -> None:
    unmatched = {type(part).__name__ for part in generator.makers} & {"Unsharp", "Snapshot"}
    said = matching_note(generator, "psnr") or ""
    assert all(name in said for name in unmatched)
    assert bool(said) == bool(unmatched)
    assert matching_note(generator, "raw") is None
    both = matching_note(Bank([Unsharp(), Blurred(), Snapshot(), Unsharp(), Blend()]), "psnr") or ""
    assert both.count("no effect on") == 2


def test_what_is_matched_takes_levels_raw_when_told(generator: Generator, images: Images) -> None:
    _, blurred, sharp = images
    for part in generator.makers:
        matched = part(blurred, sharp, 0.3)
        part.take_levels(LADDER, "raw")
        assert torch.equal(part(blurred, sharp, 0.3), matched) != isinstance(part, MatchedGenerator)
