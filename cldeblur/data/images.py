"""Reading image files: what a header promises, and the pixels."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from cldeblur.errors import Refused

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8] | Floats

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
_PNG_END = b"IEND\xaeB`\x82"
_JPEG_END = b"\xff\xd9"
_JPEG_SCAN = b"\xda"
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow's decoders raise all of these for broken files.
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


@dataclass(frozen=True)
class Header:
    """What a file says of its image before it is decoded.

    Attributes:
        height: Pixels, after the orientation is applied.
        width: Pixels, after the orientation is applied.
        mode: Pillow's word for the stored pixels, such as "RGB", "L" or "P".
        alpha: Whether there is transparency, which reading drops.
        deep_colour: Whether colours have 16 bits, of which reading keeps the upper eight.
    """

    height: int
    width: int
    mode: str
    alpha: bool
    deep_colour: bool


def read_header(path: Path) -> Header:
    """Check a file's header, its size and (PNG, JPEG) its end marker without decoding it.

    Raises:
        Refused: The file is missing, no image, cut off, or of a kind of pixels that is not read.
    """
    with _opened(path) as image:
        _check_mode(path, image)
        turned = _orientation(image) >= 5
        width, height = reversed(image.size) if turned else image.size
        # Pillow has no 16-bit colours: it names the layout in the file, and keeps the upper bytes.
        deep_colour = image.mode.startswith("RGB") and ";16" in str(image.tile)
        header = Header(height, width, image.mode, image.has_transparency_data, deep_colour)
        kind = image.format
    _check_end(path, kind)
    return header


def read_image(path: Path) -> Pixels:
    """Decode a file to RGB.

    Grey, palette and 1-bit images become RGB, transparency is dropped, and the orientation that
    the file asks for is applied.

    Returns:
        (H,W,3): uint8 in [0, 255]; float32 in [0, 1] where the file has 16-bit grey values.

    Raises:
        Refused: The file is missing, broken, or of a kind of pixels that is not read.
    """
    with _opened(path) as image:
        _check_mode(path, image)
        # Asked before the pixels are loaded, so that header and pixels always agree.
        turn = _UPRIGHT.get(_orientation(image))
        image.load()
        upright = image if turn is None else image.transpose(turn)
        return _to_rgb(upright)


def as_float(pixels: Pixels) -> Floats:
    """Give pixels as float32 in [0, 1]."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.float32) / np.float32(255)
    return pixels.astype(np.float32, copy=False)


@contextmanager
def _opened(path: Path) -> Iterator[ImageFile]:
    """Open an image; whatever is wrong with the file becomes a refusal that names it."""
    try:
        with Image.open(path) as image:
            yield image
    except Refused:  # it is a ValueError, and says already what is wrong
        raise
    except _UNREADABLE as error:
        raise Refused(f"{path} cannot be read as an image: {error}") from error


def _check_mode(path: Path, image: ImageFile) -> None:
    """Refuse pixels without a known white, which nobody can scale to [0, 1]."""
    if image.mode in {"I", "F"}:
        raise Refused(f"{path} has 32-bit pixels; save it with 8 or 16 bits")


def _orientation(image: ImageFile) -> int:
    """Give the EXIF orientation, 1 to 8, that is still to be applied to the pixels."""
    if image.format == "TIFF":  # Pillow turns these itself
        return 1
    # The base class's method, because the one for PNG decodes the image first.
    return int(Image.Image.getexif(image).get(_ORIENTATION_TAG, 1))


def _to_rgb(image: Image.Image) -> Pixels:
    """Give a loaded image as (H,W,3)."""
    if image.mode.startswith("I;16"):
        grey = np.asarray(image).astype(np.float32) / np.float32(65535)
        return np.repeat(grey[..., None], 3, axis=2)
    # Pillow warns of palettes with transparency, although nothing is lost here but that.
    image.info.pop("transparency", None)
    return np.asarray(image.convert("RGB"))


def _check_end(path: Path, kind: str | None) -> None:
    """Refuse a PNG or JPEG that stops before its end marker."""
    ending = {"PNG": _png_ends, "JPEG": _jpeg_ends, "MPO": _jpeg_ends}.get(kind or "")
    if ending is not None and not ending(path):
        raise Refused(f"{path} is cut off: its end marker is missing")


def _png_ends(path: Path) -> bool:
    """Say whether a PNG has its IEND chunk; bytes after it are legal."""
    # The whole file is read only where the tail is unusual: thousands of headers take a second then.
    return _tail(path, len(_PNG_END)) == _PNG_END or _PNG_END in path.read_bytes()


def _jpeg_ends(path: Path) -> bool:
    """Say whether a JPEG's own scan ends; an embedded thumbnail's end does not count."""
    if _tail(path, len(_JPEG_END)) == _JPEG_END:
        return True
    # Some cameras append a film or padding, so the marker is looked for behind the first scan.
    content = path.read_bytes()
    position = 2
    while content[position + 1 : position + 2] not in {_JPEG_SCAN, b""}:
        position += 2 + int.from_bytes(content[position + 2 : position + 4])
    return content.find(_JPEG_END, position) >= 0


def _tail(path: Path, length: int) -> bytes:
    """Give the last bytes of a file that is at least so long."""
    with path.open("rb") as file:
        file.seek(-length, 2)
        return file.read()
