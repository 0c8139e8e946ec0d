"""A search without trainings: what is drawn, what is kept, and that a kill changes nothing."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cldeblur.config.schema import Search as Settings
from cldeblur.errors import Refused
from cldeblur.records import RunRecord, Status
from cldeblur.sweeps.search import JOURNAL, Search, Trial

WORDS = ["data.root=x", "levels.top=interval(0.1,0.6)", "w=tag(log,interval(0.01,1))", "negatives=blend,unsharp"]
SETTINGS = Settings(trials=12, startup=4, prune_from=0.5)
CONTENT = {"seed": 1}
Launch = Callable[[list[list[str]], int], None]


def identify(words: Sequence[str]) -> str:
    """Stands for the hash of a job's config."""
    return " ".join(words)


def psnr(words: Sequence[str]) -> float:
    """An objective with its peak at levels.top=0.4 and w=0.1."""
    values = dict(word.split("=") for word in words)
    return 30 - 10 * (float(values["levels.top"]) - 0.4) ** 2 - (float(values["w"]) - 0.1) ** 2


def write(folder: Path, words: Sequence[str], number: int, status: Status = "completed", epochs: int = 4) -> None:
    """The record that a trial's run leaves."""
    directory = folder / str(number)
    directory.mkdir(exist_ok=True)
    metrics = {"best": {"value": psnr(words)}} if epochs else {}
    hashes = {"hash": identify(words)}
    record = RunRecord("a", "a", "train", status, "", "", [], [], "", hashes, {}, {}, {}, metrics=metrics)
    replace(record, progress={"epochs": epochs}).write(directory)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., list[Trial]]:
    """Give `make("name", launch, wanted)`: go on with a search in that folder; gives its trials so far."""

    def run(name: str, launch: Launch | None = None, wanted: int = 12, at_once: int = 1, seed: int = 0) -> list[Trial]:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)

        def complete(batch: list[list[str]], first: int) -> None:
            for number, words in enumerate(batch, start=first):
                write(folder, words, number)

        search = Search(folder, WORDS, replace(SETTINGS, trials=wanted))
        search.open(CONTENT)
        search.run(at_once, seed, identify, launch or complete)
        return search.trials()

    return run


def drawn(trials: Sequence[Trial]) -> list[dict[str, str]]:
    return [trial.values for trial in trials]


def test_a_search_makes_as_many_trials_as_it_is_to(make: Any) -> None:
    trials = make("one")
    assert [trial.number for trial in trials] == list(range(12))
    assert {trial.status for trial in trials} == {"completed"}
    assert len({str(values) for values in drawn(trials)}) == 12
    for trial in trials:
        assert 0.1 <= float(trial.values["levels.top"]) <= 0.6
        assert trial.values["negatives"] in ("blend", "unsharp")
    assert make("one") == trials
    assert len(make("one", wanted=14)) == 14


def test_later_trials_are_better_than_the_random_ones(make: Any) -> None:
    found = [trial.psnr for trial in make("one", wanted=40)]
    assert sum(found[-10:]) / 10 > sum(found[:4]) / 4
    assert max(found) > 29.9


def test_what_is_drawn_follows_from_the_seed(make: Any) -> None:
    assert drawn(make("one")) == drawn(make("two"))
    assert drawn(make("one"))[0] != drawn(make("other", seed=1))[0]


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_killed_search_goes_on_as_if_it_had_not_been(at_once: int, make: Any, tmp_path: Path) -> None:
    straight = make("straight", at_once=at_once)
    launched: list[int] = []

    def die_every_time(batch: list[list[str]], first: int) -> None:
        launched.append(first)
        if launched.count(first) == 1:
            write(tmp_path / "killed", batch[0], first, "interrupted", epochs=1)
            raise SystemExit(75)
        for number, words in enumerate(batch, start=first):
            write(tmp_path / "killed", words, number)

    for _ in range(12 // at_once):
        with pytest.raises(SystemExit):
            make("killed", die_every_time, at_once=at_once)
    ended = make("killed", die_every_time, at_once=at_once)
    assert [(trial.values, trial.psnr) for trial in ended] == [(trial.values, trial.psnr) for trial in straight]
    assert launched == [first for first in range(0, 12, at_once) for _ in range(2)]


def test_a_torn_journal_is_mended(make: Any, tmp_path: Path) -> None:
    trials = make("one", wanted=3)
    journal = tmp_path / "one" / JOURNAL
    with journal.open("a") as file:
        file.write('{"op_code":5,"worker')
    (tmp_path / "one" / f"{JOURNAL}.lock").symlink_to(journal)
    more = make("one", wanted=5)
    assert more[:3] == trials
    assert len(more) == 5
    assert [json.loads(line) for line in journal.read_text().splitlines()]


def test_a_kill_while_values_are_drawn_costs_a_number_and_no_trial(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make("one", wanted=2)
    with monkeypatch.context() as patch:
        patch.setattr(Search, "_words", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make("one", wanted=3)
    trials = make("one", wanted=4)
    assert [trial.number for trial in trials] == [0, 1, 3, 4]


@pytest.mark.parametrize(
    ("status", "epochs", "state", "again"),
    [
        ("pruned", 2, "PRUNED", False),
        ("diverged", 2, "FAIL", False),
        ("completed", 0, "FAIL", False),
        ("failed", 1, "RUNNING", True),
        ("interrupted", 1, "RUNNING", True),
        ("running", 1, "RUNNING", True),
    ],
)
def test_what_becomes_of_a_trial(
    status: Status, epochs: int, state: str, again: bool, make: Any, tmp_path: Path
) -> None:
    """What may yet be finished is taken up by the next command, once, before anything new."""

    def launch(batch: list[list[str]], first: int) -> None:
        launched.append(first)
        for number, words in enumerate(batch, start=first):
            write(tmp_path / "one", words, number, status if number == 1 else "completed", epochs if number == 1 else 4)

    for expected in ([0, 1, 2], [1] if again else []):
        launched: list[int] = []
        trials = make("one", launch, wanted=3)
        assert launched == expected
    assert trials[1].status == ("died" if status == "running" else status)
    assert trials[1].psnr == (None if epochs == 0 else pytest.approx(30, abs=3))
    study = Search(tmp_path / "one", WORDS, SETTINGS)._study()
    assert study.trials[1].state.name == state
    assert len(study.trials) == 3


def test_left_over_trials_are_launched_under_their_own_numbers(make: Any, tmp_path: Path) -> None:
    """Numbers in a row together, as many at once as are allowed."""
    firsts: list[tuple[int, int]] = []

    def fail_some(batch: list[list[str]], first: int) -> None:
        firsts.append((first, len(batch)))
        for number, words in enumerate(batch, start=first):
            write(tmp_path / "one", words, number, "failed" if number in (1, 2, 3, 5) else "completed")

    for _ in range(2):
        firsts.clear()
        make("one", fail_some, wanted=6, at_once=2)
    assert firsts == [(1, 2), (3, 1), (5, 1)]


def test_a_trial_that_does_not_begin_ends_the_search(make: Any) -> None:
    trials = make("one", lambda *_: None)
    assert [trial.status for trial in trials] == ["not begun"]
    assert [trial.number for trial in make("one")] == list(range(12))


def test_a_directory_is_one_searchs(make: Any, tmp_path: Path) -> None:
    make("one", wanted=1)
    with pytest.raises(Refused, match="holds a search of something else"):
        Search(tmp_path / "one", WORDS, SETTINGS).open({"seed": 2})
    with pytest.raises(Refused, match="holds a search of something else"):
        Search(tmp_path / "one", [*WORDS, "c=interval(0.1,1)"], SETTINGS).open(CONTENT)
    (tmp_path / "sweep").mkdir()
    write(tmp_path / "sweep", [*WORDS[:1], "levels.top=0.1", "w=1"], 0)
    with pytest.raises(Refused, match=r"holds another sweep; name one for this search: run\.group=NAME"):
        Search(tmp_path / "sweep", WORDS, SETTINGS).open(CONTENT)
    assert not (tmp_path / "sweep" / JOURNAL).exists()
