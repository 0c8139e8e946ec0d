"""Trials that are stopped early: the rule, the callback, and a real search that is killed and goes on."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState

from cldeblur.cli.main import main
from cldeblur.config.identity import config_hash
from cldeblur.config.loading import read_config
from cldeblur.history import Row, read_history
from cldeblur.records import RunRecord, read_record, runs_in
from cldeblur.training.pruning import Pruning, lagging, why_pruned

EPOCHS, LONGEST = 5, 20
COURSE = st.lists(st.one_of(st.none(), st.floats(10, 40)), min_size=EPOCHS, max_size=EPOCHS)
PATIENCE = 600
SEARCH = (
    *("-m", "sweep=search", "search.trials=3", "search.startup=2", "levels.top=interval(0.1,0.6)"),
    *("negatives=blend", "trainer.max_epochs=20"),
)


def rows(course: Sequence[float | None]) -> list[Row]:
    return [{"epoch": epoch, "val/psnr": value} for epoch, value in enumerate(course)]


def reported(course: Sequence[float | None]) -> dict[int, float]:
    return {epoch: value for epoch, value in enumerate(course) if value is not None}


@given(COURSE, st.lists(COURSE, max_size=6), st.integers(1, EPOCHS), st.integers(1, 4))
def test_the_rule_is_optunas(
    own: list[float | None], others: list[list[float | None]], length: int, startup: int
) -> None:
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(startup, n_min_trials=1))
    for course in others:
        found = optuna.trial.create_trial(state=TrialState.COMPLETE, value=1.0, intermediate_values=reported(course))
        study.add_trial(found)
    trial = optuna.trial.create_trial(state=TrialState.RUNNING, intermediate_values=reported(own[:length]))
    validated = own[length - 1] is not None
    expected = validated and study.pruner.prune(study, trial)
    assert (lagging(rows(own[:length]), [rows(course) for course in others], startup) is not None) == expected


def test_the_reason_is_told() -> None:
    reason = lagging(rows([20.0, 21.0]), [rows([25.0, 26.0]), rows([20.0, 22.0])], startup=2)
    assert reason == "validation 21.00 dB by epoch 1, below 24.00 dB, the median of 2 complete trials"


def test_nothing_is_stopped_without_a_reason() -> None:
    assert why_pruned([Pruning(Path("x"), 1, 0.5)]) is None
    assert why_pruned([]) is None


@pytest.fixture
def good_trials(tmp_path: Path) -> Path:
    """The directory of a search that holds two complete runs no other can keep up with."""
    for number in range(2):
        directory = tmp_path / "search" / str(number)
        directory.mkdir(parents=True)
        lines = ["epoch,val/psnr", *(f"{epoch},99.0" for epoch in range(LONGEST))]
        (directory / "metrics.csv").write_text("\n".join(lines))
        hashes = {"hash": str(number)}
        RunRecord("a", "a", "train", "completed", "", "", [], [], "", hashes, {}, {}, {}).write(directory)
    return tmp_path / "search"


@pytest.mark.parametrize(
    ("startup", "prune_from", "epochs"),
    [(2, 0.0, 1), (2, 0.5, 3), (2, 0.6, 3), (2, 1.0, EPOCHS), (3, 0.0, EPOCHS)],
)
@pytest.mark.usefixtures("good_trials")
def test_a_trial_that_lags_is_stopped(startup: int, prune_from: float, epochs: int, train: Any) -> None:
    settings = f"search={{trials:1,startup:{startup},prune_from:{prune_from}}}"
    directory = train("search/late", settings, f"trainer.max_epochs={EPOCHS}")
    record, pruned = read_record(directory), epochs < EPOCHS
    assert record.progress["epochs"] == epochs
    assert [row["epoch"] for row in read_history(directory / "metrics.csv")] == list(range(epochs))
    assert record.status == ("pruned" if pruned else "completed")
    assert ("below 99.00 dB, the median of 2" in str(record.exit_reason)) == pruned
    assert (directory / "checkpoints" / "last.ckpt").is_file()
    assert (directory / "results").exists() != pruned
    assert ("stopped early" in (directory / "log.txt").read_text()) == pruned


@pytest.mark.usefixtures("good_trials")
def test_what_was_stopped_early_can_be_finished(train: Any) -> None:
    """As its own run: the search is not in its words any more, and the hash is the same."""
    words = (f"trainer.max_epochs={EPOCHS}",)
    directory = train("search/late", "search={trials:1,startup:1,prune_from:0}", *words)
    assert read_record(directory).status == "pruned"
    train("search/late", *words, code=2)
    record = read_record(train("search/late", *words, "resume=auto"))
    assert (record.status, record.progress["epochs"]) == ("completed", EPOCHS)


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for something that takes a while."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.long
def test_a_killed_search_goes_on_and_stops_what_lags(
    start: Any, small: list[str], tmp_path: Path, good_trials: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first trial survives the kill and is finished; beside it and a very good one the others lag."""
    folder = tmp_path / "runs" / "sweeps" / "custom-search"
    process = start(*SEARCH)
    wait_until(lambda: any(len(read_history(path)) > 1 for path in folder.glob("*/metrics.csv")))
    process.kill()
    process.wait(PATIENCE)
    wait_until(lambda: runs_in(folder)[0][1].status != "running")
    ((directory, half),) = runs_in(folder)
    assert half.status == "interrupted"
    (good_trials / "0").rename(folder / "good")
    assert main(["train", *small, *SEARCH, "hydra/launcher=basic"]) == 0
    states = [line.split() for line in capfd.readouterr().out.partition("  trial")[2].splitlines()[1:4]]
    assert [(words[0], words[-1]) for words in states] == [("0", "completed"), ("1", "pruned"), ("2", "pruned")]
    first = read_record(directory)
    assert (first.id, first.progress["epochs"], len(first.resumed_from)) == (half.id, LONGEST, 1)
    stopped = [record for _, record in runs_in(folder) if record.status == "pruned"]
    assert [record.progress["epochs"] for record in stopped] == [LONGEST // 2] * 2
    # A trial is an ordinary run: what it was asked for has no trace of the search but in what has no effect.
    assert {record.config["hash"] for record in stopped} == {
        config_hash({**read_config(folder / record.name / "config.yaml"), "search": None}) for record in stopped
    }
