"""The schedule that looks at the training: when it advances, and when not."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cldeblur.contrast.schedules.adaptive import Adaptive
from cldeblur.errors import Refused

NAN, INFINITY = float("nan"), float("inf")


def adaptive(**values: Any) -> Adaptive:
    """A schedule of three stages, two epochs each at least."""
    settings = {"signal": "contrast/push_fraction", "bound": 0.5, "change": 0.0, "patience": 2, "stages": 3}
    return Adaptive(**{**settings, **values})


def stages(schedule: Adaptive, signals: Sequence[float | None]) -> list[int]:
    """The stage of each epoch, and of the one after the last."""
    for epoch, value in enumerate(signals):
        schedule.observe(epoch, value)
    return [schedule.stage(epoch) for epoch in range(len(signals) + 1)]


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ([0.9, 0.8, 0.7], [0, 0, 0, 0]),
        ([0.4, 0.4, 0.6], [0, 0, 1, 1]),
        ([0.4, 0.6, 0.4, 0.4], [0, 0, 0, 0, 1]),
        ([0.5, 0.5, 0.4, 0.4], [0, 0, 0, 0, 1]),
        ([0.1] * 8, [0, 0, 1, 1, 2, 2, 2, 2, 2]),
        ([0.4, None, 0.4], [0, 0, 0, 1]),
        ([0.4, NAN, INFINITY, -INFINITY, 0.4, 0.4], [0, 0, 0, 0, 0, 1, 1]),
        ([], [0]),
    ],
)
def test_low_for_as_long_as_its_patience(signals: list[float | None], expected: list[int]) -> None:
    assert stages(adaptive(), signals) == expected


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ([0.9, 0.8, 0.7, 0.6, 0.5], [0, 0, 0, 0, 0, 0]),
        ([0.9, 0.7, 0.7, 0.7, 0.5], [0, 0, 0, 0, 1, 1]),
        ([0.2, 0.4, 0.2, 0.8], [0, 0, 0, 1, 1]),
        ([0.1, 0.1, None, 0.1], [0, 0, 0, 0, 1]),
    ],
)
def test_no_longer_changing(signals: list[float | None], expected: list[int]) -> None:
    assert stages(adaptive(bound=None, change=0.1, patience=3), signals) == expected


def test_noise_is_not_a_change_and_a_trend_under_noise_is() -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, 50)
    settings = {"bound": None, "change": 0.1, "patience": 50}
    assert stages(adaptive(**settings), list(0.7 + noise))[-1] == 1
    assert stages(adaptive(**settings), list(np.linspace(0.8, 0.6, 50) + noise))[-1] == 0


@given(
    st.lists(st.none() | st.floats(0, 1), max_size=40),
    st.integers(2, 5),
    st.none() | st.floats(0, 1),
    st.floats(0.01, 1),
    st.integers(1, 5),
)
def test_every_stage_lasts_its_patience(
    signals: list[float | None], patience: int, bound: float | None, change: float, count: int
) -> None:
    found = stages(adaptive(bound=bound, change=change, patience=patience, stages=count), signals)
    measured = [found[epoch] for epoch, value in enumerate(signals) if value is not None]
    assert found == sorted(found)
    assert all(measured.count(stage) >= patience for stage in set(found) - {found[-1]})
    assert found[-1] < count


def test_state_is_plain_and_holds_what_is_still_looked_at() -> None:
    schedule = adaptive()
    stages(schedule, [0.9] * 100 + [0.4])
    assert schedule.state_dict() == json.loads(json.dumps(schedule.state_dict()))
    assert schedule.state_dict() == {"beginnings": [], "values": [0.9, 0.4]}
    schedule.observe(101, 0.4)
    assert schedule.state_dict() == {"beginnings": [102], "values": []}


def test_a_state_is_not_shared() -> None:
    one, other = adaptive(), adaptive()
    one.observe(0, 0.4)
    kept = one.state_dict()
    other.load_state_dict(kept)
    one.observe(1, 0.4)
    assert kept == other.state_dict() == {"beginnings": [], "values": [0.4]}


@pytest.mark.parametrize(("patience", "epochs", "refused"), [(5, 5, True), (4, 5, False)])
def test_standstill_is_known_where_patience_outlasts_the_run(patience: int, epochs: int, refused: bool) -> None:
    reason = adaptive(patience=patience).standstill(epochs)
    assert (reason is not None) == refused
    assert reason is None or "schedule.patience=5 leaves no epoch" in reason
    assert adaptive(patience=patience, stages=1).standstill(epochs) is None
    assert stages(adaptive(patience=patience), [0.0] * (epochs - 1))[-1] == int(not refused)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"stages": 0}, r"schedule\.stages must be a whole number and at least 1; it is 0"),
        ({"patience": 0}, r"schedule\.patience .* at least 1; it is 0"),
        ({"patience": 1, "change": 0.1}, r"schedule\.patience .* at least 2; it is 1"),
        ({"patience": 2.5}, r"schedule\.patience must be a whole number"),
        ({"change": -0.1}, r"schedule\.change must not be negative"),
        ({"change": NAN}, r"schedule\.change must be a finite number"),
        ({"bound": NAN, "change": 0.1}, r"schedule\.bound must be a finite number"),
        ({"bound": None}, r"schedule\.bound=null and schedule\.change=0 never begin a stage"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        adaptive(**values)
