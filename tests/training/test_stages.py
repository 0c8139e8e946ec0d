"""What the stage callback says, warns of and keeps."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from cldeblur.contrast.features import VGG19
from cldeblur.contrast.levels.linear import Linear
from cldeblur.contrast.negatives.blend import Blend
from cldeblur.contrast.negatives.blurred import Blurred
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.negatives.snapshot import Snapshot
from cldeblur.contrast.objectives.bounded_ratio import BoundedRatio
from cldeblur.contrast.schedules.adaptive import Adaptive
from cldeblur.contrast.schedules.interval import EpochInterval
from cldeblur.contrast.schedules.schedule import Schedule
from cldeblur.contrast.term import ContrastiveTerm
from cldeblur.contrast.weighting import ConstantWeight
from cldeblur.data.batch import Batch
from cldeblur.history import METRICS_FILE, read_history
from cldeblur.losses.multi_scale import MultiScaleLoss
from cldeblur.training.attachment import Attachment
from cldeblur.training.meters import EpochMeter
from cldeblur.training.observation import GAIN, concluded
from cldeblur.training.stage import CONCERNS, PATIENCE, StageCallback

# One of two ranks, whose own signal alone would (0.2) or would not (0.7) advance the stage.
RANK = """
import sys
import torch
from cldeblur.contrast.schedules.adaptive import Adaptive
from cldeblur.training.meters import EpochMeter
rank, store = int(sys.argv[1]), sys.argv[2]
torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
meter, schedule = EpochMeter(), Adaptive("x", bound=0.5, change=0.0, patience=1, stages=2)
meter.add("x", torch.tensor((0.2, 0.7)[rank]))
schedule.observe(0, meter.results()["x"])
print(schedule.stage(1))
torch.distributed.destroy_process_group()
"""
Row = Mapping[str, float | None]


def attach(
    schedule: Schedule | None = None, cap: float | None = None, generator: Generator | None = None
) -> Attachment:
    """An attachment, by default with three stages of one epoch each."""
    term = ContrastiveTerm(VGG19(["relu1_1"], "random"), generator or Blend(), BoundedRatio(tap_weights=[1.0]))
    found = schedule or EpochInterval(interval=1, stages=3, max_epochs=3)
    return Attachment(term, ConstantWeight(1.0, 0, None), found, Linear(0.5, cap=cap), diagnosed_batches=1)


def watched(epoch: int, values: Sequence[Row], callback: StageCallback | None = None) -> StageCallback:
    """A callback at an epoch's stage that has been told these rows."""
    if callback is None:
        attachment = attach()
        attachment.enter(epoch)
        callback = StageCallback(attachment)
    for row in values:
        callback.watch(epoch, row)
    return callback


def resumed(callback: StageCallback, epoch: int) -> StageCallback:
    """A new callback that goes on from another's state."""
    fresh = watched(epoch, [])
    fresh.load_state_dict(callback.state_dict())
    return fresh


@pytest.mark.parametrize(
    ("name", "high", "low", "words"),
    [
        ("contrast/overtaken", 0.5, 0.1, "50% of the negatives"),
        ("contrast/gradient_ratio", 2.25, 1.0, "2.25 times the pixel loss's"),
    ],
)
def test_warning_after_three_epochs_in_a_row(
    name: str, high: float, low: float, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = watched(1, [{name: value} for value in (high, high, low, high, None, high, high)])
    assert not caplog.records
    after = resumed(before, 1)
    watched(1, [{name: high}], after)
    assert words in caplog.text
    watched(1, [{name: high}] * PATIENCE, after)
    assert len(caplog.records) == 1, "it is said once"


def test_what_warns_at_stage_0(caplog: pytest.LogCaptureFixture) -> None:
    watched(0, [dict.fromkeys(CONCERNS, 9.0)] * 2 * PATIENCE)
    assert ["gradient" in record.message for record in caplog.records] == [True]


def test_blurred_negatives_are_not_said_to_be_too_sharp(caplog: pytest.LogCaptureFixture) -> None:
    attachment = attach(cap=0.5)
    attachment.enter(2)
    watched(2, [{"contrast/overtaken": 1.0}] * PATIENCE, StageCallback(attachment))
    assert (attachment.stage, attachment.level) == (2, 0.0)
    assert not caplog.records


@pytest.mark.parametrize(("generator", "level"), [(Blend(), 0.5), (Snapshot(), 0.5), (Blurred(), 0.0)])
def test_negatives_that_are_the_same_at_all_levels_have_level_0(generator: Generator, level: float) -> None:
    attachment = attach(generator=generator)
    attachment.enter(2)
    assert attachment.stage == (0 if generator.fixed else 2)
    assert attachment.level == attachment.planned_level == attachment.summary({})["contrast/level"] == level


@pytest.mark.parametrize(("gain", "reached"), [(20.0, 0.9), (0.0, 0.0), (-3.0, 0.0)])
def test_level_of_the_restored_images(gain: float, reached: float) -> None:
    means = {f"{GAIN}_q25": -9.0, f"{GAIN}_q50": gain, f"{GAIN}_q75": 99.0, "other": 1.0}
    assert concluded(means) == {"contrast/reached": pytest.approx(reached), "other": 1.0}
    assert "contrast/reached" not in concluded({})


def test_a_crop_that_is_not_blurred_does_not_hide_what_the_others_have_reached() -> None:
    """Restored, it loses more than 50 dB, and a mean would be below 0."""
    torch.manual_seed(0)
    sharp, noise = torch.rand(5, 3, 8, 8), torch.randn(5, 3, 8, 8)
    blurred = sharp + 0.1 * noise * torch.tensor([0.0, 1, 1, 1, 1]).view(5, 1, 1, 1)
    batch = Batch(blurred, sharp, list("abcde"), torch.arange(5))
    outputs = ((sharp + 0.05 * noise).requires_grad_(),)
    attachment, meter = attach(), EpochMeter()
    attachment.step(outputs, batch, MultiScaleLoss(), 0, diagnose=False, meter=meter)
    assert attachment.summary(meter.results())["contrast/reached"] == pytest.approx(0.5, abs=1e-3)


def test_the_cap_acts_from_the_next_epoch_on() -> None:
    attachment = attach(cap=0.5)
    attachment.enter(1)
    assert (attachment.stage, attachment.level, attachment.planned_level) == (1, 0.0, 0.25)
    attachment.observe(1, {"contrast/reached": 0.4})
    assert attachment.level == 0.0
    attachment.enter(1)
    assert attachment.level == 0.2
    attachment.observe(2, {"contrast/reached": None})
    attachment.enter(2)
    assert (attachment.level, attachment.planned_level) == (0.2, 0.5)
    attachment.observe(2, {"contrast/reached": 0.999})
    attachment.enter(2)
    assert attachment.level == 0.4995


def test_state_goes_on() -> None:
    one, other = (attach(Adaptive("x", 0.5, 0.0, 1, 3), cap=0.5) for _ in range(2))
    before, after = StageCallback(one), StageCallback(other)
    before.watch(0, {"contrast/reached": 0.4, "x": 0.1})
    one.enter(1)
    after.load_state_dict(before.state_dict())
    other.enter(1)
    assert (other.stage, other.level) == (one.stage, one.level) == (1, 0.2)
    assert after.state_dict() == before.state_dict()


def test_all_ranks_decide_alike(tmp_path: Path) -> None:
    commands = [[sys.executable, "-c", RANK, str(rank), str(tmp_path / "store")] for rank in range(2)]
    ranks = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    assert [rank.communicate(timeout=600)[0] for rank in ranks] == ["1\n", "1\n"]


def test_the_cap_is_said_once_a_stage(train: Any, washed: Path) -> None:
    words = ("negatives=blend", "schedule.interval=2", "schedule.stages=3", "trainer.max_epochs=6", "levels.top=0.5")
    directory = train("run", *words, f"data.root={washed}", "levels.cap=0.5", "optimizer.lr=1e-2")
    history = read_history(directory / METRICS_FILE)
    said = [line for line in (directory / "log.txt").read_text().splitlines() if "levels.cap=0.5 holds" in line]
    first = [row for row in history if row["epoch"] in (2, 4)]
    assert len(said) == len(first)
    for line, row in zip(said, first, strict=True):
        planned = 0.25 * (row["contrast/stage"] or 0)
        assert f"epoch {row['epoch']}: levels.cap=0.5 holds the level at {row['contrast/level']:.3f} instead of" in line
        assert f"instead of {planned:.3f}, since" in line


def test_a_weight_too_large_is_warned_of(train: Any) -> None:
    words = ("negatives=blurred", "contrast.gradient_ratio=null", "contrast.weight=1000", "trainer.max_epochs=4")
    directory = train("run", *words)
    ratios = [row["contrast/gradient_ratio"] or 0.0 for row in read_history(directory / METRICS_FILE)]
    assert min(ratios) > 1
    warning = f"{ratios[2]:.2f} times the pixel loss's before images are clipped, for 3 epochs now"
    assert (directory / "log.txt").read_text().count(warning) == 1


def test_stage_of_the_epoch_that_a_run_resumes_in(train: Any, seen: list[Any], signal_at: Any, last: Any) -> None:
    words = ("negatives=blend", "schedule.interval=2", "schedule.stages=2", "trainer.max_epochs=4")
    signal_at((2, 1))
    directory = train("run", *words, code=75)
    content = last(directory)
    assert content["cldeblur_contrast"]["stage"] == 1
    seen.clear()
    train("run", *words, "resume=auto")
    assert [(epoch, stage) for epoch, stage, _ in seen] == [(2, 1)] * 2 + [(3, 1)] * 4
