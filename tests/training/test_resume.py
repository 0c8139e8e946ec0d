"""A training that was interrupted ends bit for bit as one that was not."""

import csv
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cldeblur.config.folder import options
from cldeblur.config.loading import read_option
from cldeblur.history import METRICS_FILE, read_history
from cldeblur.records import read_record
from cldeblur.training import ending, prepared

RECIPE = ("trainer.max_epochs=4", "backbone.dropout=0.2", "optimizer.scheduler.milestones=[2]")
BLEND = ("negatives=blend", "schedule.interval=1", "schedule.stages=4", "levels.top=0.5", "contrast.warmup_epochs=1.5")
RECIPES = {
    "plain": ("data.global_batch=2",),
    "contrast": BLEND,
    "averaged": (*BLEND, "trainer.ema=0.9"),
    "accumulated": (*BLEND, "trainer.accumulate=2", "trainer.validate_every=2"),
    "snapshot": (*BLEND, "negatives=snapshot", "trainer.ema=0.9"),
    "workers": (*BLEND, "data.workers=2", "trainer.ema=0.9"),
}
QUICK = {"interval": 2, "stages": 3, "milestones": "[1,3]", "patience": 2, "bound": 0.6, "change": 0}
NEGATIVES = {
    "blend": ("negatives=blend",),
    "snapshot": ("negatives=snapshot",),
    "both": (
        "negatives=bank",
        "negatives.generators=[{_target_:cldeblur.contrast.negatives.blend.Blend},"
        "{_target_:cldeblur.contrast.negatives.snapshot.Snapshot}]",
    ),
}
# Inside an epoch; at the last batch of one, which waits for its end; in the epoch after that; in the last batch of all.
PLACES = ((0, 1), (1, 3), (2, 0), (3, 2), (3, 3))


def rows(directory: Path) -> list[dict[str, str]]:
    """The rows of a run's metrics.csv, but for what no two runs have alike."""
    with (directory / METRICS_FILE).open(newline="") as file:
        found = list(csv.DictReader(file))
    for row in found:
        del row["train/images_per_second"]
    return found


def assert_equal_runs(one: Path, other: Path, read: Callable[[Path], dict[str, Any]]) -> None:
    """Same weights, optimiser, running means and history."""
    first, second = read(one), read(other)
    assert first["global_step"] == second["global_step"]
    parts = ("state_dict", "current_model_state", "optimizer_states", "lr_schedulers", "cldeblur_contrast", "callbacks")
    states = [{part: content.get(part, {}) for part in parts} for content in (first, second)]
    for state in states:  # ModelCheckpoint's holds paths
        state["callbacks"] = {name: kept for name, kept in state["callbacks"].items() if "Checkpoint" not in name}
    torch.testing.assert_close(*states, rtol=0, atol=0)
    assert rows(one) == rows(other)
    assert read_record(one).progress == read_record(other).progress


@pytest.mark.long
@pytest.mark.parametrize("words", RECIPES.values(), ids=RECIPES)
def test_resumed_from_anywhere(words: tuple[str, ...], train: Any, seen: list[Any], signal_at: Any, last: Any) -> None:
    straight = train("straight", *RECIPE, *words)
    expected = seen.copy()
    seen.clear()
    steps = 4 * (1 + any("accumulate" in word for word in words))
    signal_at(*((epoch, batch * steps // 4 + steps // 4 - 1) for epoch, batch in PLACES))
    for _ in PLACES:
        resumed = train("resumed", *RECIPE, *words, "resume=auto", code=75)
        assert read_record(resumed).status == "interrupted"
    train("resumed", *RECIPE, *words, "resume=auto")
    assert seen == expected
    assert len(rows(resumed)) == 4
    assert_equal_runs(straight, resumed, last)
    assert len(read_record(resumed).resumed_from) == len(PLACES)


def schedule_words(option: str) -> list[str]:
    """Overrides with which a schedule changes its stage more than once within six epochs."""
    taken = read_option("schedule", option)
    return [f"schedule={option}", *(f"schedule.{key}={value}" for key, value in QUICK.items() if key in taken)]


@pytest.mark.long
@pytest.mark.parametrize(
    ("option", "negatives"),
    [*((option, "blend") for option in options("schedule")), ("adaptive", "snapshot"), ("adaptive", "both")],
)
def test_every_schedule_resumes_under_a_cap(
    option: str, negatives: str, train: Any, washed: Path, seen: list[Any], signal_at: Any, last: Any
) -> None:
    words = (*schedule_words(option), *NEGATIVES[negatives], "levels.top=0.5", "levels.cap=0.5")
    words = (*words, f"data.root={washed}", "optimizer.lr=1e-2", "trainer.max_epochs=6", "trainer.validate_every=3")
    straight = train("straight", *words)
    expected = seen.copy()
    seen.clear()
    # At the end of the epoch after which `adaptive` advances; inside an epoch with one value of its window behind it.
    signal_at((2, 3), (4, 1))
    for _ in range(2):
        resumed = train("resumed", *words, "resume=auto", code=75)
    train("resumed", *words, "resume=auto")
    assert seen == expected
    assert_equal_runs(straight, resumed, last)
    # The snapshot is as sharp as it is.
    if negatives != "snapshot":
        assert_follows_the_cap(read_history(resumed / METRICS_FILE))
    if option == "adaptive":
        assert [row["contrast/stage"] for row in rows(resumed)] == ["0", "0", "0", "1", "1", "2"]


def assert_follows_the_cap(history: list[dict[str, Any]]) -> None:
    """Each epoch's level is the stage's, or half of what the epoch before had reached."""
    reached = 0.0
    for row in history:
        assert row["contrast/level"] == min(0.25 * row["contrast/stage"], 0.5 * reached)
        reached = row["contrast/reached"]
    assert reached > 0.1


def test_prolonged(train: Any, last: Any, seen: list[Any]) -> None:
    words = ("negatives=blend", "schedule.interval=1", "schedule.stages=3", "trainer.ema=0.9")
    straight = train("straight", *words, "trainer.max_epochs=4")
    expected = seen.copy()
    seen.clear()
    train("longer", *words, "trainer.max_epochs=2")
    longer = train("longer", *words, "trainer.max_epochs=4", "resume=auto")
    assert seen == expected
    assert_equal_runs(straight, longer, last)


def test_killed_between_row_and_checkpoint(train: Any, last: Any) -> None:
    straight = train("straight", "trainer.max_epochs=2")
    killed = train("killed", "trainer.max_epochs=1")
    text = (killed / METRICS_FILE).read_text().splitlines()
    ahead = ",".join(["1", *text[1].split(",")[1:]])
    (killed / METRICS_FILE).write_text("\n".join([*text, ahead, ""]))
    train("killed", "trainer.max_epochs=2", "resume=auto")
    assert_equal_runs(straight, killed, last)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_interrupted_in_the_evaluation_at_the_end(
    number: signal.Signals, train: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(ending, "draw_contact_sheet", lambda *_: os.kill(os.getpid(), number))
        directory = train("run", code=75)
    record = read_record(directory)
    assert (record.status, record.exit_reason) == ("interrupted", f"Interrupted: {number.name}")
    train("run", "resume=auto")
    assert read_record(directory).status == "completed"
    assert len(rows(directory)) == 1


def test_interrupted_before_anything_is_written(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "make_source", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    assert not train("run", code=75).exists()


def test_finished_run_is_left_alone(train: Any, capsys: pytest.CaptureFixture[str]) -> None:
    directory = train("run")
    before = (directory / "run.json").read_bytes()
    train("run", "resume=auto")
    assert f"already finished: {directory}" in capsys.readouterr().out
    assert (directory / "run.json").read_bytes() == before


def test_learning_rate_is_the_epochs_own(train: Any) -> None:
    directory = train("run", "trainer.max_epochs=3", "optimizer.lr=0.5", "optimizer.scheduler.milestones=[1,2]")
    assert [float(row["lr"]) for row in rows(directory)] == [0.5, 0.25, 0.125]


def test_seed_decides_everything_but_the_images_that_score(train: Any, weights: Any) -> None:
    one, same, other = (train(name, f"seed={seed}") for name, seed in (("one", 1), ("same", 1), ("other", 2)))
    torch.testing.assert_close(weights(one), weights(same), rtol=0, atol=0)
    assert rows(one) == rows(same) != rows(other)
    assert {row["val/blurred_psnr"] for run in (one, other) for row in rows(run)} == {rows(one)[0]["val/blurred_psnr"]}
    blurred = [read_record(run).metrics["test"]["folder/blurred_psnr"]["mean"] for run in (one, other)]
    assert blurred[0] == blurred[1]


def test_the_estimate_counts_on_whole_epochs(train: Any, signal_at: Any) -> None:
    signal_at((0, 1))
    words = ("trainer.max_epochs=4", "trainer.validate_every=2")
    train("run", *words, code=75)
    log = train("run", *words, "resume=auto") / "log.txt"
    (estimate,) = [line for line in log.read_text().splitlines() if "one epoch took" in line]
    assert estimate.endswith("for the 2 epochs that are left")
    log = train("whole", *words) / "log.txt"
    (estimate,) = [line for line in log.read_text().splitlines() if "one epoch took" in line]
    assert estimate.endswith("for the 3 epochs that are left, and what validation takes")
