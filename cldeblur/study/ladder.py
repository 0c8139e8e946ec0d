"""The ladder of negatives: how sharp each stage's are on some training crops, and which epochs it lasts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from cldeblur.contrast.negatives.generator import Generator
    from cldeblur.contrast.schedules.schedule import Schedule

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Version:
    """One version of every crop: blurred, sharp, or a stage's negatives.

    Attributes:
        pictures: N of (H, W, 3), 8 bits.
        psnrs: of each crop to sharp, dB.
        energies: of each crop, the mean squared difference between neighbouring pixels over the sharp crop's;
            NaN where that is 0.
        energy: the mean of those differences over all crops, over the sharp crops' mean.
    """

    pictures: list[Pixels]
    psnrs: list[float]
    energies: list[float]
    energy: float

    @property
    def psnr(self) -> float:
        """Mean over the crops of the PSNR to sharp, dB."""
        return float(np.mean(self.psnrs))


@dataclass(frozen=True)
class Stage:
    """A stage of a run that has not begun.

    Attributes:
        level: of its negatives, in [0, 1).
        gain: the level's, dB.
        epochs: those that it lasts, as ranges; several where the schedule comes back to it.
        negatives: those of the K versions that can be made before training.
    """

    level: float
    gain: float
    epochs: list[range]
    negatives: list[Version]

    @property
    def length(self) -> int:
        """Number of epochs."""
        return sum(map(len, self.epochs))


@dataclass(frozen=True)
class Finished:
    """A finished network among the stages.

    Attributes:
        psnr: what it reaches, dB.
        gain: how much that is above the blurred images that it is scored on, dB.
        level: the level of this gain, not below 0.
        scored: which images these are, in words.
    """

    psnr: float
    gain: float
    level: float
    scored: str


@dataclass(frozen=True)
class Ladder:
    """All that a preview shows.

    Attributes:
        method: generator, schedule and level curve, in words.
        data: which crops these are, in words.
        names: of the images that the N crops are cut from.
        stages: in their order.
        max_epochs: epochs of the whole training.
        foreseen: whether the epochs of the stages are known before training.
        finished: a network that is done, if its PSNR was given.
        notes: what else the user should know.
    """

    method: str
    data: str
    names: list[str]
    blurred: Version
    stages: list[Stage]
    sharp: Version
    max_epochs: int
    foreseen: bool
    finished: Finished | None
    notes: list[str]

    def epochs_of(self, stage: Stage) -> str:
        """Which epochs a stage lasts, and how many these are, in words."""
        if not self.foreseen:
            return "epochs not known"
        if not stage.epochs:
            return "never reached"
        first, *others = stage.epochs
        return f"epochs {in_words(first)}{f' … {others[-1][-1]}' if others else ''} ({stage.length})"


def version(images: "Tensor", sharp: "Tensor") -> Version:
    """Measure a version of the crops: both (N, 3, H, W) in [0, 1]."""
    from cldeblur.contrast.diagnostics import gradient_energy
    from cldeblur.evaluation.metrics import METRICS
    from cldeblur.evaluation.pictures import to_picture

    psnr = METRICS["psnr"]
    own, reference = (gradient_energy(crops.double()).numpy() for crops in (images, sharp))
    with np.errstate(divide="ignore", invalid="ignore"):
        energies = np.where(reference > 0, own / reference, np.nan)
        energy = own.sum() / reference.sum()
    return Version(
        [np.asarray(to_picture(image)) for image in images],
        [psnr(image, target) for image, target in zip(images, sharp, strict=True)],
        energies.tolist(),
        float(energy),
    )


def stage_at(level: float, epochs: list[range], generator: "Generator", blurred: "Tensor", sharp: "Tensor") -> Stage:
    """A stage with the versions that a generator makes at its level, those left out that need a trained network."""
    from cldeblur.contrast.levels.scale import gain

    makeable = ["network" not in maker.uses for maker in generator.makers]
    made = zip(generator(blurred, sharp, level), makeable, strict=True) if any(makeable) else ()
    negatives = [version(images, sharp) for images, drawn in made if drawn]
    # The gain of level 0 is -0.0, whose sign nobody wants to read.
    return Stage(level, abs(gain(level)), epochs, negatives)


def epochs_of_stages(schedule: "Schedule", max_epochs: int) -> list[list[range]]:
    """The epochs of every stage, as ranges; none for a stage that is never reached."""
    stages = [schedule.stage(epoch) for epoch in range(max_epochs)]
    return [
        consecutive([epoch for epoch, present in enumerate(stages) if present == stage])
        for stage in range(schedule.stages)
    ]


def consecutive(numbers: Sequence[int]) -> list[range]:
    """Rising numbers as ranges without a gap."""
    groups = groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    runs = [[number for _, number in group] for _, group in groups]
    return [range(run[0], run[-1] + 1) for run in runs]


def in_words(numbers: range) -> str:
    """Give "3-7", or the number where there is one."""
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"


def evenly(count: int, most: int) -> list[int]:
    """All of 0 … count - 1, or `most` of them at even distances, the first and the last among them."""
    kept = min(count, most)
    return [round(place * (count - 1) / max(kept - 1, 1)) for place in range(kept)]
