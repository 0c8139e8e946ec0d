"""Level curves: what all of them have, each one's own way, and the cap."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cldeblur.contrast.levels.cosine import Cosine
from cldeblur.contrast.levels.curve import LevelCurve
from cldeblur.contrast.levels.gains import Gains
from cldeblur.contrast.levels.geometric import Geometric
from cldeblur.contrast.levels.linear import Linear
from cldeblur.contrast.levels.ramp import Ramp
from cldeblur.contrast.levels.scale import gain
from cldeblur.errors import Refused

RAMPS = st.sampled_from([Linear, Cosine, Geometric])
TOPS = st.floats(0, 1, exclude_max=True)
SHARES = st.floats(0, 1, exclude_min=True)


def test_levels_rise_from_0_and_stay_below_1(curve: LevelCurve) -> None:
    levels = curve.levels(5)
    assert levels[0] == 0
    assert levels == sorted(levels)
    assert levels[-1] == pytest.approx(0.37, abs=1e-2), "all curves end at 4 dB"
    assert [curve.level(stage, 5) for stage in range(5)] == levels


def test_shipped_curves_have_no_cap(curve: LevelCurve) -> None:
    assert [curve.capped(level, reached=0.0) for level in curve.levels(5)] == curve.levels(5)


@given(RAMPS, TOPS, st.integers(2, 12))
def test_ramps_go_from_0_to_the_top(ramp: type[Ramp], top: float, stages: int) -> None:
    levels = ramp(top).levels(stages)
    assert len(levels) == stages
    assert levels[0] == 0
    assert levels[-1] == pytest.approx(top, abs=1e-12)
    assert all(earlier <= later < 1 for earlier, later in pairwise(levels))
    assert ramp(top).levels(1) == [0]


@given(st.floats(0, 0.99), st.integers(2, 12))
def test_steps(top: float, stages: int) -> None:
    def steps(values: list[float]) -> list[float]:
        return [later - earlier for earlier, later in pairwise(values)]

    equal = pytest.approx([top / (stages - 1)] * (stages - 1), abs=1e-9)
    assert steps(Linear(top).levels(stages)) == equal
    decibels = [gain(level) for level in Geometric(top).levels(stages)]
    assert steps(decibels) == pytest.approx([gain(top) / (stages - 1)] * (stages - 1), abs=1e-9)
    cosine = steps(Cosine(top).levels(stages))
    assert cosine == pytest.approx(cosine[::-1], abs=1e-9), "as slow to arrive as to leave"


def test_values() -> None:
    assert Linear(top=0.4).levels(3) == pytest.approx([0, 0.2, 0.4])
    assert Cosine(top=0.4).levels(5) == pytest.approx([0, 0.0585786, 0.2, 0.3414214, 0.4])
    assert Geometric(top=0.75).levels(3) == pytest.approx([0, 0.5, 0.75])
    assert Gains([0, 20]).levels(2) == pytest.approx([0, 0.9])


@given(RAMPS, TOPS, SHARES, TOPS)
def test_the_cap_is_a_share_of_what_is_reached(ramp: type[Ramp], level: float, cap: float, reached: float) -> None:
    curve = ramp(cap=cap)
    assert curve.capped(level, reached) == (level if level <= cap * reached else cap * reached)
    assert curve.capped(level, reached=0.0) == 0


def test_gains_are_one_a_stage() -> None:
    with pytest.raises(Refused, match=r"levels.gains.*3.*schedule.stages=5"):
        Gains([0, 1, 2]).levels(5)


@pytest.mark.parametrize("ramp", [Linear, Cosine, Geometric])
@pytest.mark.parametrize("top", [1.0, -0.1, float("nan")])
def test_a_top_outside_its_range_is_refused(ramp: type[Ramp], top: float) -> None:
    with pytest.raises(Refused, match=r"levels\.top must be"):
        ramp(top)


@pytest.mark.parametrize("cap", [0, -0.5, 1.1, float("nan")])
def test_a_cap_outside_its_range_is_refused(cap: float) -> None:
    with pytest.raises(Refused, match=r"levels\.cap must be"):
        Linear(cap=cap)
    with pytest.raises(Refused, match=r"levels\.cap must be"):
        Gains([0, 1], cap=cap)


@pytest.mark.parametrize(
    ("make", "values", "key"),
    [
        (Linear, {"match": "ssim"}, r"levels\.match"),
        (Gains, {"gains": [1, 2]}, r"levels\.gains"),
        (Gains, {"gains": [0, 2, 1]}, r"levels\.gains must begin with 0 and never fall"),
        (Gains, {"gains": [0, float("inf")]}, r"levels\.gains"),
        (Gains, {"gains": [0, 400]}, r"levels\.gains hold 400 dB, .*: a level lies below 1"),
        (Gains, {"gains": []}, r"levels\.gains"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(make: type, values: dict[str, Any], key: str) -> None:
    with pytest.raises(Refused, match=key):
        make(**values)
