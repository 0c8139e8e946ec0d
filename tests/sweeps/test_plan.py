"""What a sweep will do: its folder, its distinct runs, and whose the folder is already."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cldeblur.config.identity import config_hash
from cldeblur.errors import Refused
from cldeblur.records import SWEEP_FILE
from cldeblur.sweeps.plan import Plan, make_plan, take_up
from cldeblur.sweeps.preflight import Job, jobs

Content = dict[str, Any]
MakeRun = Callable[..., Path]
AXES = ("negatives=none,blend", "schedule=interval,constant", "seed=1,2")


@pytest.fixture(scope="module")
def _found() -> list[Job]:
    return jobs("train", ["data.root=x", *AXES], multirun=True)


@pytest.fixture
def found(_found: list[Job], tmp_path: Path) -> list[Job]:
    """Eight jobs, six of which are different runs, below the test's folder."""
    found = deepcopy(_found)
    for job in found:
        job.content["run"]["root"] = str(tmp_path / "runs")
    return found


@pytest.fixture
def plan(found: list[Job]) -> Plan:
    """Their plan."""
    return make_plan("train", AXES, found)


def changed(found: list[Job], section: str, **values: Any) -> list[Job]:
    """The jobs with other values in a section of their configs."""
    return [replace(job, content={**job.content, section: {**job.content[section], **values}}) for job in found]


def test_jobs_of_one_hash_are_one_run(plan: Plan, found: list[Job]) -> None:
    assert [run.numbers for run in plan.runs] == [(0, 2), (1, 3), (4,), (5,), (6,), (7,)]
    assert [run.hash for run in plan.runs] == [config_hash(found[run.numbers[0]].content) for run in plan.runs]
    first, single = plan.runs[0], plan.runs[2]
    assert first.words == ("negatives=none,schedule=interval,seed=1", "negatives=none,schedule=constant,seed=1")
    assert first.directory.name == f"negatives=none,seed=1-{first.hash[:8]}"
    assert single.directory.name == f"negatives=blend,schedule=interval,seed=1-{single.hash[:8]}"
    assert (first.overrides, first.epochs) == (found[0].overrides, 3000)
    assert len({run.directory for run in plan.runs}) == 6


def test_where_a_sweep_lives(plan: Plan, found: list[Job], tmp_path: Path) -> None:
    assert plan.folder == tmp_path / "runs" / "sweeps" / "custom"
    assert (plan.group, plan.experiments, plan.data, plan.at_once) == ("custom", ["custom"], ["gopro"], 1)
    named = make_plan("train", AXES, changed(found, "run", group="mine"))
    assert named.folder == tmp_path / "runs" / "sweeps" / "mine"
    for job in found:
        job.choices["experiment"] = "quickstart"
    assert make_plan("train", AXES, found).group == "quickstart"
    assert make_plan("train", [*AXES, "experiment=quickstart,other"], found).group == "custom"


def test_one_runs_directory_is_no_place_for_a_sweep(found: list[Job]) -> None:
    with pytest.raises(Refused, match=r"^run\.dir names one run's directory"):
        make_plan("train", AXES, changed(found, "run", dir="mine"))
    for job in found:
        job.content["resume"] = "mine"
    with pytest.raises(Refused, match=r"^resume names one run's directory"):
        make_plan("train", AXES, found)


def test_how_many_at_once_is_ours_to_know_or_not(found: list[Job]) -> None:
    assert make_plan("train", AXES, changed(found, "launcher", jobs=3)).at_once == 3
    for job in found:
        job.choices["hydra/launcher"] = "joblib"
    assert make_plan("train", AXES, found).at_once is None


def test_a_sweeper_that_thinks_of_its_own_has_no_plan(found: list[Job]) -> None:
    for job in found:
        job.choices["hydra/sweeper"] = "optuna"
    assert make_plan("train", AXES, found).runs == []


def test_a_run_that_is_there_stays_where_it_is(plan: Plan, found: list[Job], make_run: MakeRun) -> None:
    plan.folder.mkdir(parents=True)
    target = make_run(found[0].content, "interrupted", name="x").rename(plan.folder / "other words")
    assert make_plan("train", AXES, found).runs[0].directory == target
    finished = make_run(found[2].content, "completed", name="y").rename(plan.folder / "a")
    assert make_plan("train", AXES, found).runs[0].directory == finished


def test_a_record_that_is_there_is_taken_up(plan: Plan, found: list[Job], make_run: MakeRun) -> None:
    plan.folder.mkdir(parents=True)
    first = take_up(plan, ["cldeblur"], AXES)
    assert [(job.status, job.numbers) for job in first.jobs][:2] == [("waiting", [0, 2]), ("waiting", [1, 3])]
    first.started = "2026-01-01T00:00:00+00:00"
    first.write(plan.folder)
    make_run(found[1].content, "completed", name="x").rename(plan.runs[1].directory)
    smaller = make_plan("train", ["seed=1,2"], found[:2])
    again = take_up(smaller, ["cldeblur", "again"], ["seed=1,2"])
    assert (again.started, again.argv, again.status) == (first.started, ["cldeblur", "again"], "running")
    assert (again.experiments, again.data) == (first.experiments, first.data), "those of earlier jobs are not forgotten"
    states = [(job.status, job.numbers) for job in again.jobs]
    assert states == [("waiting", [0]), ("completed", [1]), *[("waiting", [])] * 4]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"verb": "evaluate"}, "verb train, not evaluate"),
        ({"experiments": ["quickstart"]}, "experiment custom, not quickstart"),
        ({"data": ["folder", "photos"]}, "data gopro, not folder, photos"),
    ],
)
def test_another_sweeps_folder_is_refused(change: dict[str, Any], words: str, plan: Plan) -> None:
    plan.folder.mkdir(parents=True)
    take_up(plan, [], []).write(plan.folder)
    before = (plan.folder / SWEEP_FILE).read_bytes()
    with pytest.raises(Refused, match=rf"^run\.group=custom is another sweep's: .* holds one of {words}; give another"):
        take_up(replace(plan, **change), [], [])
    assert (plan.folder / SWEEP_FILE).read_bytes() == before
    wider = {key: [*value, "gopro", "custom"] for key, value in change.items() if isinstance(value, list)}
    take_up(replace(plan, **wider), [], [])
