"""A folder of pairs, and everything that can be wrong with it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cldeblur.data.batch import Window
from cldeblur.data.folder import Folder
from cldeblur.errors import Refused

Pairs = Callable[..., Path]
Save = Callable[..., Path]
Picture = Callable[..., NDArray[np.uint8]]


def names(source: Folder, split: str) -> list[str]:
    return [item.name for item in source.items(split)]  # type: ignore[arg-type]


def test_flat_root_has_no_test_split(pairs: Pairs) -> None:
    source = Folder(str(pairs(".", ["b", "a", "97fromGOPR1096.MP4"])), ["b"])
    assert names(source, "train") == ["97fromGOPR1096.MP4", "a"]
    assert names(source, "validation") == ["b"]
    assert names(source, "test") == []


def test_train_and_test_with_sub_folders(pairs: Pairs) -> None:
    pairs("test", ["x"])
    source = Folder(pairs("train", ["s/1", "s/2", "t/1"]), ["t"])
    assert names(source, "test") == ["x"]
    assert [(item.name, item.sequence) for item in source.items("train")] == [("s/1", "s"), ("s/2", "s")]
    assert names(source, "validation") == ["t/1"]


def test_read_cuts_the_window_of_the_right_pair(pairs: Pairs, picture: Picture) -> None:
    source = Folder(pairs(".", ["a", "b"]), ["a"])
    blurred, sharp = source.read(source.items("train")[0], Window(3, 5, 7, 9), (0,))
    assert blurred.dtype == np.float32
    assert np.allclose(blurred, picture(seed=2)[3:10, 5:14] / 255)
    assert np.allclose(sharp, picture(seed=3)[3:10, 5:14] / 255)


def test_suffix_and_its_case_do_not_matter(pairs: Pairs, tmp_path: Path) -> None:
    root = pairs(".", ["a", "b"])
    (root / "blur/a.png").rename(root / "blur/a.PNG")
    Image.open(root / "sharp/b.png").save(root / "sharp/b.bmp")
    (root / "sharp/b.png").unlink()
    assert names(Folder(tmp_path, ["a"]), "train") == ["b"]


def test_other_files_are_noted_and_litter_is_ignored(pairs: Pairs) -> None:
    root = pairs(".", ["a", "b"])
    for name in ("readme.txt", ".hidden.png", "Thumbs.db", "desktop.ini"):
        (root / "blur" / name).write_bytes(b"")
    source = Folder(root, ["a"])
    source.items("train")
    assert len(source.notes) == 1
    assert source.notes[0].endswith("readme.txt")


def test_dropped_alpha_is_noted(pairs: Pairs, save: Save, picture: Picture) -> None:
    root = pairs(".", ["a", "b"])
    save("blur/b.png", np.dstack([picture(), picture()[..., :1]]))
    source = Folder(root, ["a"])
    source.items("train")
    assert source.notes == ["transparency is dropped from b.png"]


@pytest.mark.parametrize(("gone", "left"), [("blur/b.png", "sharp/b.png"), ("sharp/b.png", "blur/b.png")])
def test_missing_twin(pairs: Pairs, gone: str, left: str) -> None:
    root = pairs(".", ["a", "b"])
    (root / gone).unlink()
    with pytest.raises(Refused, match=f"no twin in .*{Path(gone).parent} for .*{left}"):
        Folder(root, []).items("train")


def test_twins_of_two_sizes(pairs: Pairs, save: Save, picture: Picture) -> None:
    root = pairs(".", ["a", "b"])
    save("sharp/b.png", picture(24, 30))
    with pytest.raises(Refused, match=r"blur/b\.png has 32x24, .*sharp/b\.png 30x24 pixels"):
        Folder(root, []).items("train")


def test_two_files_of_one_name(pairs: Pairs, save: Save) -> None:
    root = pairs(".", ["a", "b"])
    save("blur/a.jpg")
    with pytest.raises(Refused, match=r"a\.jpg and .*a\.png have the same name"):
        Folder(root, []).items("train")


def test_cut_off_file(pairs: Pairs) -> None:
    root = pairs(".", ["a", "b"])
    (root / "sharp/b.png").write_bytes((root / "sharp/b.png").read_bytes()[:-20])
    with pytest.raises(Refused, match=r"sharp/b\.png is cut off"):
        Folder(root, []).items("train")


def test_missing_and_empty_folders(tmp_path: Path, pairs: Pairs) -> None:
    with pytest.raises(Refused, match=r"data\.root is .*nowhere"):
        Folder(tmp_path / "nowhere", []).items("test")
    with pytest.raises(Refused, match="holds neither blur/ and sharp/ nor train/"):
        Folder(tmp_path, []).items("train")
    (tmp_path / "blur").mkdir()
    with pytest.raises(Refused, match=r"there is no image in .*blur"):
        Folder(tmp_path, []).items("train")
    pairs(".", ["a"])
    (tmp_path / "sharp/a.png").unlink()
    (tmp_path / "sharp").rmdir()
    with pytest.raises(Refused, match=r"there is no folder .*sharp"):
        Folder(tmp_path, []).items("train")


def test_validation_takes_a_tenth_by_itself(pairs: Pairs) -> None:
    source = Folder(pairs(".", [f"{number:02}" for number in range(21)]), [])
    held = names(source, "validation")
    assert len(held) == 2
    assert set(held) | set(names(source, "train")) == {f"{number:02}" for number in range(21)}
    assert source.notes == [f"data.validation is empty; held out: {', '.join(held)}"]
    assert names(Folder(source.root, []), "validation") == held


def test_unknown_validation_name_is_refused_with_the_nearest(pairs: Pairs) -> None:
    root = pairs(".", ["street/night", "street/day"])
    with pytest.raises(Refused, match=r"data\.validation: .*'nihgt'; did you mean 'night'"):
        Folder(root, ["nihgt"]).items("train")


@pytest.mark.parametrize("validation", [["a", "b"], ["s"]])
def test_nothing_left_to_train_on(pairs: Pairs, validation: list[str]) -> None:
    root = pairs(".", ["s/a", "s/b"])
    with pytest.raises(Refused, match=r"data\.validation leaves none of 2 images"):
        Folder(root, validation).items("train")
