"""What a sweep shows: every arm beside the baseline, over seeds and over sequences."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cldeblur.errors import Refused
from cldeblur.study.arms import Arm, choose_baseline, make_arms
from cldeblur.study.comparable import refuse_unlike
from cldeblur.study.runs import Run, read_runs
from cldeblur.study.scores import Scores, Values
from cldeblur.study.statistics import Interval, Paired, mean_interval, paired_differences, varies

PRIMARY = "psnr"


@dataclass(frozen=True)
class OverSequences:
    """An arm minus the baseline on each sequence: the mean over its images and over the seeds that both have.

    Attributes:
        differences: by the sequence's name, in the metric's unit.
        mean: of the differences, every sequence counting once.
        interval: 95 %, Student's t with sequences as units; None where they do not vary.
    """

    differences: dict[str, float]
    mean: float
    interval: Interval | None


@dataclass(frozen=True)
class Contrasted:
    """An arm beside the baseline.

    Attributes:
        arm: the arm.
        differences: over seeds, by metric.
        sequences: of PSNR; None where no seed is shared, or the images are not of two sequences or more.
    """

    arm: Arm
    differences: dict[str, Paired]
    sequences: OverSequences | None


@dataclass(frozen=True)
class Comparison:
    """Everything that `comparison.md` says.

    Attributes:
        title: name of the folder that was read.
        baseline: the arm that all others are compared with.
        others: by name.
        left_out: a sentence for each run that does not count.
    """

    title: str
    baseline: Arm
    others: tuple[Contrasted, ...]
    left_out: tuple[str, ...]

    @property
    def arms(self) -> tuple[Arm, ...]:
        """All arms, the baseline first."""
        return (self.baseline, *(other.arm for other in self.others))

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs that count, by arm and seed."""
        return tuple(run for arm in self.arms for run in arm.runs)

    @property
    def scores(self) -> Scores:
        """Those of one run: its images, split and protocol are every run's."""
        return self.baseline.runs[0].scores


def make_comparison(folder: Path, baseline: str | None = None) -> Comparison:
    """Compare the arms of the runs below a folder.

    Args:
        folder: a sweep's directory, or any other that holds runs.
        baseline: `key=value,…` that selects the arm to compare with; None: the arm without negatives.

    Raises:
        Refused: there are not two arms that can be compared, or nothing selects one baseline.
    """
    runs, left_out = read_runs(folder)
    if not runs:
        reasons = f": {'; '.join(left_out)}" if left_out else ""
        raise Refused(f"{folder} holds no completed training{reasons}")
    refuse_unlike(runs)
    arms, repeated = make_arms(runs)
    if len(arms) == 1:
        count = f"{len(arms[0].runs)} completed training{'s' if len(arms[0].runs) > 1 else ''}"
        raise Refused(f"{folder} holds {count}, all of one method; a comparison needs two, with seeds in common")
    chosen = choose_baseline(arms, baseline)
    others = [arm for arm in arms if arm is not chosen]
    return Comparison(folder.resolve().name, chosen, _contrast(chosen, others), (*left_out, *repeated))


def _contrast(baseline: Arm, others: Sequence[Arm]) -> tuple[Contrasted, ...]:
    metrics = baseline.runs[0].scores.metrics
    by_metric = {
        metric: paired_differences(baseline.means(metric), [arm.means(metric) for arm in others]) for metric in metrics
    }
    return tuple(
        Contrasted(arm, {metric: by_metric[metric][place] for metric in metrics}, over_sequences(baseline, arm))
        for place, arm in enumerate(others)
    )


def over_sequences(baseline: Arm, arm: Arm) -> OverSequences | None:
    """Compare two arms on each sequence; None where that says nothing."""
    shared = sorted(set(baseline.seeds) & set(arm.seeds))
    images = baseline.runs[0].scores.names
    sequences = baseline.runs[0].scores.sequences
    if not shared or len(set(sequences)) < 2:
        return None
    gains = _by_image(arm, shared, images) - _by_image(baseline, shared, images)
    members = {
        name: [place for place, other in enumerate(sequences) if other == name] for name in sorted(set(sequences))
    }
    differences = {name: float(gains[places].mean()) for name, places in members.items()}
    values = np.array(list(differences.values()))
    low, high = mean_interval(values) if varies(values) else (None, None)
    interval = None if low is None or high is None else Interval(float(low), float(high))
    return OverSequences(differences, float(values.mean()), interval)


def _by_image(arm: Arm, seeds: Sequence[int], images: Sequence[str]) -> Values:
    """PSNR of each image, the mean over some seeds."""
    tables = [run.scores.by_image(PRIMARY) for run in arm.runs if run.seed in seeds]
    values: Values = np.array([[table[name] for name in images] for table in tables]).mean(axis=0)
    return values
