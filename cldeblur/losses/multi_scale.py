"""The loss that MIMO-UNet is trained with (Cho et al., ICCV 2021, as its public code computes it)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class LossTerms(NamedTuple):
    """The terms of the loss for each image.

    Attributes:
        pixel: (N,), L1 over all scales.
        frequency: (N,), L1 between spectra over all scales, without its weight.
        total: (N,), the pixel term plus the weighted frequency term.
    """

    pixel: Tensor
    frequency: Tensor
    total: Tensor


class MultiScaleLoss(nn.Module):
    """L1 at every scale, plus a weighted L1 between spectra at every scale.

    Scales are summed. Targets are reduced from the sharp image bilinearly, without antialiasing. Spectra are
    two-sided and not normalised; real and imaginary parts count as numbers of their own, so that the frequency
    term grows with the image.

    Args:
        frequency_weight: weight of the term between spectra; 0 leaves it out.
    """

    def __init__(self, frequency_weight: float = 0.1) -> None:
        super().__init__()
        self.frequency_weight = frequency_weight

    def forward(self, outputs: tuple[Tensor, ...], sharp: Tensor) -> LossTerms:
        """The terms for each image, in float32 (float64 stays float64) whatever autocast says.

        Args:
            outputs: restored images (N,3,h,w), coarse to fine.
            sharp: (N,3,H,W) in [0, 1].
        """
        # Whatever is subtracted from float32 becomes float32.
        sharp = sharp if sharp.dtype == torch.float64 else sharp.float()
        with torch.autocast(sharp.device.type, enabled=False):
            pixel = frequency = sharp.new_zeros(len(sharp))
            for output in outputs:
                difference = output - _reduced(sharp, output)
                pixel = pixel + _mean(difference.abs())
                if self.frequency_weight:
                    spectrum = torch.view_as_real(torch.fft.fft2(difference))
                    frequency = frequency + _mean(spectrum.abs())
            return LossTerms(pixel, frequency, pixel + self.frequency_weight * frequency)


def _reduced(sharp: Tensor, output: Tensor) -> Tensor:
    """The sharp images at an output's size."""
    size = output.shape[-2:]
    if size == sharp.shape[-2:]:
        return sharp
    # By size, because a factor of 1/49 is rounded to no pixel at all; halves and quarters are the same either way.
    return functional.interpolate(sharp, size=size, mode="bilinear", align_corners=False)


def _mean(values: Tensor) -> Tensor:
    """The mean over each image: (N,)."""
    return values.flatten(1).mean(dim=1)
