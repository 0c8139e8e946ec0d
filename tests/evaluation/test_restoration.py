"""Images of any size go through a network of any multiple and come back as they were."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn

from cldeblur.errors import Refused
from cldeblur.evaluation.restoration import Restorer, restore


class Identity(nn.Module):
    """Gives its input back, after a coarse output, and remembers it."""

    def __init__(self, multiple: int) -> None:
        super().__init__()
        self.multiple = multiple
        self.seen = torch.empty(0)

    def forward(self, blurred: Tensor) -> tuple[Tensor, Tensor]:
        self.seen = blurred
        return blurred[..., ::2, ::2], blurred


class Brighter(nn.Module):
    """Adds a tenth: no multiple, one tensor, values above 1."""

    def forward(self, blurred: Tensor) -> Tensor:
        return blurred + 0.1


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    multiple=st.sampled_from([1, 2, 4, 8, 32]),
    padding=st.sampled_from(["reflect", "replicate"]),
)
def test_any_size_is_padded_for_the_network_and_cut_back(height: int, width: int, multiple: int, padding: str) -> None:
    images = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(height))
    network = Identity(multiple)
    assert torch.equal(restore(network, images, padding), images)
    assert all(side % multiple == 0 for side in network.seen.shape[-2:])
    assert network.seen.shape[-2] - height < multiple
    assert network.seen.shape[-1] - width < multiple


@pytest.mark.parametrize(
    ("width", "padding", "expected"),
    [
        (5, "reflect", [0, 1, 2, 3, 4, 3, 2, 1]),
        (3, "reflect", [0, 1, 2, 1, 0, 0, 0, 0]),
        (3, "replicate", [0, 1] + [2] * 6),
    ],
)
def test_padding_mirrors_and_repeats_where_it_cannot_mirror(width: int, padding: str, expected: list[int]) -> None:
    network = Identity(8)
    ramp = torch.arange(width) / 10
    restore(network, ramp.expand(1, 3, 8, width), padding)
    assert torch.equal(network.seen[0, 0, 0], torch.tensor(expected) / 10)


def test_the_result_is_clamped_float32_without_gradient() -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 1), Brighter())
    restored = restore(network, torch.rand(1, 3, 5, 7, dtype=torch.float64) + 0.8)
    assert restored.dtype == torch.float32
    assert not restored.requires_grad
    assert restored.min() >= 0
    assert restored.max() <= 1


def test_a_person_gets_back_the_kind_that_was_given(tmp_path: Path) -> None:
    restorer = Restorer(Brighter(), "cpu")
    pixels = np.random.default_rng(0).integers(0, 200, (7, 9, 3), dtype=np.uint8)
    brighter = np.rint(pixels + 25.5 - 1e-4).astype(np.uint8)
    picture = Image.fromarray(pixels)
    picture.save(tmp_path / "photo.png")
    for given_one in (picture, tmp_path / "photo.png", str(tmp_path / "photo.png")):
        restored = restorer.restore(given_one)
        assert isinstance(restored, Image.Image)
        np.testing.assert_allclose(np.asarray(restored).astype(int), brighter, atol=1)
    array = restorer.restore(pixels)
    assert array.dtype == np.uint8
    assert array.shape == (7, 9, 3)
    np.testing.assert_allclose(array.astype(int), brighter, atol=1)
    floats = restorer.restore(pixels / 255)
    assert floats.dtype == np.float64
    np.testing.assert_allclose(floats, pixels / 255 + 0.1, atol=1e-6)
    assert restorer.restore((pixels / 255).astype(np.float32)).dtype == np.float32


def test_a_picture_comes_back_upright_and_in_colour(tmp_path: Path) -> None:
    grey = Image.new("L", (8, 4), 100)
    exif = Image.Exif()
    exif[0x0112] = 6
    grey.save(tmp_path / "turned.jpg", exif=exif)
    restored = Restorer(Brighter(), "cpu").restore(tmp_path / "turned.jpg")
    assert (restored.mode, restored.size) == ("RGB", (4, 8))


def test_the_restorer_does_not_train() -> None:
    network = nn.Sequential(nn.Dropout(0.5)).train()
    image = np.ones((4, 4, 3), dtype=np.float32)
    np.testing.assert_array_equal(Restorer(network, "cpu").restore(image), image)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 4), np.uint8), "shape"),
        (np.zeros((3, 4, 4), np.uint8), "shape"),
        (np.zeros((4, 4, 3), np.int64), "uint8 or floats"),
        (np.full((4, 4, 3), 255.0), r"\[0, 1\]"),
        (np.full((4, 4, 3), np.nan), r"\[0, 1\]"),
    ],
)
def test_arrays_of_other_kinds_are_refused(array: np.ndarray, words: str) -> None:
    with pytest.raises(Refused, match=words):
        Restorer(Brighter(), "cpu").restore(array)


def test_files_that_are_no_pictures_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Image.new("I", (4, 4)).save(tmp_path / "deep.tiff")
    for name, words in (("broken.png", "broken.png"), ("absent.png", "absent.png"), ("deep.tiff", "8 bits")):
        with pytest.raises(Refused, match=words):
            Restorer(Brighter(), "cpu").restore(tmp_path / name)
