"""Metrics give the numbers of the public code, and say nothing better of a worse image."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage import data
from torch import Tensor

from cldeblur.evaluation.metrics import METRICS

Pair = tuple[NDArray[Any], NDArray[Any]]
Golden = Callable[[str], Any]

PARITY = [
    ("psnr", "psnr_uint8", 1e-9),
    ("psnr", "psnr_torchmetrics", 1e-5),
    ("ssim_skimage_gauss", "ssim_skimage_gaussian", 1e-9),
    ("ssim_skimage_gauss", "ssim_2d_basicsr", 1e-9),
    ("ssim_skimage_default", "ssim_skimage_default", 1e-9),
    ("ssim_3d", "ssim_3d_float64", 1e-9),
    ("ssim_3d", "ssim_3d_nafnet", 5e-5),
]


def formula() -> Pair:
    """The golden pair a_formula: unrounded prediction and sharp image (96,128,3) in [0, 255]."""
    i, j, c = np.ogrid[:96, :128, :3]
    waves = 127.5 + 80 * np.sin(0.11 * i + 0.07 * j + 1.3 * c) + 40 * np.sin(0.5 * i - 0.3 * j + c)
    sharp = np.rint(np.clip(waves, 0, 255))
    disturbed = sharp + 12 * np.sin(0.9 * i + 1.1 * j + 0.3 * c) + ((7 * i + 13 * j + 5 * c) % 11 - 5)
    return np.clip(disturbed, 0, 255), sharp


def astronaut() -> Pair:
    """The golden pair b_astronaut, (512,512,3) in [0, 255]."""
    load: Callable[[], NDArray[Any]] = data.astronaut  # scikit-image has no types
    sharp = load()
    return 255 * gaussian_filter(sharp / 255.0, (2, 2, 0)), sharp


PAIRS = {"a_formula": formula, "b_astronaut": astronaut}


def tensor(image: NDArray[Any]) -> Tensor:
    """(H,W,3) in [0, 255] as float64 (3,H,W) in [0, 1]."""
    return torch.from_numpy(np.asarray(image, dtype=np.float64) / 255).permute(2, 0, 1)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_the_golden_ones(name: str, golden: Golden) -> None:
    restored, sharp = PAIRS[name]()
    expected = golden("metrics_values")["images"][name]
    for key, image in (("pred", np.rint(restored)), ("gt", sharp)):
        assert hashlib.sha256(image.astype(np.uint8).tobytes()).hexdigest() == expected[f"sha256_{key}"]


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize(("metric", "source", "tolerance"), PARITY)
def test_parity_on_8_bit_images(name: str, metric: str, source: str, tolerance: float, golden: Golden) -> None:
    restored, sharp = PAIRS[name]()
    expected = golden("metrics_values")["values"][name][source]["value"]
    assert METRICS[metric](tensor(np.rint(restored)), tensor(sharp)) == pytest.approx(expected, rel=0, abs=tolerance)


@pytest.mark.parametrize("name", PAIRS)
def test_parity_of_psnr_without_rounding(name: str, golden: Golden) -> None:
    restored, sharp = (tensor(image) for image in PAIRS[name]())
    values = golden("metrics_values")["values"][name]
    exact = values["psnr_unrounded_float64"]["value"]
    published = values["psnr_mimo_eval_unrounded_float32"]["value"]
    assert METRICS["psnr"](restored, sharp) == pytest.approx(exact, rel=0, abs=1e-9)
    assert METRICS["psnr"](restored.float(), sharp.float()) == pytest.approx(published, rel=0, abs=1e-5)


@pytest.mark.parametrize("metric", METRICS)
def test_a_perfect_image_scores_best_and_finite(metric: str) -> None:
    image = torch.rand(3, 16, 20, generator=torch.Generator().manual_seed(1))
    best = {"psnr": 100.0}.get(metric, 1.0)
    assert METRICS[metric](image, image) == pytest.approx(best, abs=1e-12)
    assert METRICS[metric](image * 0.9, image) < best


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), noise=st.floats(0.01, 0.2))
def test_more_noise_never_scores_better_and_order_does_not_matter(seed: int, noise: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    sharp = 0.3 + 0.4 * torch.rand(3, 14, 17, generator=generator)
    disturbance = noise * torch.randn(3, 14, 17, generator=generator)
    for metric in METRICS.values():
        little, much = metric(sharp + disturbance, sharp), metric(sharp + 2 * disturbance, sharp)
        assert much < little
        assert metric(sharp, sharp + disturbance) == pytest.approx(little, abs=1e-9)


@pytest.mark.parametrize("metric", METRICS)
def test_nan_is_not_hidden(metric: str) -> None:
    sharp = torch.rand(3, 16, 16)
    restored = sharp.clone()
    restored[1, 7, 7] = torch.nan
    assert np.isnan(METRICS[metric](restored, sharp))


@pytest.mark.parametrize("shapes", [((3, 16, 16), (3, 16, 1)), ((1, 3, 16, 16), (1, 3, 16, 16))])
def test_shapes_that_would_only_broadcast_are_an_error(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="cannot compare"):
        METRICS["psnr"](torch.zeros(shapes[0]), torch.zeros(shapes[1]))
