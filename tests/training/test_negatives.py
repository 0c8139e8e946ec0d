"""Negatives in a training: what reaches their generator, and snapshots: when, whose weights, and where these are."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cldeblur.contrast.levels.scale import gain
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.negatives.snapshot import Snapshot
from cldeblur.history import METRICS_FILE
from cldeblur.records import read_record
from cldeblur.training import ending

SNAPSHOT = ("negatives=snapshot", "schedule.interval=1", "schedule.stages=4")
BANK = (
    "negatives=bank",
    "negatives.generators=[{_target_:cldeblur.contrast.negatives.blend.Blend},"
    "{_target_:cldeblur.contrast.negatives.snapshot.Snapshot}]",
)
Weights = dict[str, Tensor]
Last = Callable[[Path], dict[str, Any]]


def remembered(content: dict[str, Any]) -> dict[str, Any]:
    """What the generator's state in a checkpoint is."""
    (found,) = [state["generator"] for name, state in content["callbacks"].items() if "StageCallback" in name]
    assert isinstance(found, dict)
    return found


def same(one: Weights, other: Weights) -> bool:
    """Whether two networks have equal weights; a module's are named after the network in it."""
    named = {name.removeprefix("network."): tensor for name, tensor in other.items() if not name.startswith("_")}
    assert one.keys() == named.keys()
    return all(torch.equal(tensor, named[name]) for name, tensor in one.items())


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Weights]]:
    """Each stage that begins, and the network's weights then."""
    begun: list[tuple[int, Weights]] = []
    enter = Snapshot.enter

    def watched(snapshot: Snapshot, stage: int, network: nn.Module) -> None:
        begun.append((stage, {name: tensor.clone() for name, tensor in network.state_dict().items()}))
        enter(snapshot, stage, network)

    monkeypatch.setattr(Snapshot, "enter", watched)
    return begun


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Weights | None, bool]]:
    """At every batch, the weights of the snapshot in use and whether the negatives are the blurred images."""
    batches: list[tuple[Weights | None, bool]] = []
    forward = Generator.forward

    def watched(generator: Generator, blurred: Tensor, sharp: Tensor, level: float) -> Tensor:
        negatives = forward(generator, blurred, sharp, level)
        network = getattr(generator, "network", None)
        batches.append((network and network.state_dict(), torch.equal(negatives[0], blurred)))
        return negatives

    monkeypatch.setattr(Generator, "forward", watched)
    return batches


def test_each_stage_has_the_network_of_the_start_of_the_one_before(train: Any, entered: Any, used: Any) -> None:
    train("run", *SNAPSHOT, "trainer.max_epochs=4", "trainer.ema=0.9")
    assert [stage for stage, _ in entered] == [0, 1, 2, 3]
    assert [blurred for _, blurred in used[:16]] == [True] * 8 + [False] * 8
    assert [network is None for network, _ in used[:16]] == [True] * 8 + [False] * 8
    for stage in (2, 3):
        network = used[4 * stage][0]
        assert same(network, entered[stage - 1][1])
        assert not same(network, entered[stage][1])


def test_its_weights_are_in_the_callbacks_state_alone(train: Any, last: Last) -> None:
    words = (*SNAPSHOT, "trainer.ema=0.9")
    before = last(train("run", *words, "trainer.max_epochs=2"))
    state = remembered(before)
    assert state["network"] is None
    assert state["next"] is not None
    content = last(train("run", *words, "trainer.max_epochs=3", "resume=auto"))
    assert content["state_dict"].keys() == before["state_dict"].keys()
    assert same(remembered(content)["network"], state["next"])
    taken = remembered(content)["next"]
    assert same(taken, before["current_model_state"]), "the raw network, as the stage began"
    assert not same(taken, before["state_dict"]), "not the averaged one"


@pytest.mark.parametrize("place", [(1, 3), (2, 1)], ids=["at a stage's start", "inside a stage"])
@pytest.mark.parametrize("words", [SNAPSHOT, (*SNAPSHOT, *BANK)], ids=["alone", "in a bank"])
def test_resumed(
    words: tuple[str, ...], place: tuple[int, int], train: Any, signal_at: Any, last: Last, weights: Any
) -> None:
    words = (*words, "trainer.max_epochs=3", "trainer.ema=0.9")
    straight = train("straight", *words)
    signal_at(place)
    train("resumed", *words, code=75)
    resumed = train("resumed", *words, "resume=auto")
    torch.testing.assert_close(weights(resumed), weights(straight), rtol=0, atol=0)
    torch.testing.assert_close(remembered(last(resumed)), remembered(last(straight)), rtol=0, atol=0)


def test_a_schedule_without_change_leaves_it_blurred_and_says_so(train: Any, used: Any) -> None:
    directory = train("run", "negatives=snapshot", "schedule=constant", "trainer.max_epochs=2")
    assert read_record(directory).status == "completed"
    assert all(blurred for _, blurred in used)
    log = (directory / "log.txt").read_text()
    assert "this schedule changes it 0 times: those negatives stay the blurred images" in log
    assert "levels.match=psnr has no effect on Snapshot" in log


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("schedule.interval=1",), "the schedule takes 2 of its 5 stages within trainer.max_epochs=2"),
        (("levels.top=0", "schedule.stages=2"), "every stage has level 0: the negatives are the blurred images"),
        (("schedule=constant",), ""),
    ],
)
def test_negatives_that_stay_behind_the_plan_are_told_of(words: tuple[str, ...], said: str, train: Any) -> None:
    directory = train("run", "negatives=blend", *words, "trainer.max_epochs=2")
    log = (directory / "log.txt").read_text()
    assert said in log
    assert bool(said) == ("stages within" in log or "every stage" in log)


@pytest.mark.parametrize(
    ("words", "titles"),
    [
        (("schedule.interval=1",), ["negative, stage 0, level 0.00", "negative, stage 1, level 0.09"]),
        (("schedule=constant", "schedule.stage=3"), ["negative, stage 3, level 0.28"]),
        (("schedule.interval=1", "levels.cap=0.5"), ["negative, stage 0, level 0.00", "negative, stage 1, level 0.00"]),
        (
            (*BANK, "schedule.interval=1"),
            ["negative 1 of 3, stage 0, level 0.00", "negative 1 of 3, stage 1, level 0.09"],
        ),
        (("negatives=blurred",), ["negative"]),
        (("negatives=none",), []),
    ],
)
def test_the_contact_sheet_shows_negatives_that_were_used(
    words: tuple[str, ...], titles: list[str], train: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[list[str]] = []
    monkeypatch.setattr(ending, "contact_sheet", lambda _rows, columns, _path: drawn.append(columns))
    train("run", "negatives=blend", *words, "trainer.max_epochs=2")
    assert drawn == [["blurred", *titles, "restored", "sharp"]]


def test_a_cap_leaves_a_snapshot_as_it_is_and_says_so(train: Any) -> None:
    directory = train("run", *SNAPSHOT, "trainer.max_epochs=3", "levels.cap=0.5", "levels.top=0.3")
    log = (directory / "log.txt").read_text()
    assert "levels.cap has no effect on Snapshot" in log
    assert "holds the level" not in log
    with (directory / METRICS_FILE).open(newline="") as file:
        assert [float(row["contrast/level"]) for row in csv.DictReader(file)] == pytest.approx([0, 0.1, 0.2])


def test_levels_reach_the_generator(train: Any) -> None:
    words = ("schedule=constant", "schedule.stages=3", "levels.top=0.4")

    def psnr(name: str, *more: str) -> float:
        """PSNR of a run's negatives to sharp, dB."""
        with (train(name, *words, *more) / METRICS_FILE).open(newline="") as file:
            (row,) = csv.DictReader(file)
        return float(row["contrast/negative_psnr"])

    blurred = psnr("blurred", "negatives=blurred")
    gained = psnr("matched", "negatives=reblur") - blurred
    assert gained == pytest.approx(gain(0.4), abs=0.01)
    assert abs(psnr("raw", "negatives=reblur", "levels.match=raw") - blurred - gained) > 0.3
    # The mixture at the last stage's level, at that of the stage before, and the blurred image.
    assert psnr("bank", "negatives=bank") - blurred == pytest.approx((gain(0.4) + gain(0.2)) / 3, abs=0.01)


def test_what_memory_does_not_hold_fails_with_a_sentence(
    train: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Generator, "forward", full)
    directory = train("run", "negatives=bank", "schedule=constant", code=1)
    assert "K=3 negatives of each of 2 images of 32x32" in capsys.readouterr().err
    assert read_record(directory).status == "failed"
