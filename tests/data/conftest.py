"""Small images and folders of pairs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cldeblur.data.synthesis import CameraShake

Save = Callable[..., Path]
Picture = Callable[..., NDArray[np.uint8]]


@pytest.fixture(scope="session")
def picture() -> Picture:
    """Give `picture(height, width, seed)`, which makes a random RGB picture."""

    def make(height: int = 24, width: int = 32, seed: int = 0) -> NDArray[np.uint8]:
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

    return make


@pytest.fixture
def save(tmp_path: Path, picture: Picture) -> Save:
    """Give `save("blur/a.png", pixels)`, which writes below tmp_path and returns the file's path."""

    def write(name: str, pixels: NDArray[np.uint8] | None = None, quality: int = 95) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture() if pixels is None else pixels).save(path, quality=quality)
        return path

    return write


@pytest.fixture
def pairs(save: Save, tmp_path: Path, picture: Picture) -> Callable[..., Path]:
    """Give `pairs("train", ["a", "b"])`, which writes blur/ and sharp/ images and returns tmp_path."""

    def write(folder: str, names: list[str], blurred: str = "blur", sharp: str = "sharp") -> Path:
        for seed, name in enumerate(names):
            save(f"{folder}/{blurred}/{name}.png", picture(seed=2 * seed))
            save(f"{folder}/{sharp}/{name}.png", picture(seed=2 * seed + 1))
        return tmp_path

    return write


@pytest.fixture
def shake() -> CameraShake:
    """Free shake without noise."""
    return CameraShake(length=(3, 9), angle=(0, 360), bend=60, noise=0, gamma=2.2)
