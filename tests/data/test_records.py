"""Fingerprints, randomness and the options in conf/data."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from cldeblur.data.fingerprint import data_record, fingerprint
from cldeblur.data.folder import Folder
from cldeblur.data.randomness import Stream, generator
from cldeblur.data.source import Source

Pairs = Callable[..., Path]
OPTIONS = sorted((Path(__file__).parents[2] / "conf" / "data").glob("*.yaml"))
KEYS = ["name", "source", "root", "validation", "crop", "flips", "crops_per_image", "global_batch", "workers"]


def test_the_fingerprint_sees_content_names_and_number(pairs: Pairs) -> None:
    items = Folder(pairs(".", ["a", "b", "c"]), ["c"]).items("train")
    first = fingerprint(items)
    assert first == fingerprint(items[::-1])
    assert first != fingerprint(items[:1])
    assert first != fingerprint([dataclasses.replace(items[0], name="z"), items[1]])
    content = bytearray(items[1].sharp.read_bytes())
    content[100] ^= 1
    items[1].sharp.write_bytes(content)
    assert first != fingerprint(items)


def test_the_fingerprint_is_that_of_its_definition(pairs: Pairs, tmp_path: Path) -> None:
    item = Folder(pairs(".", ["a", "b"]), ["b"]).items("train")[0]
    (tmp_path / "long").write_bytes(bytes(200_000))
    (tmp_path / "longer").write_bytes(bytes(200_001))
    long, longer = (dataclasses.replace(item, blurred=None, sharp=tmp_path / name) for name in ("long", "longer"))
    assert fingerprint([long]) != fingerprint([longer])  # the size counts where the edges are equal
    middle = bytearray(200_000)
    middle[100_000] = 1
    (tmp_path / "other").write_bytes(middle)
    assert fingerprint([long]) == fingerprint([dataclasses.replace(long, sharp=tmp_path / "other")])


def test_the_record(pairs: Pairs) -> None:
    items = Folder(pairs(".", ["a", "b"]), ["b"]).items("train")
    record = data_record("train", "folder", "some/where", items, {"noise": 0.1, "seed": 3})
    assert record.pop("fingerprint") == fingerprint(items)
    assert record == {
        "split": "train",
        "name": "folder",
        "root": "some/where",
        "n": 1,
        "full": False,
        "synthetic": {"noise": 0.1, "seed": 3},
    }
    assert data_record("test", "folder", "", [], None)["synthetic"] is None


def test_streams_and_keys_are_independent() -> None:
    draws = [generator(seed, *key).random() for seed in (0, 1) for key in [(e, s) for e in (0, 1) for s in Stream]]
    assert len(set(draws)) == len(draws)
    assert generator(1, 2, 3).random() == generator(1, 2, 3).random()


@pytest.mark.parametrize("path", OPTIONS, ids=lambda path: path.stem)
def test_options_build_their_source(path: Path, tmp_path: Path) -> None:
    option = OmegaConf.load(path)
    assert list(option) == KEYS
    assert option.name == path.stem
    source = instantiate(option.source, root=str(tmp_path), validation=option.validation)
    assert isinstance(source, Source)
    assert path.read_text().startswith("# ")
