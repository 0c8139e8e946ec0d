"""Photographs with synthetic blur."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cldeblur.data.batch import Window
from cldeblur.data.photos import Photos
from cldeblur.data.synthesis import CameraShake

Save = Callable[..., Path]
Picture = Callable[..., NDArray[np.uint8]]
SHAKE = CameraShake(length=(3, 30), angle=(0, 360), bend=60, noise=0, gamma=2.2)


def test_shipped_photographs() -> None:
    source = Photos(None, ["coffee"], SHAKE)
    assert [item.name for item in source.items("train")] == ["astronaut", "chelsea", "rocket"]
    assert [item.name for item in source.items("validation")] == ["coffee"]
    assert source.items("test") == []
    assert source.items("validation")[0].blurred is None
    assert (source.items("validation")[0].height, source.items("validation")[0].width) == (400, 600)


def test_a_folder_is_searched(save: Save, tmp_path: Path) -> None:
    for name in ("a.JPG", "trip/b.png", "trip/c.png"):
        save(name)
    source = Photos(str(tmp_path), ["trip"], SHAKE)
    assert [item.name for item in source.items("validation")] == ["trip/b", "trip/c"]
    assert [(item.name, item.sequence) for item in source.items("train")] == [("a", "")]


@given(
    seed=st.integers(0, 99),
    top=st.integers(0, 300 - 40),
    left=st.integers(0, 451 - 32),
)
@settings(max_examples=8, deadline=None)
def test_a_window_is_that_part_of_the_whole(seed: int, top: int, left: int) -> None:
    source = Photos(None, ["coffee"], SHAKE)
    chelsea = source.items("train")[1]
    whole_blurred, whole_sharp = source.read(chelsea, None, (seed, 1))
    blurred, sharp = source.read(chelsea, Window(top, left, 40, 32), (seed, 1))
    assert np.array_equal(sharp, whole_sharp[top : top + 40, left : left + 32])
    assert np.allclose(blurred, whole_blurred[top : top + 40, left : left + 32], atol=1e-6)
    assert not np.allclose(blurred, sharp, atol=1e-3)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 3), (2, 40)])
def test_pictures_smaller_than_the_kernel(
    save: Save, tmp_path: Path, height: int, width: int, picture: Picture
) -> None:
    save("a.png", picture(height, width))
    save("b.png")
    source = Photos(tmp_path, ["b"], SHAKE)
    blurred, _ = source.read(source.items("train")[0], None, (0, 0))
    assert blurred.shape == (height, width, 3)
    assert blurred.min() >= 0
    assert blurred.max() <= 1


def test_blur_and_noise_follow_the_key() -> None:
    source = Photos(None, ["coffee"], CameraShake((3, 9), (0, 360), 60, 0.02, 2.2))
    item = source.items("train")[0]
    window = Window(10, 10, 32, 32)
    first, second, other = (source.read(item, window, key)[0] for key in ((1, 0, 5), (1, 0, 5), (1, 1, 5)))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_the_record_says_what_the_blur_is() -> None:
    synthetic = Photos(None, [], SHAKE).synthetic
    assert synthetic is not None
    assert synthetic["kernel"] == {"length": [3.0, 30.0], "angle": [0.0, 360.0], "bend": 60.0}
    assert synthetic["noise"] == 0
