"""Tensors as pictures, and many of them on one sheet with words beside them."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from cldeblur.files import write_bytes

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# All in pixels.
LARGEST_SIDE = 640
SMALLEST_SIDE = 160
MARGIN = 16
GAP = 6
TITLE_SIZE = 20
CAPTION_SIZE = 16


@dataclass(frozen=True)
class Cell:
    """One picture of a sheet.

    Attributes:
        image: (3,H,W) in [0, 1].
        caption: what is written under it, "27.31 dB" for example; may be empty.
    """

    image: Tensor
    caption: str = ""


def to_picture(image: Tensor) -> Image.Image:
    """An image (3,H,W) as an 8-bit RGB picture: clamped to [0, 1], times 255, rounded; NaN is black."""
    values = (image.detach().cpu().float().nan_to_num(0.0).clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(values.permute(1, 2, 0).contiguous().numpy())


def save_picture(image: Tensor, path: Path) -> None:
    """Write an image (3,H,W) in [0, 1] as PNG, whole or not at all; its folder is made where it is missing."""
    _write(to_picture(image), path)


def _write(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG, whole or not at all."""
    file = io.BytesIO()
    picture.save(file, format="PNG")
    write_bytes(path, file.getvalue())


def contact_sheet(rows: Sequence[Sequence[Cell]], titles: Sequence[str], path: Path) -> None:
    """Draw a grid of pictures, one row an image, and write it as PNG, whole or not at all.

    Pictures keep their proportions. Those with a side above 640 pixels are made smaller; those with no
    side of 160 are enlarged by a whole factor, pixels staying squares. Words are wrapped.

    Args:
        rows: in each as many cells as there are titles.
        titles: what is written above each column.
        path: the PNG file to write; its folder is made where it is missing.

    Raises:
        ValueError: a row has fewer or more cells than there are titles, or there is nothing to draw.
    """
    if not rows or not titles or any(len(row) != len(titles) for row in rows):
        raise ValueError(f"a contact sheet needs rows of as many cells as it has titles, here {len(titles)}")
    pictures = [[_fitted(to_picture(cell.image)) for cell in row] for row in rows]
    width = max(SMALLEST_SIDE, *(picture.width for row in pictures for picture in row))
    blocks = [_side_by_side([_text(title, TITLE_SIZE, width) for title in titles], width)]
    for row, drawn in zip(rows, pictures, strict=True):
        captions = _side_by_side([_text(cell.caption, CAPTION_SIZE, width) for cell in row], width)
        blocks.append(_stacked([_side_by_side(drawn, width), captions], GAP))
    _write(_framed(_stacked(blocks, MARGIN)), path)


def _fitted(picture: Image.Image) -> Image.Image:
    """The picture at a size at which it can be looked at."""
    largest = max(picture.size)
    if largest > LARGEST_SIDE:
        scale = LARGEST_SIDE / largest
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        return picture.resize(size, Image.Resampling.LANCZOS)
    factor = -(-SMALLEST_SIDE // largest)
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def _text(words: str, size: int, width: int) -> Image.Image:
    """Words in black on white, wrapped at `width` pixels, centred."""
    font = ImageFont.load_default(size)
    lines = _wrapped(words, font, width)
    # The box of a capital and a descender, so that all lines of one size have one height.
    line_height = round(font.getbbox("Hg")[3]) + GAP
    block = Image.new("RGB", (width, line_height * len(lines)), "white")
    draw = ImageDraw.Draw(block)
    for number, line in enumerate(lines):
        draw.text((width / 2, number * line_height), line, "black", font, anchor="ma")
    return block


def _wrapped(words: str, font: Font, width: int) -> list[str]:
    """Lines of at most `width` pixels, broken at blanks, and inside a word that is longer than a line."""
    lines = [""]
    for piece in (piece for word in words.split() for piece in _pieces(word, font, width)):
        joined = f"{lines[-1]} {piece}".lstrip()
        if font.getlength(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(piece)
    return lines


def _pieces(word: str, font: Font, width: int) -> list[str]:
    """A word cut into pieces of at most `width` pixels."""
    pieces = [""]
    for letter in word:
        if pieces[-1] and font.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _side_by_side(pictures: Sequence[Image.Image], width: int) -> Image.Image:
    """Pictures in columns of one width, each centred in its column, their tops at one height."""
    height = max(picture.height for picture in pictures)
    strip = Image.new("RGB", (len(pictures) * (width + MARGIN) - MARGIN, height), "white")
    for column, picture in enumerate(pictures):
        strip.paste(picture, (column * (width + MARGIN) + (width - picture.width) // 2, 0))
    return strip


def _stacked(blocks: Sequence[Image.Image], gap: int) -> Image.Image:
    """Blocks of one width below one another."""
    height = sum(block.height for block in blocks) + gap * (len(blocks) - 1)
    sheet = Image.new("RGB", (blocks[0].width, height), "white")
    top = 0
    for block in blocks:
        sheet.paste(block, (0, top))
        top += block.height + gap
    return sheet


def _framed(sheet: Image.Image) -> Image.Image:
    """The sheet with a white margin all around."""
    framed = Image.new("RGB", (sheet.width + 2 * MARGIN, sheet.height + 2 * MARGIN), "white")
    framed.paste(sheet, (MARGIN, MARGIN))
    return framed
