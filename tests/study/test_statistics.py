"""The statistics of small gains, on simulated runs whose truth is known."""

import gc
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cldeblur.study.statistics import (
    LEVEL,
    Paired,
    correlation,
    detectable_difference,
    holm,
    mean_interval,
    paired_differences,
    power,
    seeds_needed,
    t_test,
)
from cldeblur.study.verdict import decide

REPETITIONS = 20_000
RUN_SPREAD = 0.07  # dB, between runs of one recipe
SEEDS = [3, 5, 10]


@pytest.fixture
def swift(monkeypatch: pytest.MonkeyPatch) -> None:
    """Statsmodels collects garbage at every correction, which is most of the time of a thousand of them."""
    monkeypatch.setattr(gc, "collect", lambda: 0)


def simulated(repetitions: int, arms: int, seeds: int, gain: float = 0.0, shared: float = 0.5) -> np.ndarray:
    """PSNR (repetitions, 1 + arms, seeds), the baseline first; runs of one seed share some of their luck."""
    random = np.random.default_rng([arms, seeds])
    common = random.standard_normal((repetitions, 1, seeds))
    own = random.standard_normal((repetitions, 1 + arms, seeds))
    runs = 31.5 + RUN_SPREAD * (math.sqrt(shared) * common + math.sqrt(1 - shared) * own)
    runs[:, 1:] += gain
    return runs


def judged(runs: np.ndarray) -> list[Paired]:
    """What is found in one comparison, runs (1 + arms, seeds)."""
    baseline, *arms = [dict(enumerate(values.tolist())) for values in runs]
    return paired_differences(baseline, arms)


@pytest.mark.parametrize("seeds", SEEDS)
def test_an_interval_of_95_percent_covers_the_truth_in_95_percent(seeds: int) -> None:
    runs = simulated(REPETITIONS, 1, seeds, gain=0.1)
    low, high = mean_interval(runs[:, 1] - runs[:, 0])
    assert 0.94 < np.mean((low <= 0.1) & (high >= 0.1)) < 0.96


@pytest.mark.parametrize("seeds", SEEDS)
def test_a_percentile_bootstrap_would_not(seeds: int) -> None:
    runs = simulated(2000, 1, seeds, gain=0.1)
    differences = runs[:, 1] - runs[:, 0]
    picks = np.random.default_rng(0).integers(0, seeds, (500, seeds))
    low, high = np.quantile(differences[:, picks].mean(axis=-1), [0.025, 0.975], axis=-1)
    assert np.mean((low <= 0.1) & (high >= 0.1)) < 0.93


@pytest.mark.parametrize("seeds", SEEDS)
def test_the_joint_intervals_of_five_arms_hold_together(seeds: int) -> None:
    runs = simulated(REPETITIONS, 5, seeds, gain=0.1)
    low, high = mean_interval(runs[:, 1:] - runs[:, :1], 1 - LEVEL / 5)
    together = np.all((low <= 0.1) & (high >= 0.1), axis=1)
    assert 0.945 < together.mean() < 0.99
    alone_low, alone_high = mean_interval(runs[:, 1:] - runs[:, :1])
    assert np.all((alone_low <= 0.1) & (alone_high >= 0.1), axis=1).mean() < 0.92


@pytest.mark.usefixtures("swift")
@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("arms", [1, 5])
def test_luck_alone_is_significant_in_at_most_5_percent(arms: int, seeds: int) -> None:
    """The best of five arms included: an error on any arm counts."""
    runs = simulated(8000, arms, seeds)
    p_values = t_test(runs[:, 1:] - runs[:, :1])
    wrong = np.mean([min(holm(family)) <= LEVEL for family in p_values.tolist()])
    assert 0.02 < wrong < LEVEL + 3 * math.sqrt(LEVEL * (1 - LEVEL) / 8000)
    if arms > 1:
        assert np.mean(p_values.min(axis=1) <= LEVEL) > 2 * LEVEL  # so it would be without the correction


@pytest.mark.usefixtures("swift")
def test_luck_alone_earns_a_verdict_in_at_most_5_percent() -> None:
    families = simulated(200, 5, 3, shared=0.0)
    words = [{decide(paired, 5).word for paired in judged(runs)} for runs in families]
    assert np.mean([found != {"no verdict"} for found in words]) < LEVEL + 3 * math.sqrt(LEVEL / 200)


def test_a_true_gain_is_found_as_often_as_the_power_says() -> None:
    runs = simulated(REPETITIONS, 1, 5, gain=0.12)
    differences = runs[:, 1] - runs[:, 0]
    found = np.mean((t_test(differences) <= LEVEL) & (differences.mean(axis=1) > 0))
    assert found == pytest.approx(power(0.12, RUN_SPREAD, 5), abs=0.01)


def test_intervals_over_sequences_cover_where_those_over_images_do_not() -> None:
    random = np.random.default_rng(3)
    sequences = 0.1 + 0.2 * random.standard_normal((REPETITIONS, 11, 1))
    images = sequences + 0.1 * random.standard_normal((REPETITIONS, 11, 20))
    low, high = mean_interval(images.mean(axis=2))
    assert 0.93 < np.mean((low <= 0.1) & (high >= 0.1)) < 0.97
    low, high = mean_interval(images.reshape(REPETITIONS, -1))
    assert np.mean((low <= 0.1) & (high >= 0.1)) < 0.6


# Seeds for a true gain, by the standard deviation of the paired difference: two-sided, 5 %, power 80 %.
NEEDED = {
    0.05: {0.05: 10, 0.07: 18, 0.099: 33, 0.13: 56},
    0.06: {0.05: 8, 0.07: 13, 0.099: 24, 0.13: 39},
    0.10: {0.05: 5, 0.07: 7, 0.099: 10, 0.13: 16},
    0.12: {0.05: 4, 0.07: 5, 0.099: 8, 0.13: 12},
}
POWERS = [(0.10, 3, (0.47, 0.30, 0.18)), (0.10, 5, (0.91, 0.67, 0.41)), (0.12, 3, (0.59, 0.38, 0.23))]


@pytest.mark.parametrize(("gain", "spread"), [(gain, spread) for gain in NEEDED for spread in NEEDED[gain]])
def test_seeds_needed(gain: float, spread: float) -> None:
    assert seeds_needed(gain, spread) == NEEDED[gain][spread]


@pytest.mark.parametrize(("gain", "seeds", "expected"), POWERS)
def test_power(gain: float, seeds: int, expected: tuple[float, ...]) -> None:
    found = [power(gain, spread, seeds) for spread in (0.05, 0.07, 0.099)]
    assert found == pytest.approx(expected, abs=0.006)


@given(st.integers(2, 300), st.floats(1e-4, 10), st.integers(1, 20))
def test_a_detectable_difference_is_the_one_with_80_percent_power(seeds: int, spread: float, arms: int) -> None:
    found = detectable_difference(spread, seeds, arms)
    assert power(found, spread, seeds, arms) == pytest.approx(0.8, abs=1e-6)
    assert power(2 * found, spread, seeds, arms) > 0.8
    assert detectable_difference(spread, seeds, arms + 1) > found


@given(st.floats(0.01, 1), st.floats(0.01, 1), st.integers(1, 10))
def test_the_seeds_needed_are_the_fewest(gain: float, spread: float, arms: int) -> None:
    needed = seeds_needed(gain, spread, arms)
    assert needed is None or power(gain, spread, needed, arms) >= 0.8
    if needed is not None and needed > 3:
        assert power(gain, spread, needed - 1, arms) < 0.8


def test_seeds_without_end() -> None:
    assert seeds_needed(0.001, 1.0) is None
    assert seeds_needed(10.0, 0.01) == 3


def test_paired_differences_take_the_seeds_that_both_have() -> None:
    first, second, third = paired_differences(
        {1: 30.0, 2: 30.1, 4: 30.3}, [{4: 30.5, 1: 30.1, 2: 30.2, 9: 40.0}, {1: 30.2}, {7: 1.0}]
    )
    assert first.seeds == (1, 2, 4)
    assert first.values == pytest.approx((0.1, 0.1, 0.2))
    assert first.mean == pytest.approx(0.4 / 3)
    assert first.spread == pytest.approx(0.1 / math.sqrt(3))
    assert first.correlation == pytest.approx(0.9958706)
    assert first.evidence is not None
    # Student's t with two degrees of freedom: 4.302653.
    assert first.evidence.interval.high - first.mean == pytest.approx(4.302653 * 0.1 / 3)
    assert first.evidence.p_holm == pytest.approx(3 * first.evidence.p)
    assert first.evidence.joint.low < first.evidence.interval.low
    assert (second.values, second.spread, second.correlation, second.evidence) == (
        pytest.approx((0.2,)),
        None,
        None,
        None,
    )
    assert (third.seeds, third.values, third.evidence) == ((), (), None)
    assert math.isnan(third.mean)


def test_differences_that_do_not_vary_are_no_evidence() -> None:
    (found,) = paired_differences({1: 30.0, 2: 31.0, 3: 32.0}, [{1: 30.1, 2: 31.1, 3: 32.1}])
    assert found.mean == pytest.approx(0.1)
    assert found.evidence is None


def test_an_arm_that_cannot_be_tested_counts_as_tried() -> None:
    baseline, arm = {1: 30.0, 2: 30.1, 3: 30.3}, {1: 30.1, 2: 30.3, 3: 30.5}
    (alone,), (first, _, _) = paired_differences(baseline, [arm]), paired_differences(baseline, [arm, {1: 30.0}, {}])
    assert alone.evidence is not None
    assert first.evidence is not None
    assert first.evidence.p_holm == pytest.approx(3 * alone.evidence.p_holm)
    assert first.evidence.joint.low < alone.evidence.joint.low == pytest.approx(alone.evidence.interval.low)


def test_two_seeds_show_nothing_however_alike() -> None:
    (found,) = paired_differences({1: 30.0, 2: 30.1}, [{1: 30.5, 2: 30.6001}])
    assert found.evidence is not None
    assert found.evidence.p < LEVEL
    assert found.evidence.detectable is None
    assert decide(found, 1).word == "no verdict"


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


@pytest.mark.parametrize(("first", "second"), [([1.0, 2.0], [1.0, 2.0]), ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])])
def test_a_correlation_needs_three_pairs_that_vary(first: list[float], second: list[float]) -> None:
    assert correlation(first, second) is None


@pytest.mark.parametrize(
    ("values", "arms", "word", "grounds"),
    [
        ([0.1, 0.12, 0.11, 0.13], 1, "better", r"\+0.115 dB \(95 % interval \+0.094 to \+0.136 dB; 4 seeds; p = 0.00"),
        ([-0.1, -0.12, -0.11], 1, "worse", "-0.110 dB"),
        ([0.1, -0.05, 0.2], 1, "no verdict", "is wider than the claim"),
        ([0.05, 0.12, 0.10], 4, "no verdict", "p = 0.2 after the correction for 4 arms"),
        ([0.1, 0.1, 0.1], 1, "no verdict", "all 3 seeds give the same difference"),
        ([0.1, 0.11], 1, "no verdict", "2 seeds are shared"),
        ([0.1], 1, "no verdict", "one seed is shared"),
        ([], 1, "no verdict", "no seed is shared"),
    ],
)
def test_verdicts(values: list[float], arms: int, word: str, grounds: str) -> None:
    runs = {seed: 30.0 + seed for seed in range(max(1, len(values)))}
    mine = {seed: runs[seed] + value for seed, value in enumerate(values)}
    family = [mine, *[{seed: value + (-1) ** seed for seed, value in runs.items()}] * (arms - 1)]
    verdict = decide(paired_differences(runs, family)[0], arms)
    assert verdict.word == word
    assert re.search(grounds, verdict.grounds), verdict.grounds
