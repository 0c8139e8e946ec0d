"""Which images of a folder are held out of training."""

import hashlib
from collections.abc import Sequence
from difflib import get_close_matches

from cldeblur.data.batch import Item
from cldeblur.data.files import some
from cldeblur.errors import Refused


def hold_out(items: Sequence[Item], named: Sequence[str], notes: list[str]) -> set[str]:
    """Choose the images that validate.

    Args:
        items: The training data.
        named: Sub-folders or image stems (`data.validation`); if there are none, the tenth of the
            names with the smallest SHA-1 is taken, at least one.
        notes: Gets a sentence that names what was taken of its own accord.

    Returns:
        Names of items.

    Raises:
        Refused: A name matches nothing; the sentence tells the nearest that does.
    """
    if named:
        return {item.name for word in named for item in _matching(items, word)}
    names = sorted((item.name for item in items), key=_digest)
    taken = names[: max(1, len(names) // 10)]
    notes.append(f"data.validation is empty; held out: {some(sorted(taken), most=len(taken))}")
    return set(taken)


def _matching(items: Sequence[Item], word: str) -> list[Item]:
    """Give the items that a word names, at least one."""
    matching = [item for item in items if word in _titles(item)]
    if not matching:
        known = sorted({title for item in items for title in _titles(item)})
        # Without a cutoff something is always near, and a wrong guess still shows what names look like.
        near = get_close_matches(word, known, n=1, cutoff=0.0)[0]
        raise Refused(f"data.validation: no sub-folder or image '{word}'; did you mean '{near}'?")
    return matching


def _titles(item: Item) -> set[str]:
    """Give all words that name an item: its name, its stem, and the folders above it."""
    parts = item.name.split("/")
    folders = {"/".join(parts[:depth]) for depth in range(1, len(parts))}
    return folders | {item.name, parts[-1]}


def _digest(name: str) -> str:
    """Hash a name; the choice then depends on names alone, not on order or number."""
    return hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
