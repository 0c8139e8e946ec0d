"""What a search varies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cldeblur.errors import Refused
from cldeblur.sweeps.axes import Axis, Choice, Interval, searched

ENDS = st.floats(1e-6, 1e6)


def axis(word: str) -> Axis:
    return searched([word, "levels.top=interval(0.1,0.6)"])[0][0]


def test_axes_and_what_is_fixed() -> None:
    words = ["data.root=x", "levels.top=interval(0.1,0.6)", "negatives=blend,unsharp", "seed=3"]
    assert searched(words) == (
        [Interval("levels.top", 0.1, 0.6, log=False, whole=False), Choice("negatives", ("blend", "unsharp"))],
        ["data.root=x", "seed=3"],
    )


def test_of_two_words_for_one_key_the_last_counts() -> None:
    axes, fixed = searched(["a=interval(0.1,0.6)", "b=interval(0.1,0.6)", "c=1", "a=0.5", "c=2"])
    assert [axis.key for axis in axes] == ["b"]
    assert fixed == ["a=0.5", "c=2"]


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("w=tag(log, interval(0.02, 0.3))", "w: real numbers from 0.02 to 0.3, on a logarithmic scale"),
        ("i=interval(100, 600)", "i: whole numbers from 100 to 600"),
        ("i=int(interval(1.0, 6.0))", "i: whole numbers from 1 to 6"),
        ("i=tag(log,interval(1,64))", "i: whole numbers from 1 to 64, on a logarithmic scale"),
        ("w=float(interval(0,1))", "w: real numbers from 0.0 to 1.0"),
        ("w=interval(-1,1.5)", "w: real numbers from -1.0 to 1.5"),
        ("w=interval(1e-3,1)", "w: real numbers from 0.001 to 1.0"),
        ("n=blend,unsharp", "n: one of blend, unsharp"),
        ("n=range(1,4)", "n: one of 1, 2, 3"),
    ],
)
def test_an_axis_says_what_it_is(word: str, text: str) -> None:
    assert str(axis(word)) == text


def test_whole_numbers_are_given_as_such() -> None:
    found = axis("i=interval(100,600)")
    assert found.value(150) == "150"
    assert isinstance(found, Interval)
    assert found.ends() == ["100", "600"]


@given(ENDS, ENDS, st.floats(0, 1))
def test_a_value_is_written_shortly_and_stays_within_its_ends(one: float, other: float, share: float) -> None:
    low, high = sorted((one, other))
    drawn = min(low + share * (high - low), high)
    value = float(Interval("a", low, high, log=False, whole=False).value(drawn))
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
        searched(words)
