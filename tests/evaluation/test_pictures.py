"""Pictures show what the tensors hold, and a sheet has room for all of its words."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFont

from cldeblur.evaluation import pictures
from cldeblur.evaluation.pictures import MARGIN, Cell, contact_sheet, save_picture, to_picture

RED = torch.tensor([1.0, 0.0, 0.0])[:, None, None]


def read(path: Path) -> np.ndarray:
    """The pixels of a file."""
    with Image.open(path) as picture:
        return np.asarray(picture)


def reds(pixels: np.ndarray) -> np.ndarray:
    """Where a sheet is red."""
    return np.asarray((pixels == (255, 0, 0)).all(axis=-1))


def test_a_picture_is_clamped_and_rounded() -> None:
    values = torch.tensor([-0.2, 0.4 / 255, 0.6 / 255, 1.0, 1.7, torch.nan])
    assert np.asarray(to_picture(values.expand(3, 1, 6)))[0, :, 1].tolist() == [0, 0, 1, 255, 255, 0]


def test_every_8_bit_value_survives_a_file(tmp_path: Path) -> None:
    pixels = np.arange(768, dtype=np.uint16).reshape(16, 16, 3).astype(np.uint8)
    save_picture(torch.from_numpy(pixels / 255).permute(2, 0, 1), tmp_path / "new" / "picture.png")
    np.testing.assert_array_equal(read(tmp_path / "new" / "picture.png"), pixels)
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_a_sheet_shows_each_picture_whole_in_its_column(tmp_path: Path) -> None:
    cell = Cell(RED.expand(3, 200, 300), "27.31 dB")
    contact_sheet([[cell, cell], [cell, cell]], ["blurred", "restored"], tmp_path / "sheet.png")
    sheet = read(tmp_path / "sheet.png")
    assert reds(sheet).sum() == 4 * 200 * 300
    assert sheet.shape[1] == 2 * 300 + 3 * MARGIN


@pytest.mark.parametrize(("size", "drawn"), [((64, 32), (192, 96)), ((720, 1280), (360, 640)), ((3, 2000), (1, 640))])
def test_pictures_keep_their_proportions(size: tuple[int, int], drawn: tuple[int, int], tmp_path: Path) -> None:
    contact_sheet([[Cell(RED.expand(3, *size))]], ["title"], tmp_path / "sheet.png")
    red = reds(read(tmp_path / "sheet.png"))
    assert (int(red.any(axis=1).sum()), int(red.any(axis=0).sum())) == drawn


def test_margins_stay_white_whatever_the_words(tmp_path: Path) -> None:
    long = "a title of many words, and a_word_without_any_blank_that_is_longer_than_a_column_is_wide gjpqy"
    cells = [Cell(torch.zeros(3, 64, 64), "GOPR0384_11_00/000001, the worst of all images gjpqy") for _ in range(3)]
    contact_sheet([cells], [long, "short", ""], tmp_path / "sheet.png")
    sheet = read(tmp_path / "sheet.png")
    frame = np.ones(sheet.shape[:2], dtype=bool)
    frame[MARGIN:-MARGIN, MARGIN:-MARGIN] = False
    for column in range(1, 3):
        gap = MARGIN + column * (192 + MARGIN)
        frame[:, gap - MARGIN : gap] = True
    assert (sheet[frame] == 255).all()


def test_a_row_that_lacks_a_cell_is_an_error(tmp_path: Path) -> None:
    cell = Cell(torch.zeros(3, 8, 8))
    for rows in ([[cell, cell], [cell]], []):
        with pytest.raises(ValueError, match="titles, here 2"):
            contact_sheet(rows, ["one", "two"], tmp_path / "sheet.png")
    assert not list(tmp_path.iterdir())


@settings(max_examples=50, deadline=None)
@given(words=st.text("ab_/ ", max_size=60), width=st.integers(40, 300))
def test_wrapping_keeps_every_letter_within_the_width(words: str, width: int) -> None:
    font = ImageFont.load_default(16)
    lines = pictures._wrapped(words, font, width)
    assert "".join(lines).replace(" ", "") == words.replace(" ", "")
    assert all(font.getlength(line) <= width for line in lines)
