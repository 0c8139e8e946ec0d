"""Which images a folder holds, and which of them are twins."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cldeblur.data.batch import Item
from cldeblur.data.images import SUFFIXES, Header, read_header
from cldeblur.errors import Refused

NamedPair = tuple[str, Path, Path]
"""A name, its blurred file and its sharp file."""

_LITTER = frozenset({"thumbs.db", "desktop.ini"})


def image_files(folder: Path, notes: list[str]) -> dict[str, Path]:
    """List the images of a folder and of its sub-folders.

    Hidden files and the litter of file managers are ignored. Other files that are no images are
    named in `notes`.

    Returns:
        Path by name, sorted; the name is the path below `folder` without the last suffix.

    Raises:
        Refused: The folder is missing or without images, or two files have one name.
    """
    if not folder.is_dir():
        raise Refused(f"there is no folder {folder}")
    found: dict[str, Path] = {}
    others = []
    for path in _visible(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if path.suffix.lower() not in SUFFIXES:
            others.append(path)
        elif name in found:
            raise Refused(f"{found[name]} and {path} have the same name without suffix; remove one")
        else:
            found[name] = path
    if others:
        notes.append(f"not read, because they are no images: {some(map(str, others))}")
    if not found:
        raise Refused(f"there is no image in {folder}")
    return dict(sorted(found.items()))


def some(words: Iterable[str], most: int = 5) -> str:
    """Join the first words for a sentence and count the rest."""
    listed = list(words)
    rest = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + rest


def twins(blurred: Path, sharp: Path, notes: list[str]) -> list[NamedPair]:
    """Match two folders' images by name.

    Returns:
        Name, blurred file, sharp file, in the order of names.

    Raises:
        Refused: As in `image_files`, and where an image is without its twin.
    """
    first, second = image_files(blurred, notes), image_files(sharp, notes)
    # By name and never by position: one missing file would pair all that follow wrongly.
    for alone, there, folder in ((first, second, sharp), (second, first, blurred)):
        missing = [str(path) for name, path in alone.items() if name not in there]
        if missing:
            raise Refused(f"no twin in {folder} for {some(missing)}")
    return [(name, first[name], second[name]) for name in first]


def paired_items(pairs: Iterable[NamedPair], notes: list[str]) -> list[Item]:
    """Make items of twins, having checked the headers of both files.

    Args:
        pairs: Name, blurred file, sharp file.
        notes: Gets a sentence about what reading will convert with loss.

    Raises:
        Refused: A file is broken, twins differ in size, or two pairs have one name.
    """
    items: dict[str, Item] = {}
    headers: dict[Path, Header] = {}
    for name, blurred, sharp in pairs:
        one, two = read_header(blurred), read_header(sharp)
        if (one.height, one.width) != (two.height, two.width):
            sizes = f"{one.width}x{one.height}, {sharp} {two.width}x{two.height}"
            raise Refused(f"{blurred} has {sizes} pixels; twins must have one size")
        headers |= {blurred: one, sharp: two}
        if name in items:
            raise Refused(f"{blurred} and {items[name].blurred} are both named {name}")
        items[name] = Item(name, parent(name), blurred, sharp, one.height, one.width)
    notes += conversions(headers)
    return [items[name] for name in sorted(items)]


def conversions(headers: Mapping[Path, Header]) -> list[str]:
    """Say in sentences which files lose something when they are read."""
    alpha = [path.name for path, header in headers.items() if header.alpha]
    deep = [path.name for path, header in headers.items() if header.deep_colour]
    sentences = []
    if alpha:
        sentences.append(f"transparency is dropped from {some(alpha)}")
    if deep:
        sentences.append(f"16-bit colours are read with 8 bits from {some(deep)}")
    return sentences


def parent(name: str) -> str:
    """Give the folder part of a name, "" where there is none."""
    return name.rpartition("/")[0]


def _visible(folder: Path) -> Iterator[Path]:
    """Walk a folder in sorted order, leaving out what is hidden and the litter."""
    # Links are followed, because large data sets are often put together from them.
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and name.lower() not in _LITTER:
                yield Path(place, name)
