"""Which directory a run gets, what may be taken up there, and who may work in it."""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from cldeblur.config.folder import options
from cldeblur.config.loading import read_option
from cldeblur.errors import Refused
from cldeblur.records import RECORD_FILE, read_record
from cldeblur.sweeps.directories import (
    LOCK_FILE,
    Claim,
    choose_directory,
    claim,
    depends_on_length,
    is_locked,
    locked,
    may_continue,
    none_left_empty,
)
from cldeblur.sweeps.preflight import jobs

Content = dict[str, Any]
MakeRun = Callable[..., Path]
HOLDER = """
import sys, time
from pathlib import Path
from cldeblur.sweeps.directories import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def longer(content: Content, epochs: int) -> Content:
    """The config with another number of epochs."""
    return {**content, "trainer": {**content["trainer"], "max_epochs": epochs}}


def resuming(content: Content, resume: str) -> Content:
    return {**content, "resume": resume}


def test_a_fresh_run_gets_a_directory_by_its_time_and_hash(content: Content) -> None:
    first, word = choose_directory(content, "custom")
    assert word is None
    assert first.parent == Path(content["run"]["root"]) / "custom"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-[0-9a-f]{8}", first.name)
    assert not first.exists()


def test_two_runs_of_one_second_get_two_directories(content: Content) -> None:
    found = []
    for _ in range(3):
        found.append(choose_directory(content, "custom")[0])
        found[-1].mkdir(parents=True)
    assert len(set(found)) == 3


def test_a_directory_of_the_users_choice_is_taken(content: Content, tmp_path: Path) -> None:
    content["run"]["dir"] = str(tmp_path / "mine")
    assert choose_directory(content, "custom") == (tmp_path / "mine", None)
    directory, word = choose_directory(resuming(content, "auto"), "custom")
    assert (directory, word) == (tmp_path / "mine", f"nothing to resume in {tmp_path / 'mine'}: starting afresh")
    assert choose_directory(resuming(content, str(tmp_path / "mine")), "custom")[0] == tmp_path / "mine"
    with pytest.raises(Refused, match=r"run\.dir=.* and resume=other name two directories"):
        choose_directory(resuming(content, "other"), "custom")


def test_resume_takes_a_directory_at_its_word(content: Content) -> None:
    assert choose_directory(resuming(content, "there"), "custom")[0] == Path("there")
    with pytest.raises(Refused, match=r"^resume=there: there is no run$"):
        claim(Path("there"), resuming(content, "there"), resume=True)


def test_auto_finds_the_newest_unfinished_run_of_the_config(content: Content, make_run: MakeRun) -> None:
    make_run(content, "interrupted", "2026-01-01", "old")
    newest = make_run(content, "running", "2026-01-03", "newest")
    make_run(content, "completed", "2026-01-05", "finished")
    make_run({**content, "seed": 7}, "interrupted", "2026-01-07", "other")
    damaged = make_run(content, "interrupted", "2026-01-08", "damaged")
    (damaged / RECORD_FILE).write_text("{")
    bare = make_run(longer(content, 7), "interrupted", "2026-01-09", "bare")
    (bare / "config.yaml").unlink()
    assert choose_directory(resuming(content, "auto"), "custom") == (newest, None)
    with locked(newest):
        assert choose_directory(resuming(content, "auto"), "custom")[0].name == "old"


def test_auto_finds_a_finished_run_where_none_is_unfinished(content: Content, make_run: MakeRun) -> None:
    finished = make_run(content, "completed")
    directory, _ = choose_directory(resuming(content, "auto"), "custom")
    assert directory == finished
    assert claim(directory, resuming(content, "auto"), resume=True).finished


def test_auto_with_nothing_to_resume_starts_afresh_and_says_so(content: Content) -> None:
    directory, word = choose_directory(resuming(content, "auto"), "custom")
    assert not directory.exists()
    assert word is not None
    assert "starting afresh" in word


def test_an_empty_directory_is_claimed(content: Content, tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "not there"):
        assert claim(directory, content, resume=False) == Claim(directory)


def test_a_directory_with_other_things_is_refused(content: Content, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(Refused, match="is not empty"):
        claim(tmp_path, content, resume=True)


def test_what_a_run_leaves_that_is_killed_before_its_record_is_no_hindrance(
    content: Content, make_run: MakeRun
) -> None:
    directory = make_run(content, "running")
    (directory / RECORD_FILE).unlink()
    (directory / "log.txt").write_text("")
    assert claim(directory, content, resume=True) == Claim(directory)
    with pytest.raises(Refused, match="is not empty"):
        claim(directory, {**content, "seed": 7}, resume=True)


def test_auto_does_not_lengthen_what_is_done_or_a_sweeps(content: Content, make_run: MakeRun) -> None:
    later = resuming(longer(content, content["trainer"]["max_epochs"] + 1), "auto")
    make_run(content, "completed", "2026-01-01", "done")
    job = make_run(content, "interrupted", "2026-01-02", "job")
    record = read_record(job)
    record.sweep = {"id": "s", "job": 0}
    record.write(job)
    assert "starting afresh" in (choose_directory(later, "custom")[1] or "")
    shorter = make_run(content, "interrupted", "2026-01-03", "shorter")
    assert choose_directory(later, "custom")[0] == shorter
    assert choose_directory(resuming(content, "auto"), "custom")[0] == shorter


def test_auto_leaves_a_trial_that_a_search_has_stopped(content: Content, make_run: MakeRun) -> None:
    stopped = make_run(content, "interrupted", "2026-01-01", "stopped")
    make_run(content, "pruned", "2026-01-02", "pruned")
    assert choose_directory(resuming(content, "auto"), "custom")[0] == stopped


@pytest.mark.parametrize("status", ["running", "failed", "interrupted", "diverged"])
def test_an_unfinished_run_goes_on_only_when_asked_to(status: str, content: Content, make_run: MakeRun) -> None:
    directory = make_run(content, status)
    with pytest.raises(Refused, match=f"that is {status}; add resume=auto"):
        claim(directory, content, resume=False)
    claimed = claim(directory, content, resume=True)
    assert claimed == Claim(directory, read_record(directory))


@pytest.mark.parametrize("resume", [False, True])
def test_a_finished_run_answers_with_its_record(resume: bool, content: Content, make_run: MakeRun) -> None:
    claimed = claim(make_run(content, "completed"), content, resume)
    assert claimed.finished


def test_another_run_is_refused_with_what_differs(content: Content, make_run: MakeRun) -> None:
    directory = make_run(content, "completed")
    other = deepcopy(content)
    other["seed"], other["data"]["crop"], other["run"]["notes"] = 3, 128, "new words"
    with pytest.raises(Refused, match=r"holds another run \(it differs in data\.crop, seed\)$"):
        claim(directory, other, resume=True)


def test_words_and_places_may_change_on_a_resume(content: Content, make_run: MakeRun) -> None:
    directory = make_run(content)
    other = deepcopy(content)
    other["run"]["notes"], other["data"]["root"], other["data"]["workers"] = "new words", "moved", 0
    assert claim(directory, other, resume=True) == Claim(directory, read_record(directory))


def test_a_run_may_grow_where_nothing_depends_on_its_length(content: Content, make_run: MakeRun) -> None:
    directory = make_run(content, "completed")
    record, epochs = read_record(directory), content["trainer"]["max_epochs"]
    assert may_continue(directory, record, longer(content, epochs + 1))
    assert not may_continue(directory, record, longer(content, epochs - 1))
    assert not may_continue(directory, record, {**longer(content, epochs + 1), "seed": 9})
    assert claim(directory, longer(content, epochs + 1), resume=True) == Claim(directory, record)
    with pytest.raises(Refused, match="resume=auto"):
        claim(directory, longer(content, epochs + 1), resume=False)


@pytest.mark.parametrize(
    ("negatives", "interval", "scheduler", "answer"),
    [
        ("a.Blend", 100, {"_target_": "torch.optim.lr_scheduler.MultiStepLR"}, False),
        ("a.Blend", None, {"_target_": "torch.optim.lr_scheduler.MultiStepLR"}, True),
        ("cldeblur.contrast.negatives.blurred.Blurred", None, None, False),
        (None, None, None, False),
        (None, None, {"_target_": "cldeblur.training.optimization.Cosine"}, True),
        ("a.Blend", 100, {"_target_": "torch.optim.lr_scheduler.CosineAnnealingLR"}, True),
    ],
)
def test_what_depends_on_the_length(
    negatives: str | None, interval: int | None, scheduler: Any, answer: bool, content: Content, make_run: MakeRun
) -> None:
    content["negatives"] = {"_target_": negatives}
    content["schedule"]["interval"] = interval
    content["optimizer"]["scheduler"] = scheduler
    assert depends_on_length(content) == answer
    directory = make_run(content)
    grown = longer(content, content["trainer"]["max_epochs"] + 1)
    assert may_continue(directory, read_record(directory), grown) != answer


@pytest.mark.parametrize("option", options("schedule"))
def test_schedules_that_depend_on_the_length(option: str) -> None:
    words = ["data.root=x", "negatives=blend", f"schedule={option}"]
    assert depends_on_length(jobs("train", words)[0].content) == (option in ("interval", "random", "reverse"))
    if "interval" in read_option("schedule", option):
        assert not depends_on_length(jobs("train", [*words, "schedule.interval=9"])[0].content)


def test_a_second_process_is_refused_until_the_first_dies(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "one"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(directory)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        for _ in range(2):
            with pytest.raises(Refused, match="another process is working on"), locked(directory):
                pass
            assert is_locked(directory)
        holder.kill()
    for _ in range(50):
        if not is_locked(directory):
            break
        time.sleep(0.1)
    with locked(directory):
        assert is_locked(directory)
    assert list(directory.iterdir()) == []


def test_a_lock_lets_errors_through_and_leaves_nothing(tmp_path: Path) -> None:
    """An error of the work's own is not taken for a lock's."""
    with pytest.raises(BlockingIOError), locked(tmp_path):
        raise BlockingIOError
    assert list(tmp_path.iterdir()) == []
    assert not is_locked(tmp_path)
    assert not is_locked(tmp_path / "not there")
    assert list(tmp_path.iterdir()) == []


def test_a_claim_looks_past_its_own_lock(content: Content, tmp_path: Path) -> None:
    with locked(tmp_path):
        assert (tmp_path / LOCK_FILE).exists()
        assert claim(tmp_path, content, resume=False).earlier is None


def test_only_new_folders_that_are_empty_are_removed(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    wanted = [tmp_path / "old" / "a" / "b", tmp_path / "new" / "c", tmp_path / "new" / "d", tmp_path / "never" / "e"]
    with none_left_empty(wanted):
        for folder in wanted[:3]:
            folder.mkdir(parents=True)
        (wanted[2] / "file").write_text("")
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        *("new", "new/d", "new/d/file", "old")
    ]
