"""Synthetic camera shake: a path of the camera, its kernel, and what it does to a picture."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cldeblur.data.images import Floats
from cldeblur.errors import Refused

# Points a pixel of the path: the drawn line is then without gaps.
_POINTS_PER_PIXEL = 4
_FEWEST_POINTS = 64


class CameraShake:
    """Blur as a hand-held camera makes it during one exposure.

    The camera moves at a constant speed along a path whose direction starts at a random angle and
    wanders (Brownian motion of the direction). A small range of angles with little bend is a
    panning hand; all angles with much bend is free shake. The light is summed linearly.

    Args:
        length: Smallest and largest length of the path, pixels.
        angle: Smallest and largest angle at which it starts, degrees; 0 is to the right, 90 up.
        bend: Standard deviation, over the exposure, of the turn of the direction, degrees.
        noise: Standard deviation of the Gaussian noise added to the blurred picture (white is 1).
        gamma: Exponent between stored values and light; 2.2 is near sRGB, 1 is no difference.

    Raises:
        Refused: A range is not two numbers in order, or a number makes no sense.
    """

    def __init__(
        self, length: Sequence[float], angle: Sequence[float], bend: float, noise: float, gamma: float
    ) -> None:
        self.length = _range("length", length)
        self.angle = _range("angle", angle)
        self.bend = _at_least_zero("bend", bend)
        self.noise = _at_least_zero("noise", noise)
        self.gamma = _at_least_zero("gamma", gamma)
        _at_least_zero("length", self.length[0])
        if gamma == 0:
            raise Refused("data.source.blur.gamma is 0; it must be positive")

    def describe(self) -> dict[str, Any]:
        """Say all parameters in plain values, for the record."""
        path = {"length": list(self.length), "angle": list(self.angle), "bend": self.bend}
        return {"kernel": path, "noise": self.noise, "gamma": self.gamma}

    def kernel(self, random: np.random.Generator) -> Floats:
        """Draw a path and splat it bilinearly.

        Returns:
            (2m+1, 2m+1), sums to 1; its centroid is the central pixel, so that pictures stay put.
        """
        points = self._path(random)
        margin = int(np.ceil(np.abs(points).max()))
        # One row and column more than needed, for the empty shares of points on the last pixel.
        kernel = np.zeros((2 * margin + 2, 2 * margin + 2))
        corner = np.floor(points).astype(int)
        rest = points - corner
        for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
            share = np.abs(1 - down - rest[:, 0]) * np.abs(1 - right - rest[:, 1])
            np.add.at(kernel, (corner[:, 0] + margin + down, corner[:, 1] + margin + right), share)
        return (kernel[:-1, :-1] / len(points)).astype(np.float32)

    def blur(self, surround: Floats, kernel: Floats, random: np.random.Generator) -> Floats:
        """Convolve a picture with a kernel in linear light and add noise.

        Args:
            surround: (h+2m, w+2m, 3) in [0, 1]: the part to blur, with a margin of m pixels around.
            kernel: (2m+1, 2m+1), from `kernel`.
            random: Draws the noise.

        Returns:
            (h,w,3) float32 in [0, 1]. Each pixel is the same whatever is cut around it, but for
            the noise.
        """
        extent = len(kernel) - 1
        height, width = surround.shape[0] - extent, surround.shape[1] - extent
        light = surround**self.gamma
        blurred = np.zeros((height, width, 3), dtype=np.float32)
        # A path covers few pixels of its square: adding those up beats a dense or Fourier convolution.
        for row, column in np.argwhere(kernel):
            top, left = extent - row, extent - column
            blurred += kernel[row, column] * light[top : top + height, left : left + width]
        stored = np.clip(blurred, 0, 1) ** (1 / self.gamma)
        if self.noise:
            stored += self.noise * random.standard_normal(stored.shape, dtype=np.float32)
        return np.clip(stored, 0, 1)

    def _path(self, random: np.random.Generator) -> NDArray[np.float64]:
        """Draw the camera's path: (points, 2) as (down, right) in pixels, its centroid at 0."""
        length = random.uniform(*self.length)
        start = np.radians(random.uniform(*self.angle))
        steps = max(_FEWEST_POINTS, int(np.ceil(_POINTS_PER_PIXEL * length)))
        turns = random.standard_normal(steps) * np.radians(self.bend) / np.sqrt(steps)
        heading = start + np.cumsum(turns)
        points = np.cumsum(np.stack([-np.sin(heading), np.cos(heading)], axis=1), axis=0) * (length / steps)
        centred: NDArray[np.float64] = points - points.mean(axis=0)
        return centred


def _range(name: str, values: Sequence[float]) -> tuple[float, float]:
    """Check that a parameter is two numbers in order."""
    numbers = [float(value) for value in values]
    if len(numbers) != 2 or numbers[0] > numbers[1]:
        raise Refused(f"data.source.blur.{name} is {numbers}; it must be the smallest and the largest value")
    return numbers[0], numbers[1]


def _at_least_zero(name: str, value: float) -> float:
    """Check that a parameter is not negative."""
    if value < 0:
        raise Refused(f"data.source.blur.{name} is {value}; it must not be negative")
    return float(value)
