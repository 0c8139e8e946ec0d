"""Headers and pixels of many kinds of files."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cldeblur.data.images import as_float, read_header, read_image
from cldeblur.errors import Refused

Save = Callable[..., Path]
Picture = Callable[..., NDArray[np.uint8]]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of_16_bits(pixels: NDArray[np.uint16]) -> bytes:
    """Write (H,W) grey or (H,W,3) colour as a PNG with 16 bits, which Pillow cannot."""
    height, width = pixels.shape[:2]
    rows = pixels.astype(">u2").reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 16, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def test_rgb_is_read_as_it_is(save: Save, picture: Picture) -> None:
    path = save("a.b.PNG")
    header = read_header(path)
    assert (header.height, header.width, header.alpha, header.deep_colour) == (24, 32, False, False)
    assert np.array_equal(read_image(path), picture())


@pytest.mark.parametrize("suffix", ["bmp", "tif", "tiff", "webp", "jpg", "jpeg", "JPG"])
def test_other_formats(save: Save, suffix: str) -> None:
    path = save(f"a.{suffix}", np.full((8, 6, 3), 100, dtype=np.uint8))
    assert (read_header(path).height, read_header(path).width) == (8, 6)
    assert np.abs(read_image(path).astype(int) - 100).max() <= 1


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "CMYK"])
def test_other_modes_become_rgb(tmp_path: Path, mode: str, picture: Picture) -> None:
    grey = Image.fromarray(picture()[..., 0]).point(lambda value: 255 if value > 127 else 0)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    grey.convert("RGB").convert(mode).save(path)
    assert read_header(path).mode in {mode, "RGBA"}
    assert np.array_equal(read_image(path), np.repeat(np.asarray(grey)[..., None], 3, axis=2))


def test_alpha_is_dropped_and_known(tmp_path: Path, picture: Picture) -> None:
    pixels = np.dstack([picture(), np.full((24, 32), 7, dtype=np.uint8)])
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert read_header(tmp_path / "a.png").alpha
    assert np.array_equal(read_image(tmp_path / "a.png"), picture())


def test_transparent_palette(tmp_path: Path, picture: Picture) -> None:
    image = Image.fromarray(picture()).quantize(16)
    image.save(tmp_path / "a.png", transparency=bytes(range(16)))
    assert read_header(tmp_path / "a.png").alpha
    assert np.array_equal(read_image(tmp_path / "a.png"), np.asarray(image.convert("RGB")))


def test_16_bit_grey_is_scaled(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_of_16_bits(np.array([[0, 1000], [40000, 65535]], dtype=np.uint16)))
    pixels = read_image(path)
    assert pixels.dtype == np.float32
    assert pixels.shape == (2, 2, 3)
    assert np.allclose(pixels[..., 1], np.array([[0, 1000], [40000, 65535]]) / 65535)


def test_16_bit_colour_is_scaled(tmp_path: Path, picture: Picture) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_of_16_bits(picture().astype(np.uint16) * 257))
    assert read_header(path).deep_colour
    assert np.array_equal(read_image(path), picture())


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path: Path, suffix: str, orientation: int) -> None:
    pixels = np.zeros((16, 32, 3), dtype=np.uint8)
    pixels[:8, :8] = 255  # a white corner shows which way it was turned
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(pixels).save(path, exif=exif)
    header, read = read_header(path), read_image(path)
    assert read.shape[:2] == (header.height, header.width)
    assert (header.height, header.width) == ((16, 32) if orientation < 5 else (32, 16))
    corners = [read[2, 2, 0], read[2, -3, 0], read[-3, -3, 0], read[-3, 2, 0]]
    assert int(np.argmax(corners)) == [0, 1, 2, 3, 0, 1, 2, 3][orientation - 1]


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_cut_off_file_is_refused_by_its_header(save: Save, suffix: str, picture: Picture) -> None:
    path = save(f"a.{suffix}", picture(64, 64))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(Refused, match=rf"a\.{suffix} is cut off"):
        read_header(path)
    with pytest.raises(Refused, match=rf"a\.{suffix} cannot be read"):
        read_image(path)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_bytes_after_the_end_are_legal(save: Save, suffix: str) -> None:
    path = save(f"a.{suffix}")
    path.write_bytes(path.read_bytes() + b"appended film")
    assert read_header(path).width == 32
    assert read_image(path).shape == (24, 32, 3)


def test_damage_inside_is_refused_when_decoding(save: Save, picture: Picture) -> None:
    path = save("a.png", picture(64, 64))
    content = bytearray(path.read_bytes())
    content[200:4000] = bytes(3800)
    path.write_bytes(content)
    read_header(path)
    with pytest.raises(Refused, match=r"a\.png"):
        read_image(path)


@pytest.mark.parametrize("content", [b"", b"no image at all", b"\x89PNG\r\n\x1a\n"])
def test_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(Refused, match=r"a\.png cannot be read as an image"):
        read_header(tmp_path / "a.png")


def test_32_bits_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.ones((4, 4), dtype=np.float32)).save(tmp_path / "a.tif")
    for read in (read_header, read_image):
        with pytest.raises(Refused, match=r"a\.tif has 32-bit pixels"):
            read(tmp_path / "a.tif")


def test_as_float() -> None:
    assert as_float(np.array([[[0, 51, 255]]], dtype=np.uint8)).tolist() == [[[0.0, np.float32(0.2), 1.0]]]
    assert as_float(np.array([[[0.5]]], dtype=np.float32)).dtype == np.float32


def test_real_photographs(shared: Callable[[str], Path]) -> None:
    for path in shared("data/blurred").iterdir():
        header = read_header(path)
        assert read_image(path).shape == (header.height, header.width, 3)
