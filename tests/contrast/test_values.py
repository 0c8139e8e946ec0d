"""Values out of a config file: numbers pass as they are, and all else is refused by its key."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cldeblur.contrast.values import real, reals, whole
from cldeblur.errors import Refused


@given(st.integers(), st.integers(-3, 3))
def test_whole_numbers_from_the_least_on(value: int, least: int) -> None:
    if value >= least:
        assert whole("a.b", value, least) == value
    else:
        with pytest.raises(Refused, match=rf"^a\.b must be a whole number and at least {least}; it is {value}$"):
            whole("a.b", value, least)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**9), 10**9))
def test_numbers(value: float) -> None:
    assert real("a.b", value) == value
    assert reals("a.b", [value, value]) == (value, value)


@pytest.mark.parametrize("check", [whole, real, reals])
@pytest.mark.parametrize("value", ["1", None, True, float("nan"), float("inf"), {}, "12"])
def test_what_is_no_number_is_refused_by_its_key(check: Callable[..., object], value: object) -> None:
    with pytest.raises(Refused, match=rf"^a\.b must be a .* it is {value}$"):
        check("a.b", value)


@pytest.mark.parametrize("values", [["a"], [0, None], [1, float("inf")], [True]])
def test_what_is_no_number_in_a_list(values: list[float]) -> None:
    with pytest.raises(Refused, match=r"^a\.b must be a finite number"):
        reals("a.b", values)
