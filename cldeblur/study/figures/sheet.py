"""A figure laid out in pixels, so that pictures stand on it as they are."""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

DPI = 100
POINTS = 9.0
TITLE_POINTS = 12.0
# Height of a line of words, pixels.
LINE = 18
# Its base line, from its upper edge, over its height.
BASE = 0.75


class Sheet:
    """A white sheet; places are pixels from its left and upper edges.

    Args:
        width: pixels.
        height: pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._height = height
        self._figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
        FigureCanvasAgg(self._figure)

    def write(
        self, left: float, top: float, words: str, centred: bool = False, size: float = POINTS, bold: bool = False
    ) -> None:
        """Write lines of text; `left` is their left end, or their middle."""
        for place, line in enumerate(words.splitlines()):
            # On a common base line, so that words side by side stand at one height whatever letters they have.
            base = top + (place + BASE) * LINE
            self._figure.text(
                left / self._width,
                1 - base / self._height,
                line,
                horizontalalignment="center" if centred else "left",
                fontsize=size,
                fontweight="bold" if bold else "normal",
            )

    def picture(self, left: int, top: int, pixels: NDArray[np.uint8], side: int) -> None:
        """Put a picture (H, W, 3) into a square: enlarged by whole pixels, or else resampled."""
        image = Image.fromarray(pixels)
        kind = Image.Resampling.NEAREST if side % image.width == 0 else Image.Resampling.LANCZOS
        shown = np.asarray(image.resize((side, side), kind))
        self._figure.figimage(shown, left, self._height - top - side, origin="upper")

    def axes(self, left: int, top: int, width: int, height: int) -> Axes:
        """Axes with this inner rectangle."""
        bottom = 1 - (top + height) / self._height
        return self._figure.add_axes((left / self._width, bottom, width / self._width, height / self._height))

    def png(self) -> bytes:
        """The sheet as the content of a PNG file."""
        file = io.BytesIO()
        self._figure.savefig(file, format="png")
        return file.getvalue()
