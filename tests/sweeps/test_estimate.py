"""What a sweep says before it starts."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from cldeblur.config.identity import config_hash
from cldeblur.records import RunRecord, Status, duration
from cldeblur.sweeps.estimate import announcement, time_needed

Content = dict[str, Any]


def record(content: Content, wall: float | None = None, status: Status = "completed") -> RunRecord:
    hashes = {"hash": config_hash(content)}
    return RunRecord("a", "a", "train", status, "", "", [], [], "", hashes, {}, {}, {}, cost={"wall_s": wall})


def seeds(content: Content, *numbers: int) -> list[Content]:
    return [{**deepcopy(content), "seed": number} for number in numbers]


def test_equal_jobs_are_counted_once(content: Content, tmp_path: Path) -> None:
    content["negatives"] = {"_target_": None}
    other = {**deepcopy(content), "levels": {"top": 0.5}}
    first, second = announcement(tmp_path, [*seeds(content, 1, 2), *seeds(other, 1, 2)], 1).splitlines()
    assert first == f"{tmp_path}: 2 runs (4 combinations, of which equal ones are trained once)"
    assert second.startswith("how long 2 runs will take is not known")


def test_complete_runs_are_not_counted_as_left_and_tell_the_time(content: Content, tmp_path: Path) -> None:
    contents = seeds(content, 1, 2, 3, 4, 5)
    states: list[tuple[float, Status]] = [(3600.0, "completed"), (7200.0, "completed"), (60.0, "failed")]
    for number, (run, (wall, status)) in enumerate(zip(contents, states, strict=False)):
        (tmp_path / str(number)).mkdir()
        record(run, wall, status).write(tmp_path / str(number))
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "run.json").write_text("{")
    first, second = announcement(tmp_path, contents, at_once=2).splitlines()
    assert first == f"{tmp_path}: 5 runs; 2 of them are complete"
    assert second == "about 3.0 h for the 3 runs left, 2 at a time, judged by 2 runs that took 90 min on average"


@pytest.mark.parametrize(
    ("walls", "left", "at_once", "words"),
    [
        ([], 1, 1, "how long 1 run will take is not known"),
        ([None], 4, 1, "how long 4 runs will take is not known"),
        ([60.0], 0, 1, "nothing is left to do"),
        ([60.0, None], 3, 1, "about 3 min for the 3 runs left, 1 at a time, judged by 1 run that took 60 s"),
        ([600.0], 5, 4, "about 20 min for the 5 runs left, 4 at a time"),
    ],
)
def test_time_needed(walls: list[float | None], left: int, at_once: int, words: str, content: Content) -> None:
    assert time_needed([record(content, wall) for wall in walls], left, at_once).startswith(words)


@pytest.mark.parametrize(
    ("seconds", "words"), [(40, "40 s"), (720, "12 min"), (3.5 * 3600, "3.5 h"), (6.2 * 86400, "6.2 days")]
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words
