"""GoPro in all its layouts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cldeblur.data.fingerprint import fingerprint
from cldeblur.data.gopro import GoPro
from cldeblur.errors import Refused

Pairs = Callable[..., Path]

SEQUENCES = ("GOPR0372_07_00", "GOPR0374_11_00", "GOPR0374_11_03")


@pytest.fixture
def distributed(pairs: Pairs) -> Path:
    for sequence in SEQUENCES:
        pairs(f"train/{sequence}", ["000001", "000002"])
    return pairs("test/GOPR0384_11_00", ["000001"])


def test_distributed(distributed: Path) -> None:
    source = GoPro(distributed, ["GOPR0374_11_00"])
    assert [item.name for item in source.items("train")] == ["GOPR0372_07_00/000001", "GOPR0372_07_00/000002"]
    assert {item.sequence for item in source.items("validation")} == {"GOPR0374_11_00", "GOPR0374_11_03"}
    assert [item.name for item in source.items("test")] == ["GOPR0384_11_00/000001"]
    assert source.notes == ["held out for validation: all parts of GOPR0374: GOPR0374_11_00, GOPR0374_11_03"]


def test_a_source_video_can_be_named(distributed: Path) -> None:
    first = GoPro(distributed, ["GOPR0374"]).items("validation")
    assert first == GoPro(distributed, "GOPR0374").items("validation")
    assert len(first) == 4
    assert GoPro(distributed, []).items("validation") == []


@pytest.mark.parametrize("joint", ["_", "-"])
@pytest.mark.parametrize(("blurred", "sharp"), [("blur", "sharp"), ("input", "target")])
def test_flattened_is_the_same_data(distributed: Path, tmp_path: Path, joint: str, blurred: str, sharp: str) -> None:
    flat = tmp_path / "flat"
    for old, new in (("blur", blurred), ("sharp", sharp)):
        (flat / "train" / new).mkdir(parents=True)
        for path in distributed.glob(f"train/*/{old}/*.png"):
            name = f"{path.parent.parent.name}{joint}{path.name}"
            (flat / "train" / new / name).write_bytes(path.read_bytes())
    one, two = GoPro(distributed, ["GOPR0374"]), GoPro(flat, ["GOPR0374"])
    assert [i.name for i in one.items("train")] == [i.name for i in two.items("train")]
    assert [i.sequence for i in one.items("validation")] == [i.sequence for i in two.items("validation")]
    assert fingerprint(one.items("train")) == fingerprint(two.items("train"))
    assert two.items("test") == []


def test_two_spellings_of_one_name_are_refused(pairs: Pairs) -> None:
    root = pairs("train", ["GOPR0372_07_00_000001", "GOPR0372_07_00-000001"])
    with pytest.raises(Refused, match="are both named GOPR0372_07_00/000001"):
        GoPro(root, []).items("train")


def test_absent_validation_is_refused_with_what_is_there(distributed: Path) -> None:
    source = GoPro(distributed, ["GOPR0386"])
    with pytest.raises(Refused, match=r"names GOPR0386, .* there are GOPR0372_07_00, .*data\.validation="):
        source.items("train")
    assert len(source.items("test")) == 1  # evaluating never looks at what is held out


def test_missing_splits(distributed: Path, pairs: Pairs) -> None:
    with pytest.raises(Refused, match=r"there is no folder .*train"):
        GoPro(pairs("only/test/GOPR0384_11_00", ["1"]) / "only", []).items("train")
    assert len(GoPro(distributed / "only", ["GOPR0386"]).items("test")) == 1
    (distributed / "void/train").mkdir(parents=True)
    with pytest.raises(Refused, match=r"there is no sequence in .*train"):
        GoPro(distributed / "void", []).items("train")


def test_blur_gamma(distributed: Path, pairs: Pairs) -> None:
    with pytest.raises(Refused, match=r"there is no folder .*GOPR0372_07_00/blur_gamma"):
        GoPro(distributed, [], blurred="blur_gamma").items("train")
    pairs("test/GOPR0384_11_00", ["000001"], blurred="blur_gamma")
    item = GoPro(distributed, [], blurred="blur_gamma").items("test")[0]
    assert item.blurred is not None
    assert item.blurred.parent.name == "blur_gamma"
    with pytest.raises(Refused, match=r"data\.source\.blurred is 'gamma'"):
        GoPro(distributed, [], blurred="gamma")


def test_real_pairs(shared: Callable[[str], Path]) -> None:
    source = GoPro(shared("data/gopro"), ["GOPR0374_11_00"])
    counts = [len(source.items("train")), len(source.items("validation")), len(source.items("test"))]
    assert counts == [14, 4, 9]
    assert {(item.height, item.width) for item in source.items("test")} == {(720, 1280)}
    item = next(item for item in source.items("test") if item.name == "GOPR0384_11_00/000014")
    blurred, sharp = source.read(item, None, ())
    assert blurred.shape == sharp.shape == (720, 1280, 3)
    assert 0 < ((blurred - sharp) ** 2).mean() < 0.01
