"""What a search varies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cldeblur.errors import Refused
from cldeblur.sweeps.axes import Choice, Interval, axes_of, fixed_words

ENDS = st.floats(1e-6, 1e6)


def test_axes_and_what_is_fixed() -> None:
    words = ["data.root=x", "levels.top=interval(0.1,0.6)", "negatives=blend,unsharp", "seed=3"]
    assert axes_of(words) == [
        Interval("levels.top", 0.1, 0.6, log=False),
        Choice("negatives", ("blend", "unsharp")),
    ]
    assert fixed_words(words) == ["data.root=x", "seed=3"]


def test_a_logarithmic_scale_and_whole_numbers() -> None:
    weight, interval = axes_of(["w=tag(log, interval(0.02, 0.3))", "schedule.interval=interval(100, 600)"])
    assert str(weight) == "w: real numbers from 0.02 to 0.3, on a logarithmic scale"
    assert str(interval) == "schedule.interval: whole numbers from 100 to 600"
    assert str(Choice("a", ("b", "c"))) == "a: one of b, c"
    assert isinstance(interval, Interval)
    assert interval.whole
    assert interval.value(150) == "150"


@given(ENDS, ENDS, st.floats(0, 1))
def test_a_value_is_written_shortly_and_stays_within_its_ends(one: float, other: float, share: float) -> None:
    low, high = sorted((one, other))
    drawn = min(low + share * (high - low), high)
    value = float(Interval("a", low, high, log=False).value(drawn))
    assert low <= value <= high
    assert value == pytest.approx(drawn, rel=1e-3)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["seed=1"], "no interval to search"),
        (["negatives=none,blend"], "no interval to search"),
        (["levels.top=interval(0.1,0.6)", "seed=1,2"], "finds the luckiest; give it one seed"),
        (["levels.top=interval(0.6,0.1)"], r"levels\.top=interval\(0\.6,0\.1\): the upper end is not above"),
        (["levels.top=interval(0.1,0.1)"], "the upper end is not above"),
        (["levels.top=tag(log,interval(0,0.5))"], "a logarithmic scale begins above 0"),
        (["levels.top=tag(lgo,interval(0.1,0.5))"], "no tag 'lgo', only log"),
    ],
)
def test_refused(words: list[str], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        axes_of(words)
