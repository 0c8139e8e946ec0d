"""Crops: what they depend on, and what they are refused for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cldeblur.data.crops import TrainingCrops, WholeImages
from cldeblur.data.folder import Folder
from cldeblur.data.photos import Photos
from cldeblur.data.synthesis import CameraShake
from cldeblur.errors import Refused

Pairs = Callable[..., Path]
Picture = Callable[..., NDArray[np.uint8]]


@pytest.fixture
def source(pairs: Pairs) -> Folder:
    return Folder(pairs(".", ["a", "b", "c"]), ["c"])


def test_a_crop_is_a_function_of_seed_epoch_and_index(source: Folder) -> None:
    items = source.items("train")
    one, two = (TrainingCrops(source, items, 16, 7, "all") for _ in range(2))
    one[0, 1], one[3, 0]
    blurred, sharp, name, index = one[2, 1]
    assert (name, index) == ("b", 1)
    assert blurred.shape == sharp.shape == (3, 16, 16)
    assert blurred.dtype == torch.float32
    assert torch.equal(blurred, two[2, 1][0])
    assert not torch.equal(blurred, two[3, 1][0])
    assert not torch.equal(blurred, TrainingCrops(source, items, 16, 8, "all")[2, 1][0])


@pytest.mark.parametrize(("flips", "symmetries"), [("none", 1), ("horizontal", 2), ("all", 8)])
def test_flips(pairs: Pairs, save: Callable[..., Path], flips: str, symmetries: int, picture: Picture) -> None:
    root = pairs(".", ["a", "b"])
    for folder in ("blur", "sharp"):
        save(f"{folder}/a.png", picture(16, 16))
    source = Folder(root, ["b"])
    crops = TrainingCrops(source, source.items("train"), 16, 0, flips)
    seen = [crops[epoch, 0] for epoch in range(160)]
    assert all(torch.equal(blurred, sharp) for blurred, sharp, _, _ in seen)  # both sides alike
    counts = np.unique([sharp.numpy().tobytes() for _, sharp, _, _ in seen], return_counts=True)[1]
    assert len(counts) == symmetries
    assert counts.min() > 160 / symmetries / 3
    expected = torch.from_numpy(picture(16, 16)).permute(2, 0, 1) / 255
    allowed = [expected, expected.flip(2)] if symmetries < 8 else [expected.rot90(n, (1, 2)) for n in range(4)]
    assert any(torch.allclose(sharp, image) for _, sharp, _, _ in seen for image in allowed)


def test_crops_reach_every_place(source: Folder, picture: Picture) -> None:
    crops = TrainingCrops(source, source.items("train"), 23, 0, "none")
    image = torch.from_numpy(picture(seed=1)).permute(2, 0, 1) / 255
    places = {
        (top, left)
        for epoch in range(200)
        for top in range(2)
        for left in range(10)
        if torch.allclose(crops[epoch, 0][1][:, 0, :2], image[:, top, left : left + 2])
    }
    assert len(places) == 20


def test_small_images_are_refused_by_name(source: Folder) -> None:
    TrainingCrops(source, source.items("train"), 24, 0, "none")
    with pytest.raises(Refused, match=r"data\.crop=25: a \(32x24\), b \(32x24\)"):
        TrainingCrops(source, source.items("train"), 25, 0, "none")
    with pytest.raises(Refused, match=r"data\.flips is 'vertical'; it can be none, horizontal, all"):
        TrainingCrops(source, source.items("train"), 8, 0, "vertical")


def test_whole_images(source: Folder, picture: Picture) -> None:
    images = WholeImages(source, source.items("train"))
    blurred, sharp, name, index = images[1]
    assert len(images) == 2
    assert (name, index) == ("b", 1)
    assert torch.allclose(blurred, torch.from_numpy(picture(seed=2)).permute(2, 0, 1) / 255)
    assert sharp.shape == (3, 24, 32)


def test_synthetic_blur_changes_with_the_epoch_in_training_only(shake: CameraShake) -> None:
    source = Photos(None, ["coffee"], shake)
    crops = TrainingCrops(source, source.items("train"), 32, 0, "none")
    assert not torch.equal(crops[0, 0][0], crops[1, 0][0])
    images = WholeImages(source, source.items("validation"))
    assert torch.equal(images[0][0], images[0][0])
    assert not torch.equal(images[0][0], images[0][1])


def test_an_epoch_takes_as_many_crops_of_each_image_as_asked_for(source: Folder) -> None:
    crops = TrainingCrops(source, source.items("train"), 16, 0, "none", crops_per_image=3)
    assert [crops[0, index][2] for index in range(len(crops))] == ["a", "a", "a", "b", "b", "b"]
    assert not torch.equal(crops[0, 0][1], crops[0, 1][1])


def test_an_image_is_scored_on_the_same_blur_whatever_stands_before_it(shake: CameraShake) -> None:
    source = Photos(None, ["coffee"], shake)
    alone = WholeImages(source, source.items("validation"))
    among = WholeImages(source, source.everything())
    place = [item.name for item in among.items].index("coffee")
    assert torch.equal(alone[0][0], among[place][0])
