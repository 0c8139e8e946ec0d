"""The identity of data, for records."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cldeblur.data.batch import Item, Split
from cldeblur.errors import Refused

_EDGE = 64 * 1024


def fingerprint(items: Sequence[Item]) -> str:
    """Hash what a list of items consists of.

    SHA-256 over the sorted lines of (role and name of the image, bytes of its file, SHA-256 of the
    first and the last 64 KiB). Names instead of paths on disk: the same pairs in another layout,
    or elsewhere, are the same data.

    Returns:
        64 hex digits.
    """
    lines = sorted(line for item in items for line in _lines(item))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def data_record(
    split: Split, name: str, root: str, items: Sequence[Item], synthetic: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Describe a split for `run.json`.

    Args:
        split: Which split.
        name: The data set's config name.
        root: Its folder, as the user gave it.
        items: The split's items.
        synthetic: The source's `synthetic`, with the seed of the blur, where it depends on one.
    """
    return {
        "split": split,
        "name": name,
        "root": root,
        "n": len(items),
        "fingerprint": fingerprint(items),
        "full": False,
        "synthetic": None if synthetic is None else dict(synthetic),
    }


def refuse_other_data(before: Sequence[Mapping[str, Any]], present: Sequence[Mapping[str, Any]]) -> None:
    """Refuse to take up a run whose splits, as its record describes them, hold other images now.

    Raises:
        Refused: a split that both describe has another fingerprint.
    """
    known = {entry["split"]: entry["fingerprint"] for entry in before}
    for entry in present:
        if known.get(entry["split"], entry["fingerprint"]) != entry["fingerprint"]:
            raise Refused(f"the {entry['split']} data in {entry['root']} are not those that the run began with")


def _lines(item: Item) -> Iterator[str]:
    for role, path in (("blurred", item.blurred), ("sharp", item.sharp)):
        if path is not None:
            yield f"{role}/{item.name}{path.suffix.lower()} {path.stat().st_size} {_edges(path)}"


def _edges(path: Path) -> str:
    """Hash the first and the last 64 KiB of a file; they overlap where it is shorter than both."""
    with path.open("rb") as file:
        # A name, a size and both edges tell files apart without reading gigabytes at every start.
        start = file.read(_EDGE)
        file.seek(max(0, path.stat().st_size - _EDGE))
        return hashlib.sha256(start + file.read(_EDGE)).hexdigest()
