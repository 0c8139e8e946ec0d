"""Schedules and level curves: each of them, and their own ways."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cldeblur.contrast.levels.curve import LevelCurve
from cldeblur.contrast.levels.gains import Gains
from cldeblur.contrast.levels.linear import Linear
from cldeblur.contrast.schedules.constant import Constant
from cldeblur.contrast.schedules.interval import EpochInterval
from cldeblur.contrast.schedules.milestones import Milestones
from cldeblur.contrast.schedules.schedule import Schedule
from cldeblur.errors import Refused


def test_stages_count_up_within_their_number(schedule: Schedule) -> None:
    stages = [schedule.stage(epoch) for epoch in range(3100)]
    assert stages == sorted(stages)
    assert 0 <= stages[0] <= stages[-1] == schedule.stages - 1


def test_shipped_schedules_and_curves_go_together(schedule: Schedule, curve: LevelCurve) -> None:
    levels = curve.levels(schedule.stages)
    assert len(levels) == schedule.stages
    assert curve.level(schedule.stage(2999), schedule.stages) == levels[-1]


def test_levels_rise_from_0_and_stay_below_1(curve: LevelCurve) -> None:
    levels = curve.levels(5)
    assert levels[0] == 0
    assert levels == sorted(levels)
    assert levels[-1] == pytest.approx(0.37, abs=1e-2), "both curves end at 4 dB"


@given(st.integers(1, 50), st.integers(1, 8), st.integers(0, 500))
def test_an_interval_lasts_its_epochs(interval: int, stages: int, epoch: int) -> None:
    assert EpochInterval(interval, stages, max_epochs=1).stage(epoch) == min(epoch // interval, stages - 1)


@given(st.integers(1, 9), st.integers(1, 400))
def test_without_an_interval_the_parts_are_equal(stages: int, max_epochs: int) -> None:
    schedule = EpochInterval(None, stages, max_epochs)
    lengths = [0] * stages
    for epoch in range(max_epochs):
        lengths[schedule.stage(epoch)] += 1
    assert max(lengths) - min(lengths) <= 1
    assert schedule.stage(max_epochs + 7) == stages - 1


def test_milestones_begin_stages() -> None:
    schedule = Milestones([2, 3, 7], max_epochs=10)
    assert [schedule.stage(epoch) for epoch in range(9)] == [0, 0, 1, 2, 2, 2, 2, 3, 3]
    assert schedule.stages == 4
    assert Milestones([], max_epochs=10).stages == 1


@pytest.mark.parametrize(("stage", "stays_at"), [(None, 4), (0, 0), (2, 2)])
def test_constant_stays(stage: int | None, stays_at: int) -> None:
    assert {Constant(stage, 5).stage(epoch) for epoch in range(20)} == {stays_at}


@pytest.mark.parametrize(
    ("make", "values", "key"),
    [
        (EpochInterval, {"interval": 0, "stages": 5, "max_epochs": 10}, "schedule.interval"),
        (EpochInterval, {"interval": None, "stages": 0, "max_epochs": 10}, "schedule.stages"),
        (Milestones, {"milestones": [0, 3], "max_epochs": 10}, "schedule.milestones"),
        (Milestones, {"milestones": [3, 3], "max_epochs": 10}, "schedule.milestones"),
        (Milestones, {"milestones": [3, 10], "max_epochs": 10}, "trainer.max_epochs=10"),
        (Constant, {"stage": 5, "stages": 5}, "schedule.stage"),
        (Constant, {"stage": -1, "stages": 5}, "schedule.stage"),
        (Constant, {"stage": None, "stages": 0}, "schedule.stages"),
        (Linear, {"top": 1.0}, "levels.top"),
        (Linear, {"top": -0.1}, "levels.top"),
        (Linear, {"match": "ssim"}, "levels.match"),
        (Gains, {"gains": [1, 2]}, "levels.gains"),
        (Gains, {"gains": [0, 2, 1]}, "levels.gains"),
        (Gains, {"gains": [0, float("inf")]}, "levels.gains"),
        (Gains, {"gains": []}, "levels.gains"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(make: type, values: dict[str, Any], key: str) -> None:
    with pytest.raises(Refused, match=key):
        make(**values)


def test_gains_are_one_a_stage() -> None:
    with pytest.raises(Refused, match=r"levels.gains.*3.*schedule.stages=5"):
        Gains([0, 1, 2]).levels(5)
    assert Gains([0, 20]).levels(2) == pytest.approx([0, 0.9])


def test_one_stage_is_the_blurred_one() -> None:
    assert Linear(top=0.5).levels(1) == [0]
    assert Linear(top=0.4).levels(3) == pytest.approx([0, 0.2, 0.4])
