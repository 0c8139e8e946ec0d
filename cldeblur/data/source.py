"""What every data set offers: lists of items, and pairs of arrays."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cldeblur.data.batch import Item, Split, Window
from cldeblur.data.images import Floats, Pixels, as_float, read_image
from cldeblur.errors import Refused

Pair = tuple[Floats, Floats]
"""Blurred and sharp, (H,W,3) float32 in [0, 1]."""


class Source(ABC):
    """A data set: its items by split, and how a pair is read.

    Lists are made when they are asked for, so that evaluating needs no training data and
    training no test data.

    Args:
        root: The folder that holds the data set.
        validation: Names of what is held out of the training data (`data.validation`).

    Attributes:
        root: As given, with "~" resolved.
        notes: Sentences for the log about what was found and decided.
        synthetic: What the record says about synthetic blur; None for real pairs.
    """

    def __init__(self, root: str | Path, validation: Sequence[str]) -> None:
        self.root = Path(root).expanduser()
        # A single name without brackets is a string, whose letters nobody means.
        names = [validation] if isinstance(validation, str) else validation
        self.validation = [str(name) for name in names]
        self.notes: list[str] = []
        self.synthetic: dict[str, Any] | None = None
        self._items: dict[Split, list[Item]] = {}

    def items(self, split: Split) -> list[Item]:
        """List a split's items, sorted by name; headers of all its files have been checked.

        Returns:
            The items; for "test" none where the data set has no test split.

        Raises:
            Refused: Files are missing, broken or do not match; the sentence names one.
        """
        if not self.root.is_dir():
            raise Refused(f"data.root is {self.root}; there is no such folder")
        if split not in self._items:
            if split == "test":
                self._items["test"] = self.test_items()
            else:
                self._divide()
        return list(self._items[split])

    def everything(self) -> list[Item]:
        """List all items outside the test split, whatever is held out, for scoring where there is no test split."""
        return self.training_items()

    def _divide(self) -> None:
        """Divide the training data into what is trained on and what is held out."""
        items = self.training_items()
        held = self.held_out(items)
        self._items["train"] = [item for item in items if item.name not in held]
        self._items["validation"] = [item for item in items if item.name in held]
        if not self._items["train"]:
            raise Refused(f"data.validation leaves none of {len(items)} images in {self.root} to train on")

    @abstractmethod
    def training_items(self) -> list[Item]:
        """List the training data, those held out included, sorted by name."""

    @abstractmethod
    def test_items(self) -> list[Item]:
        """List the test split, sorted by name; empty where there is none."""

    @abstractmethod
    def held_out(self, items: list[Item]) -> set[str]:
        """Give the names, out of the training data, of the items that validate."""

    @abstractmethod
    def read(self, item: Item, window: Window | None, key: tuple[int, ...]) -> Pair:
        """Read a pair, or a window of it.

        Args:
            item: One of `items`.
            window: The part to read, within the image; None is the whole image.
            key: Seeds synthetic blur and noise, not empty; real pairs ignore it.

        Returns:
            Blurred and sharp, (h,w,3) float32 in [0, 1].

        Raises:
            Refused: A file cannot be decoded.
        """


class PairedFiles(Source):
    """A source whose blurred images are files."""

    def read(self, item: Item, window: Window | None, key: tuple[int, ...]) -> Pair:
        """Read both files of an item; see `Source.read`."""
        del key  # nothing is random here
        if item.blurred is None:
            raise ValueError(f"{item.name} has no blurred file")
        return as_float(cut(read_image(item.blurred), window)), as_float(cut(read_image(item.sharp), window))


def cut(pixels: Pixels, window: Window | None) -> Pixels:
    """Cut a window out of (H,W,3) pixels; None leaves them whole."""
    if window is None:
        return pixels
    top, left, height, width = window
    return pixels[top : top + height, left : left + width]
