"""What a restored image is worth beside the sharp one: per-image metrics, each under its full name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from skimage.filters import gaussian
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

Image = NDArray[np.float64]

# scikit-image has no types of its own.
similarity: Callable[..., float] = structural_similarity
weighted_mean: Callable[..., Image] = gaussian

# dB; a perfect image must not make the mean over a test set infinite.
BEST_PSNR = 100.0
# The constants (0.01·L)² and (0.03·L)² of Wang et al. 2004 at the data range L = 1.
SSIM_LUMINANCE = 0.01**2
SSIM_CONTRAST = 0.03**2


@dataclass(frozen=True)
class Metric:
    """A number for one image: `metric(restored, sharp)`, both (3,H,W) in [0, 1]; larger is better.

    It is computed on the CPU in float64, whatever the tensors are. An image with NaN scores NaN.

    Attributes:
        compute: the number, from two float64 arrays of one shape (3,H,W).
        definition: what exactly is computed, in words.
        decimals: digits after the point that are worth printing.
        unit: "dB", or nothing.
    """

    compute: Callable[[Image, Image], float]
    definition: str
    decimals: int = 4
    unit: str = ""

    def __call__(self, restored: Tensor, sharp: Tensor) -> float:
        """The score of one restored image.

        Raises:
            ValueError: the images are not both (3,H,W) of one size, or too small for the metric's window.
        """
        if restored.shape != sharp.shape or restored.dim() != 3:
            raise ValueError(f"cannot compare images of shapes {tuple(restored.shape)} and {tuple(sharp.shape)}")
        return self.compute(_as_array(restored), _as_array(sharp))


def _as_array(image: Tensor) -> Image:
    """The image as a float64 array on the CPU."""
    array: Image = image.detach().cpu().double().numpy()
    return array


def _psnr(restored: Image, sharp: Image) -> float:
    """10·log10(1/MSE) in dB, the mean over all pixels and channels of one image, at most 100."""
    with np.errstate(divide="ignore"):
        found: np.float64 = cast(Any, peak_signal_noise_ratio)(sharp, restored, data_range=1.0)
    return float(np.minimum(found, BEST_PSNR))


def _ssim_skimage_gauss(restored: Image, sharp: Image) -> float:
    """SSIM as Wang et al. 2004 define it, per channel.

    BasicSR's `calculate_ssim` is the same number (equal to 1e-14 on its 8-bit images), so it has no
    name of its own here.
    """
    return float(
        similarity(
            restored,
            sharp,
            channel_axis=0,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def _ssim_skimage_default(restored: Image, sharp: Image) -> float:
    """SSIM as scikit-image computes it when nothing else is asked for; Uformer reports it."""
    return float(similarity(restored, sharp, channel_axis=0, data_range=1.0))


def _ssim_3d(restored: Image, sharp: Image) -> float:
    """SSIM of the three channels as one volume; NAFNet reports it, and MATLAB's `ssim` on an RGB array."""
    mean_restored, mean_sharp = _blur_volume(restored), _blur_volume(sharp)
    variances = _blur_volume(restored**2) - mean_restored**2 + _blur_volume(sharp**2) - mean_sharp**2
    covariance = _blur_volume(restored * sharp) - mean_restored * mean_sharp
    luminance = (2 * mean_restored * mean_sharp + SSIM_LUMINANCE) / (mean_restored**2 + mean_sharp**2 + SSIM_LUMINANCE)
    contrast = (2 * covariance + SSIM_CONTRAST) / (variances + SSIM_CONTRAST)
    return float(np.mean(luminance * contrast))


def _blur_volume(volume: Image) -> Image:
    """Weighted mean around every voxel: Gaussian of sigma 1.5, border values repeated outside."""
    # Cut off at 3.5 sigma the kernel has 11 taps; the library's default of 4 sigma would give it 13.
    return weighted_mean(volume, sigma=1.5, truncate=3.5, mode="nearest", preserve_range=True)


METRICS: dict[str, Metric] = {
    "psnr": Metric(
        _psnr,
        "10 log10(1/MSE), MSE over all pixels and channels of an image, at most 100 dB; data range 1",
        decimals=2,
        unit="dB",
    ),
    "ssim_skimage_gauss": Metric(
        _ssim_skimage_gauss,
        "Gaussian window 11x11, sigma 1.5, population covariance, valid area (5 pixels cut), "
        "mean of the channels; data range 1",
    ),
    "ssim_3d": Metric(
        _ssim_3d,
        "Gaussian window 11x11x11, sigma 1.5, over height, width and colour, borders repeated, nothing cut; "
        "data range 1",
    ),
    "ssim_skimage_default": Metric(
        _ssim_skimage_default,
        "uniform window 7x7, sample covariance, valid area (3 pixels cut), mean of the channels; data range 1",
    ),
}
