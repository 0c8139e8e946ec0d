"""Schedules: what all of them have, and each one's own way."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cldeblur.contrast.levels.curve import LevelCurve
from cldeblur.contrast.schedules.constant import Constant
from cldeblur.contrast.schedules.interval import EpochInterval
from cldeblur.contrast.schedules.milestones import Milestones
from cldeblur.contrast.schedules.random import Random
from cldeblur.contrast.schedules.reverse import Reverse
from cldeblur.contrast.schedules.schedule import Schedule, SignalSchedule
from cldeblur.errors import Refused

EPOCHS = 40
MakeSchedule = Callable[..., Schedule]
VALUES = st.fixed_dictionaries(
    {
        "interval": st.none() | st.integers(1, EPOCHS),
        "stages": st.integers(1, 7),
        "milestones": st.lists(st.integers(1, EPOCHS - 1), unique=True, max_size=5).map(sorted),
        "patience": st.integers(2, 6),
        "bound": st.none() | st.floats(0, 1),
        "seed": st.integers(0, 2**32),
    }
)
SIGNALS = st.lists(st.none() | st.floats(0, 1) | st.just(float("nan")), min_size=EPOCHS, max_size=EPOCHS)


def followed(schedule: Schedule, signals: Sequence[float | None]) -> list[int]:
    """The stage of each epoch of a training, which ends with the epoch's signal."""
    stages = []
    for epoch, value in enumerate(signals):
        stages.append(schedule.stage(epoch))
        if isinstance(schedule, SignalSchedule):
            schedule.observe(epoch, value)
    return stages


@settings(max_examples=40, deadline=None)
@given(values=VALUES, signals=SIGNALS)
def test_stages_lie_in_their_range_and_rise_where_claimed(
    make_schedule: MakeSchedule, values: dict[str, Any], signals: list[float | None]
) -> None:
    schedule = make_schedule(EPOCHS, **values)
    stages = followed(schedule, signals)
    assert set(stages) <= set(range(schedule.stages))
    assert stages == sorted(stages) or not schedule.rising


@settings(max_examples=40, deadline=None)
@given(values=VALUES, signals=SIGNALS, half=st.integers(0, EPOCHS - 1))
def test_a_resumed_run_has_the_same_stages(
    make_schedule: MakeSchedule, values: dict[str, Any], signals: list[float | None], half: int
) -> None:
    straight, first, second = (make_schedule(EPOCHS, **values) for _ in range(3))
    stages = followed(straight, signals)
    followed(first, signals[:half])
    if isinstance(first, SignalSchedule) and isinstance(second, SignalSchedule):
        second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    # Asked for late epochs before early ones, too: nothing but the observed signals has an effect.
    assert [second.stage(epoch) for epoch in reversed(range(half + 1))] == stages[half::-1]
    for epoch in range(half, EPOCHS):
        assert second.stage(epoch) == stages[epoch]
        if isinstance(second, SignalSchedule):
            second.observe(epoch, signals[epoch])


def test_shipped_schedules_and_curves_go_together(schedule: Schedule, curve: LevelCurve) -> None:
    levels = curve.levels(schedule.stages)
    assert len(levels) == schedule.stages
    assert schedule.standstill(3000) is None


def test_those_that_can_fall_say_so(schedule: Schedule) -> None:
    stages = [schedule.stage(epoch) for epoch in range(3000)]
    assert schedule.rising == (stages == sorted(stages))


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


@given(st.none() | st.integers(1, 50), st.integers(1, 8), st.integers(1, 400), st.integers(0, 500))
def test_reverse_is_the_interval_backwards(interval: int | None, stages: int, max_epochs: int, epoch: int) -> None:
    forwards, backwards = EpochInterval(interval, stages, max_epochs), Reverse(interval, stages, max_epochs)
    assert backwards.stage(epoch) == stages - 1 - forwards.stage(epoch)


@given(st.integers(1, 9), st.integers(1, 8), st.integers(0, 2**40), st.integers(0, 5))
def test_random_gives_every_stage_its_interval_in_each_round(interval: int, stages: int, seed: int, start: int) -> None:
    schedule = Random(interval, stages, max_epochs=1, seed=seed)
    length = interval * stages
    found = [schedule.stage(start * length + epoch) for epoch in range(length)]
    assert Counter(found) == dict.fromkeys(range(stages), interval)
    assert all(len(set(found[place : place + interval])) == 1 for place in range(0, length, interval))


def test_random_differs_by_seed_and_round() -> None:
    orders = {tuple(Random(1, 5, 5, seed).stage(epoch) for epoch in range(5)) for seed in range(40)}
    rounds = {tuple(Random(1, 5, 5, 0).stage(5 * number + epoch) for epoch in range(5)) for number in range(40)}
    assert len(orders) > 25
    assert len(rounds) > 25
    assert len({order[0] for order in orders}) == 5


def test_milestones_begin_stages() -> None:
    schedule = Milestones([2, 3, 7], max_epochs=10)
    assert [schedule.stage(epoch) for epoch in range(9)] == [0, 0, 1, 2, 2, 2, 2, 3, 3]
    assert schedule.stages == 4
    assert Milestones([], max_epochs=10).stages == 1


@pytest.mark.parametrize(("stage", "stays_at"), [(None, 4), (0, 0), (2, 2)])
def test_constant_stays(stage: int | None, stays_at: int) -> None:
    assert {Constant(stage, 5).stage(epoch) for epoch in range(20)} == {stays_at}


@pytest.mark.parametrize(
    ("schedule", "epochs", "reason"),
    [
        (EpochInterval(5, 3, 5), 5, r"never leaves stage 0 .*trainer\.max_epochs=5: shorten schedule\.interval"),
        (EpochInterval(4, 3, 5), 5, None),
        (EpochInterval(9, 1, 5), 5, None),
        (EpochInterval(None, 3, 1), 1, "never leaves stage 0"),
        (Reverse(5, 3, 5), 5, r"never leaves stage 2 .*schedule\.interval"),
        (Reverse(4, 3, 5), 5, None),
        (Random(5, 3, 5, 0), 5, r"never leaves stage \d .*schedule\.interval"),
        (Random(4, 3, 5, 0), 5, None),
        (Constant(0, 3), 5, r"schedule\.stage=0 keeps the negatives blurred: .*negatives=blurred"),
        (Constant(1, 3), 5, None),
        (Constant(0, 1), 5, None),
        (Milestones([4], 5), 5, None),
    ],
)
def test_standstill(schedule: Schedule, epochs: int, reason: str | None) -> None:
    found = schedule.standstill(epochs)
    if reason is None:
        assert found is None
    else:
        assert found is not None
        with pytest.raises(Refused, match=reason):
            raise Refused(found)


@pytest.mark.parametrize(
    ("make", "values", "key"),
    [
        (EpochInterval, {"interval": 0, "stages": 5, "max_epochs": 10}, "schedule.interval"),
        (EpochInterval, {"interval": 2.5, "stages": 5, "max_epochs": 10}, "schedule.interval"),
        (EpochInterval, {"interval": None, "stages": 0, "max_epochs": 10}, "schedule.stages"),
        (Reverse, {"interval": None, "stages": 0, "max_epochs": 10}, "schedule.stages"),
        (Reverse, {"interval": -1, "stages": 5, "max_epochs": 10}, "schedule.interval"),
        (Random, {"interval": None, "stages": 0, "max_epochs": 10, "seed": 0}, "schedule.stages"),
        (Random, {"interval": 0, "stages": 5, "max_epochs": 10, "seed": 0}, "schedule.interval"),
        (Milestones, {"milestones": [0, 3], "max_epochs": 10}, "schedule.milestones"),
        (Milestones, {"milestones": [2.5], "max_epochs": 10}, "schedule.milestones must be whole"),
        (Milestones, {"milestones": 5, "max_epochs": 10}, "schedule.milestones must be a list"),
        (Milestones, {"milestones": [3, 3], "max_epochs": 10}, "schedule.milestones"),
        (Milestones, {"milestones": [3, 10], "max_epochs": 10}, "trainer.max_epochs=10"),
        (Constant, {"stage": 5, "stages": 5}, "schedule.stage"),
        (Constant, {"stage": -1, "stages": 5}, "schedule.stage"),
        (Constant, {"stage": 1.5, "stages": 5}, "schedule.stage"),
        (Constant, {"stage": None, "stages": 0}, "schedule.stages"),
        (Constant, {"stage": None, "stages": 2.5}, "schedule.stages"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(make: type, values: dict[str, Any], key: str) -> None:
    with pytest.raises(Refused, match=key):
        make(**values)
