"""A folder of one's own pairs."""

from collections.abc import Sequence
from pathlib import Path

from cldeblur.data.batch import Item
from cldeblur.data.files import paired_items, twins
from cldeblur.data.source import PairedFiles
from cldeblur.data.validation import hold_out
from cldeblur.errors import Refused


class Folder(PairedFiles):
    """Pairs in `blur/` and `sharp/`, directly under the root or under its `train/` and `test/`.

    Twins have the same path below `blur/` and `sharp/` but for the suffix. That path without the
    suffix is the name, and its folder the sequence. Without `train/` there is no test split.

    Args:
        root: The folder.
        validation: Sub-folders or image stems to hold out; empty takes a tenth.
    """

    def __init__(self, root: str | Path, validation: Sequence[str]) -> None:
        super().__init__(root, validation)

    def training_items(self) -> list[Item]:
        """List `train/`, or the root itself if it holds `blur/` or `sharp/`."""
        folder = self.root if self._is_flat() else self.root / "train"
        if not folder.is_dir():
            raise Refused(f"{self.root} holds neither blur/ and sharp/ nor train/")
        return self._pairs(folder)

    def test_items(self) -> list[Item]:
        """List `test/`, if there is one."""
        folder = self.root / "test"
        return self._pairs(folder) if folder.is_dir() and not self._is_flat() else []

    def held_out(self, items: list[Item]) -> set[str]:
        """Take what `validation` names, or a tenth."""
        return hold_out(items, self.validation, self.notes)

    def _is_flat(self) -> bool:
        return any((self.root / name).is_dir() for name in ("blur", "sharp"))

    def _pairs(self, folder: Path) -> list[Item]:
        return paired_items(twins(folder / "blur", folder / "sharp", self.notes), self.notes)
