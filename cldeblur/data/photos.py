"""Sharp photographs with synthetic blur: pairs for those who have none."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cldeblur.data.batch import Item, Window
from cldeblur.data.files import conversions, image_files, parent
from cldeblur.data.images import Pixels, as_float, read_header, read_image
from cldeblur.data.randomness import Stream, generator
from cldeblur.data.source import Pair, Source, cut
from cldeblur.data.synthesis import CameraShake
from cldeblur.data.validation import hold_out
from cldeblur.errors import Refused

# Photographs in scikit-image's wheel; astronaut and rocket are in the public domain, the others CC0.
_SHIPPED = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
# Decoding costs more than cutting and blurring; small sets are therefore kept, large ones are not.
_KEPT_BYTES = 64 * 2**20


class Photos(Source):
    """Photographs, each blurred anew whenever it is read; no test split.

    Args:
        root: A folder of sharp photographs, sub-folders included; None takes the four that
            scikit-image brings along.
        validation: Sub-folders or image stems to hold out; empty takes a tenth, at least one.
        blur: Makes the blur; its numbers follow from the key given to `read`.
    """

    def __init__(self, root: str | Path | None, validation: Sequence[str], blur: CameraShake) -> None:
        super().__init__(_shipped_folder() if root is None else root, validation)
        self.blur = blur
        self.synthetic = blur.describe()
        self._shipped = root is None
        self._kept: dict[Path, Pixels] = {}

    def training_items(self) -> list[Item]:
        """List the photographs."""
        if self._shipped:
            files = {Path(name).stem: self.root / name for name in _SHIPPED}
        else:
            files = image_files(self.root, self.notes)
        headers = {path: read_header(path) for path in files.values()}
        self.notes += conversions(headers)
        return [
            Item(name, parent(name), None, path, headers[path].height, headers[path].width)
            for name, path in files.items()
        ]

    def test_items(self) -> list[Item]:
        """List nothing."""
        return []

    def held_out(self, items: list[Item]) -> set[str]:
        """Take what `validation` names, or a tenth."""
        return hold_out(items, self.validation, self.notes)

    def read(self, item: Item, window: Window | None, key: tuple[int, ...]) -> Pair:
        """Cut a window and its surroundings, and blur it; see `Source.read`.

        A window of the picture is blurred like that part of the whole picture under the same key;
        only the noise differs. Beyond its border the picture is mirrored.
        """
        picture = self._picture(item.sharp)
        part = window or Window(0, 0, *picture.shape[:2])
        kernel = self.blur.kernel(generator(*key, Stream.SHAKE))
        margin = len(kernel) // 2
        rows = _mirrored(part.top - margin, part.top + part.height + margin, picture.shape[0])
        columns = _mirrored(part.left - margin, part.left + part.width + margin, picture.shape[1])
        surround = as_float(picture[rows[:, None], columns])
        blurred = self.blur.blur(surround, kernel, generator(*key, Stream.NOISE))
        return blurred, as_float(cut(picture, part))

    def _picture(self, path: Path) -> Pixels:
        """Decode a photograph, or give it as kept from before."""
        if path in self._kept:
            return self._kept[path]
        picture = read_image(path)
        if picture.nbytes + sum(kept.nbytes for kept in self._kept.values()) <= _KEPT_BYTES:
            self._kept[path] = picture
        return picture


def _mirrored(start: int, stop: int, size: int) -> NDArray[np.intp]:
    """Give the positions start to stop, those beyond 0 and size - 1 mirrored without repeating the edge."""
    period = max(1, 2 * (size - 1))
    positions = np.arange(start, stop) % period
    return np.minimum(positions, period - positions) if size > 1 else np.zeros_like(positions)


def _shipped_folder() -> Path:
    """Find scikit-image's pictures without importing it, which would take a second."""
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise Refused("data.root is null, but scikit-image and its photographs are not installed")
    return Path(spec.origin).parent / "data"
