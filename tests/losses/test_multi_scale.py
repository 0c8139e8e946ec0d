"""The loss is the public code's, for each image, and stays exact under autocast."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch import Tensor

from cldeblur.losses.multi_scale import LossTerms, MultiScaleLoss

Golden = Callable[[str], Any]

CASES = {"1x3x64x64": (1, 3, 64, 64), "2x3x32x48": (2, 3, 32, 48)}
SCALES = ("quarter", "half", "full")
NEAR_MISSES = (
    "fft: mean of complex modulus |D| (DeepRFT fftLoss form)",
    "fft: one-sided rfft2, re/im stacked",
    "fft: ortho-normalised, re/im stacked",
    "fft: |re|+|im| not halved",
    "content: quarter target by 4x4 area mean",
    "content: quarter target by bilinear applied twice (2x2 mean of 2x2 mean)",
    "content: targets by nearest",
    "content: targets by bilinear align_corners=True",
)
OPTIONS = sorted((Path(__file__).resolve().parents[2] / "conf" / "loss").glob("*.yaml"))

every_case = pytest.mark.parametrize("case", CASES)


def grid(shape: tuple[int, ...]) -> tuple[Tensor, ...]:
    """Batch, channel, row and column of every place, float64."""
    return tuple(torch.from_numpy(axis).double() for axis in np.ogrid[tuple(slice(size) for size in shape)])


def sharp_images(case: str) -> Tensor:
    """The golden target."""
    b, c, i, j = grid(CASES[case])
    wave = 0.35 * torch.sin(0.11 * i + 0.07 * j + 1.3 * c + 0.5 * b)
    return 0.5 + wave + 0.15 * torch.sin(0.71 * i - 0.53 * j + 0.4 * c)


def predictions(case: str) -> dict[str, Tensor]:
    """The golden predictions, coarse to fine."""
    found = {}
    for scale, name in enumerate(SCALES):
        count, channels, height, width = CASES[case]
        b, c, i, j = grid((count, channels, height * 2**scale // 4, width * 2**scale // 4))
        found[name] = 0.5 + 0.45 * torch.sin(0.23 * i + 0.31 * j + 0.7 * c + 0.2 * b + 0.4 * scale)
    return found


def golden_terms(case: str, dtype: torch.dtype = torch.float64) -> LossTerms:
    """The terms of a golden case."""
    outputs = tuple(output.to(dtype) for output in predictions(case).values())
    terms = MultiScaleLoss()(outputs, sharp_images(case).to(dtype))
    assert isinstance(terms, LossTerms)
    return terms


def random_images(shape: tuple[int, ...], seed: int) -> Tensor:
    """Random images in [0, 1], float64."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pyramid(sharp: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The targets by their definition: means of the inner 2x2 of 4x4 blocks, means of 2x2 blocks, the images."""
    rows, columns = (sharp.shape[2] // 4, 4), (sharp.shape[3] // 4, 4)
    inner = sharp.reshape(*sharp.shape[:2], *rows, *columns)[..., 1:3, :, 1:3].mean(dim=(3, 5))
    half = (sharp[..., ::2, ::2] + sharp[..., 1::2, ::2] + sharp[..., ::2, 1::2] + sharp[..., 1::2, 1::2]) / 4
    return inner, half, sharp


@every_case
def test_batch_means_are_the_golden_terms(case: str, golden: Golden) -> None:
    expected = golden("mimo_loss_values")["cases"][case]
    terms = golden_terms(case)
    assert terms.pixel.mean().item() == pytest.approx(expected["content_sum"], rel=1e-10)
    assert terms.frequency.mean().item() == pytest.approx(expected["fft_sum"], rel=1e-10)
    assert terms.total.mean().item() == pytest.approx(expected["total_content_plus_0p1_fft"], rel=1e-10)


@every_case
@pytest.mark.parametrize("scale", SCALES)
def test_each_scale_alone_is_the_golden_one(case: str, scale: str, golden: Golden) -> None:
    expected = golden("mimo_loss_values")["cases"][case]
    terms = MultiScaleLoss()((predictions(case)[scale],), sharp_images(case))
    assert terms.pixel.mean().item() == pytest.approx(expected["content_l1"][scale], rel=1e-10)
    assert terms.frequency.mean().item() == pytest.approx(expected["fft_l1"][scale], rel=1e-10)


@every_case
def test_float32_is_the_golden_float32(case: str, golden: Golden) -> None:
    expected = golden("mimo_loss_values")["cases"][case]["float32"]
    terms = golden_terms(case, torch.float32)
    assert {term.dtype for term in terms} == {torch.float32}
    assert terms.pixel.mean().item() == pytest.approx(sum(expected["content"].values()), rel=1e-6)
    assert terms.frequency.mean().item() == pytest.approx(sum(expected["fft"].values()), rel=1e-6)
    assert terms.total.mean().item() == pytest.approx(expected["total"], rel=1e-6)


@every_case
@pytest.mark.parametrize("variant", NEAR_MISSES)
def test_near_misses_are_not_reproduced(case: str, variant: str, golden: Golden) -> None:
    values = golden("mimo_loss_values")["cases"][case]["not_the_reference_wrong_or_other_variants"]
    assert set(values) == set(NEAR_MISSES)
    for scale, wrong in values[variant].items():
        terms = MultiScaleLoss()((predictions(case)[scale],), sharp_images(case))
        ours = terms.frequency if variant.startswith("fft") else terms.pixel
        assert ours.mean().item() != pytest.approx(wrong, rel=1e-3)


@every_case
def test_gradients_are_the_golden_ones(case: str, golden: Golden) -> None:
    expected = golden("mimo_loss_values")["cases"][case]["grad_wrt_predictions"]
    outputs = {scale: output.requires_grad_() for scale, output in predictions(case).items()}
    MultiScaleLoss()(tuple(outputs.values()), sharp_images(case)).total.mean().backward()
    for scale, output in outputs.items():
        gradient, summary = output.grad, expected[scale]
        assert gradient is not None
        largest = max(abs(summary["min"]), abs(summary["max"]))
        ours = [*gradient.flatten()[torch.tensor(summary["flat_index"])].tolist(), gradient.min(), gradient.max()]
        wanted = [*summary["values"], summary["min"], summary["max"]]
        assert ours == pytest.approx(wanted, abs=1e-10 * largest, rel=0)
        assert gradient.abs().sum().item() == pytest.approx(summary["abs_sum"], rel=1e-10)


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(1, 4),
    rows=st.integers(1, 6),
    columns=st.integers(1, 6),
    weight=st.floats(0, 2),
    seed=st.integers(0, 999),
)
def test_terms_of_an_image_do_not_know_the_others(
    count: int, rows: int, columns: int, weight: float, seed: int
) -> None:
    loss = MultiScaleLoss(weight)
    sharp = random_images((count, 3, 4 * rows, 4 * columns), seed)
    outputs = tuple(random_images(tuple(target.shape), seed + 1) for target in pyramid(sharp))
    together = loss(outputs, sharp)
    for place in range(count):
        alone = loss(tuple(output[place : place + 1] for output in outputs), sharp[place : place + 1])
        for all_images, one in zip(together, alone, strict=True):
            assert all_images.shape == (count,)
            torch.testing.assert_close(all_images[place : place + 1], one, rtol=1e-12, atol=0)
    torch.testing.assert_close(together.total, together.pixel + weight * together.frequency, rtol=1e-12, atol=0)


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(1, 6), columns=st.integers(1, 6), offset=st.floats(-0.5, 0.5), seed=st.integers(0, 999))
def test_pixel_term_measures_from_the_defined_targets(rows: int, columns: int, offset: float, seed: int) -> None:
    sharp = random_images((2, 3, 4 * rows, 4 * columns), seed)
    terms = MultiScaleLoss()(tuple(target + offset for target in pyramid(sharp)), sharp)
    expected = torch.full((2,), 3 * abs(offset), dtype=torch.float64)
    torch.testing.assert_close(terms.pixel, expected, rtol=0, atol=1e-12)
    # A constant has one frequency, H*W times as large, and is averaged over 2*H*W numbers.
    torch.testing.assert_close(terms.frequency, expected / 2, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("full", "reduced"), [(49, 1), (98, 2), (22, 15), (21, 7)])
def test_any_ratio_of_sizes_will_do(full: int, reduced: int) -> None:
    sharp = torch.full((2, 3, full, full), 0.75)
    terms = MultiScaleLoss(0)((torch.full((2, 3, reduced, reduced), 0.5), sharp), sharp)
    torch.testing.assert_close(terms.pixel, torch.full((2,), 0.25))


def test_weight_zero_computes_no_spectrum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.fft, "fft2", None)
    case = "2x3x32x48"
    terms = MultiScaleLoss(frequency_weight=0)(tuple(predictions(case).values()), sharp_images(case))
    assert torch.equal(terms.frequency, torch.zeros(2, dtype=torch.float64))
    assert torch.equal(terms.total, terms.pixel)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    case = "2x3x32x48"
    outputs = tuple(output.to(dtype).requires_grad_() for output in predictions(case).values())
    sharp = sharp_images(case).float()
    exact = MultiScaleLoss()(tuple(output.detach().float() for output in outputs), sharp)
    with torch.autocast("cpu", torch.bfloat16):
        terms = MultiScaleLoss()(outputs, sharp)
        convolved = torch.nn.functional.conv2d(sharp, torch.ones(1, 3, 1, 1))
    assert convolved.dtype == torch.bfloat16, "autocast goes on after the loss"
    for ours, wanted in zip(terms, exact, strict=True):
        assert ours.dtype == torch.float32
        assert torch.equal(ours, wanted)
    terms.total.mean().backward()
    for output in outputs:
        assert output.grad is not None
        assert output.grad.dtype == dtype
        assert output.grad.isfinite().all()
        assert output.grad.any()


def test_spectra_are_computed_outside_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    transform: Callable[[Tensor], Tensor] = torch.fft.fft2
    seen: list[tuple[torch.dtype, bool]] = []

    def watched(images: Tensor) -> Tensor:
        seen.append((images.dtype, torch.is_autocast_enabled("cpu")))
        return transform(images)

    monkeypatch.setattr(torch.fft, "fft2", watched)
    case = "2x3x32x48"
    with torch.autocast("cpu", torch.bfloat16):
        MultiScaleLoss()(tuple(output.bfloat16() for output in predictions(case).values()), sharp_images(case).float())
    assert seen == [(torch.float32, False)] * 3


def test_sharp_images_of_half_precision_are_reduced_in_float32() -> None:
    case = "2x3x32x48"
    outputs = tuple(output.float() for output in predictions(case).values())
    coarse = sharp_images(case).bfloat16()
    ours, wanted = MultiScaleLoss(0)(outputs, coarse), MultiScaleLoss(0)(outputs, coarse.float())
    assert all(term.dtype == torch.float32 for term in ours)
    assert torch.equal(ours.total, wanted.total)


@pytest.mark.parametrize("path", OPTIONS, ids=lambda path: path.stem)
def test_every_option_can_be_built_and_gives_a_value_an_image(path: Path) -> None:
    loss = instantiate(OmegaConf.load(path))
    sharp = random_images((2, 3, 8, 12), 0)
    terms = loss(tuple(torch.zeros_like(target) for target in pyramid(sharp)), sharp)
    assert isinstance(terms, LossTerms)
    assert all(term.shape == (2,) and (term > 0).all() for term in terms)


def test_default_option_is_what_the_paper_trains_with() -> None:
    (path,) = [path for path in OPTIONS if path.stem == "mimo_unet"]
    assert instantiate(OmegaConf.load(path)).frequency_weight == 0.1
