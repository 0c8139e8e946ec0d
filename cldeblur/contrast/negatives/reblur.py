"""The sharp image blurred anew, and less, as the negative."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from cldeblur.contrast.negatives.matched import MatchedGenerator, halved

# No image of a data set is blurred over more than this share of its longer side.
LARGEST_SHARE = 1 / 8


class Spectra(NamedTuple):
    """A batch in the frequencies of the cosine transform.

    Attributes:
        sharp: (N, 3, H, W).
        residual: (N, 3, H, W), what the fitted Gaussian does not explain of the blurred images.
        squared: (H, W), the squared frequencies, radians a pixel.
        sigma: (N,), standard deviation of the fitted Gaussian, pixels.
    """

    sharp: Tensor
    residual: Tensor
    squared: Tensor
    sigma: Tensor


class Reblur(MatchedGenerator[Spectra]):
    """N = G((1 - amount) sigma) S + (1 - amount) (B - G(sigma) S); K = 1.

    G(sigma) is the Gaussian blur that brings S nearest to B, by PSNR and for each image by itself; the residual
    makes amount 0 exactly B, however badly the Gaussian fits. Borders are mirrored. It works on the pixel
    values as they are: the blurred images that GoPro is commonly trained on are means of frames in that
    very scale.
    """

    def prepare(self, blurred: Tensor, sharp: Tensor, /) -> Spectra:
        """Fit the Gaussian of each image."""
        sharp, blurred = _transformed(sharp), _transformed(blurred)
        squared = _squared_frequencies(sharp)
        sigma = _fitted(blurred, sharp, squared)
        return Spectra(sharp, blurred - _gaussian(sigma, squared) * sharp, squared, sigma)

    def at(self, state: Spectra, amounts: Tensor, /) -> Tensor:
        """Sharp images under the rest of their blur, and the rest of their residual."""
        rest = 1 - amounts
        kept = _gaussian(rest * state.sigma, state.squared) * state.sharp
        return _restored(kept + rest.view(-1, 1, 1, 1) * state.residual)


def _fitted(blurred: Tensor, sharp: Tensor, squared: Tensor) -> Tensor:
    """Sigma (N,) of the Gaussian for which the blurred sharp image has the least squared error to the blurred."""
    # The transform keeps sums of squares, so that no image need be made; channels share their Gaussian.
    own, both = (sharp * sharp).sum(1), (sharp * blurred).sum(1)

    def is_too_sharp(sigma: Tensor) -> Tensor:
        gaussian = _gaussian(sigma, squared)[:, 0]
        # Minus the slope of the error over sigma, but for a factor above 0.
        return (squared * gaussian * (gaussian * own - both)).sum((1, 2)) > 0

    return halved(is_too_sharp, sharp.new_full((len(sharp),), LARGEST_SHARE * max(sharp.shape[-2:])))


def _gaussian(sigma: Tensor, squared: Tensor) -> Tensor:
    """Factors (N, 1, H, W) of the frequencies under Gaussians of standard deviations (N,)."""
    return (-0.5 * sigma.square().view(-1, 1, 1, 1) * squared).exp()


def _squared_frequencies(images: Tensor) -> Tensor:
    """Squared frequencies (H, W) of the cosine transform of images (N, 3, H, W)."""
    down, right = (math.pi / size * torch.arange(size).to(images) for size in images.shape[-2:])
    return down.square()[:, None] + right.square()


def _transformed(images: Tensor) -> Tensor:
    """The orthonormal cosine transform (DCT-II) of images (N, 3, H, W) over height and width."""
    height, width = (_cosines(size).to(images) for size in images.shape[-2:])
    return height @ images @ width.T


def _restored(spectra: Tensor) -> Tensor:
    """The inverse of `_transformed`."""
    height, width = (_cosines(size).to(spectra) for size in spectra.shape[-2:])
    return height.T @ spectra @ width


def _cosines(size: int) -> Tensor:
    """The transform of a line as a matrix (size, size), float64: one frequency a row."""
    places = torch.arange(size, dtype=torch.float64)
    cosines = (math.pi / size * places[:, None] * (places + 0.5)).cos() * math.sqrt(2 / size)
    cosines[0] /= math.sqrt(2)
    return cosines
