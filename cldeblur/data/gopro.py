"""GoPro, as it is distributed and in the flattened forms that projects make of it."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from cldeblur.data.batch import Item
from cldeblur.data.files import NamedPair, paired_items, twins
from cldeblur.data.source import PairedFiles
from cldeblur.errors import Refused

_FLAT_NAME = re.compile(r"(GOPR\d{4}_\d\d_\d\d)[-_](.+)")
_VIDEO = re.compile(r"(GOPR\d{4})_\d\d_\d\d")


class GoPro(PairedFiles):
    """GOPRO_Large of Nah, Kim and Lee (CVPR 2017): 22 sequences to train on, 11 to test.

    Read are `{train,test}/SEQUENCE/{blur,blur_gamma,sharp}/000001.png`, and the flattened
    `{train,test}/{blur,sharp}` or `{input,target}` with `SEQUENCE_000001.png` or
    `SEQUENCE-000001.png`. Names of items are "SEQUENCE/000001" in all of them.

    Args:
        root: The folder that holds `train/` and `test/`; either alone will do for its split.
        validation: Sequences, or source videos such as GOPR0386. All sequences of a named
            sequence's video are held out, because they show the same scene.
        blurred: "blur" (plain average of frames, what nearly all papers use) or "blur_gamma"
            (average in linear light).

    Raises:
        Refused: `blurred` is neither.
    """

    def __init__(self, root: str | Path, validation: Sequence[str], blurred: str = "blur") -> None:
        if blurred not in {"blur", "blur_gamma"}:
            raise Refused(f"data.source.blurred is '{blurred}'; it can be blur or blur_gamma")
        super().__init__(root, validation)
        self.blurred = blurred

    def training_items(self) -> list[Item]:
        """List `train/`."""
        return self._listed(self.root / "train")

    def test_items(self) -> list[Item]:
        """List `test/`, if there is one."""
        folder = self.root / "test"
        return self._listed(folder) if folder.is_dir() else []

    def held_out(self, items: list[Item]) -> set[str]:
        """Take whole source videos, since neighbouring frames would tell the answer."""
        sequences = sorted({item.sequence for item in items})
        for name in self.validation:
            if name not in sequences and name not in map(_video, sequences):
                raise Refused(
                    f"data.validation names {name}, which is not in {self.root / 'train'}; there are "
                    f"{', '.join(sequences)}; name others with data.validation=[...]"
                )
        videos = {_video(name) for name in self.validation}
        held = [sequence for sequence in sequences if _video(sequence) in videos]
        taken = f"all parts of {', '.join(sorted(videos))}: {', '.join(held)}" if held else "nothing"
        self.notes.append(f"held out for validation: {taken}")
        return {item.name for item in items if item.sequence in held}

    def _listed(self, folder: Path) -> list[Item]:
        if not folder.is_dir():
            raise Refused(f"there is no folder {folder} (data.root is {self.root})")
        flat = any((folder / name).is_dir() for name in ("sharp", "target"))
        pairs = self._flattened(folder) if flat else self._distributed(folder)
        return paired_items(pairs, self.notes)

    def _distributed(self, folder: Path) -> Iterator[NamedPair]:
        """Give the pairs of a folder of sequences."""
        sequences = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
        if not sequences:
            raise Refused(f"there is no sequence in {folder}")
        for sequence in sequences:
            for name, blurred, sharp in twins(sequence / self.blurred, sequence / "sharp", self.notes):
                yield f"{sequence.name}/{name}", blurred, sharp

    def _flattened(self, folder: Path) -> list[NamedPair]:
        """Give the pairs of a folder in which names carry the sequence."""
        has_target = (folder / "target").is_dir()
        ordinary = "input" if has_target else "blur"
        # Projects that flatten leave blur_gamma behind; who asks for it is told which folder is missing.
        blurred = folder / ("blur_gamma" if self.blurred == "blur_gamma" else ordinary)
        sharp = folder / ("target" if has_target else "sharp")
        return [(_unflattened(name), one, two) for name, one, two in twins(blurred, sharp, self.notes)]


def _unflattened(name: str) -> str:
    """Turn "SEQUENCE_000001" or "SEQUENCE-000001" into "SEQUENCE/000001"."""
    match = _FLAT_NAME.fullmatch(name)
    return f"{match[1]}/{match[2]}" if match else name


def _video(sequence: str) -> str:
    """Give the source video of a sequence; other names are their own."""
    match = _VIDEO.fullmatch(sequence)
    return match[1] if match else sequence
