"""The scale of levels: decibels and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cldeblur.contrast.levels.scale import gain, level_of_gain


@given(st.floats(0, 40))
def test_gain_and_level_are_inverse(decibels: float) -> None:
    assert gain(level_of_gain(decibels)) == pytest.approx(decibels, abs=1e-9)


def test_half_is_six_decibels() -> None:
    assert gain(0.5) == pytest.approx(6.0206, abs=1e-4)
