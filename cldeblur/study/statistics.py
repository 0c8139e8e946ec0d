"""Is a difference between two arms more than luck? Pure functions of numbers.

The unit is a seed: one training of either arm. Differences are taken within a seed, and Student's t over them
says how far their mean may be off. Its coverage, and how often luck alone earns a verdict, are simulated in
the tests.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import pearsonr, ttest_1samp
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

Values = NDArray[np.float64]

LEVEL = 0.05  # how often luck alone may earn a verdict, over all arms of a comparison together
POWER = 0.8
FEWEST_SEEDS = 3
MOST_SEEDS = 10_000
# Means over images that agree to this differ by rounding, not by training.
ROUNDING = 1e-9


class Interval(NamedTuple):
    """Where a true mean lies; an interval of 95 % misses it in one of twenty repetitions."""

    low: float
    high: float


@dataclass(frozen=True)
class Evidence:
    """What the spread of differences over seeds allows to say of their mean.

    Attributes:
        interval: 95 %, for this arm on its own.
        joint: 95 % that the intervals of all arms hold at once (Bonferroni).
        p: two-sided, of Student's t test that the true mean is 0.
        p_holm: the same after Holm's correction for the number of arms.
        detectable: the true difference that this many seeds show with 80 % power at the corrected level; None for
            fewer than three seeds, which earn no verdict.
    """

    interval: Interval
    joint: Interval
    p: float
    p_holm: float
    detectable: float | None


@dataclass(frozen=True)
class Paired:
    """An arm minus the baseline over the seeds that both have, in the metric's unit.

    Attributes:
        seeds: ascending.
        values: a difference a seed.
        mean: of the values; NaN where there are none.
        spread: their standard deviation (dividing by n - 1); None for fewer than two.
        correlation: Pearson's, between the two arms' means over the seeds; None for fewer than three.
        evidence: None for fewer than two seeds, or where all differences are the same number.
    """

    seeds: tuple[int, ...]
    values: tuple[float, ...]
    mean: float
    spread: float | None
    correlation: float | None
    evidence: Evidence | None


def paired_differences(baseline: Mapping[int, float], arms: Sequence[Mapping[int, float]]) -> list[Paired]:
    """Compare arms with the baseline, each over the seeds that it shares with it.

    Args:
        baseline: a number a seed.
        arms: the same for every other arm; the corrections are for as many comparisons as there are arms.
    """
    shared = [sorted(set(baseline) & set(arm)) for arm in arms]
    samples = [
        np.array([arm[seed] - baseline[seed] for seed in seeds]) for arm, seeds in zip(arms, shared, strict=True)
    ]
    evidence = _evidences(samples)
    return [
        _paired(baseline, arm, seeds, sample, found)
        for arm, seeds, sample, found in zip(arms, shared, samples, evidence, strict=True)
    ]


def _paired(
    baseline: Mapping[int, float],
    arm: Mapping[int, float],
    seeds: Sequence[int],
    sample: Values,
    evidence: Evidence | None,
) -> Paired:
    return Paired(
        seeds=tuple(seeds),
        values=tuple(sample.tolist()),
        mean=float(sample.mean()) if len(sample) else math.nan,
        spread=float(sample.std(ddof=1)) if len(sample) > 1 else None,
        correlation=correlation([baseline[seed] for seed in seeds], [arm[seed] for seed in seeds]),
        evidence=evidence,
    )


def _evidences(samples: Sequence[Values]) -> list[Evidence | None]:
    """Evidence for every sample that varies; the others count as arms that were tried."""
    p_values = [float(t_test(sample)) if varies(sample) else 1.0 for sample in samples]
    corrected = zip(samples, p_values, holm(p_values), strict=True)
    return [_evidence(sample, len(samples), p, p_holm) if varies(sample) else None for sample, p, p_holm in corrected]


def _evidence(sample: Values, comparisons: int, p: float, p_holm: float) -> Evidence:
    seeds, spread = len(sample), float(sample.std(ddof=1))
    one, all_at_once = mean_interval(sample), mean_interval(sample, 1 - LEVEL / comparisons)
    return Evidence(
        interval=Interval(float(one[0]), float(one[1])),
        joint=Interval(float(all_at_once[0]), float(all_at_once[1])),
        p=p,
        p_holm=p_holm,
        detectable=detectable_difference(spread, seeds, comparisons) if seeds >= FEWEST_SEEDS else None,
    )


def varies(sample: ArrayLike) -> bool:
    """Whether there are two numbers or more, and they are not all the same."""
    numbers = np.asarray(sample)
    return numbers.size > 1 and float(np.ptp(numbers)) > ROUNDING


def t_test(samples: ArrayLike) -> Values:
    """Two-sided p of Student's t test that the true mean is 0, over the last axis."""
    return np.asarray(ttest_1samp(samples, 0.0, axis=-1).pvalue)


def mean_interval(samples: ArrayLike, confidence: float = 1 - LEVEL) -> tuple[Values, Values]:
    """Student's t interval of the mean over the last axis.

    A percentile bootstrap would miss the truth in a quarter of comparisons of three seeds, where this one keeps
    to its word.
    """
    found = ttest_1samp(samples, 0.0, axis=-1).confidence_interval(confidence)
    return np.asarray(found.low), np.asarray(found.high)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down correction: rejecting at 0.05 errs in 5 % of families that hold only luck."""
    return [float(p) for p in multipletests(p_values, method="holm")[1]]


def correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Pearson's; None for fewer than three pairs, or where one side does not vary."""
    if len(first) < FEWEST_SEEDS or not (varies(first) and varies(second)):
        return None
    return float(pearsonr(first, second).statistic)


def power(difference: float, spread: float, seeds: int, comparisons: int = 1) -> float:
    """How often a true difference is shown, in its own direction, by a two-sided paired t test.

    Args:
        difference: true mean of the paired differences.
        spread: their true standard deviation, above 0.
        seeds: pairs of runs, at least 2.
        comparisons: arms that are tried at once; the test is at `LEVEL / comparisons`, Holm's first step.
    """
    side = LEVEL / 2 / comparisons
    found = float(TTestPower().power(abs(difference) / spread, seeds, side, alternative="larger"))
    # SciPy's noncentral t gives NaN for some large effects, all of which are found for certain.
    return 1.0 if math.isnan(found) else found


def detectable_difference(spread: float, seeds: int, comparisons: int = 1) -> float:
    """The true difference that `power` gives a chance of 80 %."""

    def excess(effect: float) -> float:
        return power(effect, 1.0, seeds, comparisons) - POWER

    return spread * float(brentq(excess, 0.0, _doubled_until(lambda effect: excess(effect) > 0)))


def seeds_needed(difference: float, spread: float, comparisons: int = 1) -> int | None:
    """The fewest seeds, at least three, with 80 % power to show a true difference; None for more than 10,000."""

    def enough(seeds: float) -> bool:
        return power(difference, spread, int(seeds), comparisons) >= POWER

    few, many = FEWEST_SEEDS - 1, min(int(_doubled_until(enough)), MOST_SEEDS)
    if not enough(many):
        return None
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many


def _doubled_until(holds: Callable[[float], bool]) -> float:
    """The first of 4, 8, 16, … for which something holds, or the first beyond `MOST_SEEDS`."""
    number = 4.0
    while number <= MOST_SEEDS and not holds(number):
        number *= 2
    return number
