"""What a run leaves about itself: its record, whole or not at all, and what it says of where it ran."""

import json
import logging
import math
import os
import re
import subprocess
import sys
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cldeblur import environment
from cldeblur.config.identity import code_fingerprint, config_hash
from cldeblur.config.loading import read_config
from cldeblur.config.schema import Run
from cldeblur.errors import Refused
from cldeblur.files import write_bytes, write_text
from cldeblur.launching import Launch, begin, list_outputs, logged
from cldeblur.records import (
    RECORD_FILE,
    SCHEMA,
    SWEEP_FILE,
    RunRecord,
    SweepJob,
    SweepRecord,
    duration,
    now,
    read_record,
    read_sweep,
    to_json,
)

RUN = Run(root="runs", dir=None, name=None, group=None, tags=["a", "b"], notes="why")
CONTENT: dict[str, Any] = {"seed": 0, "data": {"root": "x", "crop": 64}, "run": {"root": "runs"}}


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    """A job that is about to begin in a folder that is there."""
    (tmp_path / "one").mkdir()
    return Launch("train", tmp_path / "one", CONTENT, ["seed=0"], ["cldeblur train"], experiment="quickstart")


def test_a_first_record_is_complete(launch: Launch) -> None:
    begin(launch, RUN)
    content = json.loads((launch.directory / RECORD_FILE).read_text())
    assert set(content) == {item.name for item in fields(RunRecord)}
    assert content["schema"] == SCHEMA
    assert content["id"].split("-")[-2] == config_hash(CONTENT)[:8]
    for moment in (content["started"], content["heartbeat"]):
        assert datetime.fromisoformat(moment).utcoffset() is not None
    assert content["ended"] is content["exit_reason"] is content["sweep"] is None
    expected = {"name": "one", "task": "train", "status": "running", "experiment": "quickstart", "notes": "why"}
    assert {key: content[key] for key in expected} == expected
    assert content["tags"] == ["a", "b"]
    assert set(content["config"]) == {"path", "hash", "method_hash"}
    assert {"python", "cldeblur", "torch", "lightning", "hydra-core"} <= set(content["versions"])
    assert set(content["host"]) == {"os", "cpu", "cores", "ram_gb", "gpus", "cuda", "cudnn", "driver"}
    assert content["code"] == code_fingerprint(Path(environment.__file__).parent)


def test_the_config_lies_beside_the_record(launch: Launch) -> None:
    record = begin(launch, RUN)
    assert read_config(launch.directory / record.config["path"]) == CONTENT
    assert (launch.directory / "overrides.yaml").read_text() == "- seed=0\n"


def test_a_resumed_run_goes_on_with_its_record(launch: Launch) -> None:
    first = begin(launch, RUN)
    first.end(launch.directory, "interrupted", "SIGTERM")
    again = Launch(**{**vars(launch), "content": {**CONTENT, "seed": 0}, "earlier": read_record(launch.directory)})
    record = begin(again, RUN)
    assert (record.id, record.started) == (first.id, first.started)
    assert (record.status, record.ended, record.exit_reason) == ("running", None, None)
    assert read_record(launch.directory) == record


def test_a_record_is_read_back_as_it_was_written(launch: Launch) -> None:
    record = begin(launch, RUN)
    record.metrics = {"best": {"value": 30.0, "epoch": 2}}
    record.progress = {"epochs": 3}
    record.end(launch.directory, "diverged", "the loss is not finite")
    found = read_record(launch.directory)
    assert found == record
    assert (found.status, found.exit_reason) == ("diverged", "the loss is not finite")
    assert found.ended is not None


def test_what_is_not_finite_is_null(launch: Launch) -> None:
    record = begin(launch, RUN)
    record.metrics = {"final": {"val/psnr": math.nan, "train/loss": [math.inf, {"x": -math.inf}, 1.5]}}
    record.write(launch.directory)
    text = (launch.directory / RECORD_FILE).read_text()
    assert "NaN" not in text
    assert read_record(launch.directory).metrics == {
        "final": {"val/psnr": None, "train/loss": [None, {"x": None}, 1.5]}
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=3))
def test_json_is_strict(content: dict[str, Any]) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    once = json.loads(to_json(content), parse_constant=refuse)
    assert to_json(once) == to_json(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[]", f"schema {SCHEMA}"),
        ("{}", f"schema {SCHEMA}"),
        (json.dumps({"schema": SCHEMA + 1}), f"schema {SCHEMA}"),
        (json.dumps({"schema": SCHEMA}), "no field 'id'"),
    ],
)
def test_what_is_no_record_is_refused(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / RECORD_FILE).write_text(content)
    with pytest.raises(Refused, match=words) as caught:
        read_record(tmp_path)
    assert RECORD_FILE in str(caught.value)


def test_a_folder_without_record_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is not a run directory"):
        read_record(tmp_path)


def test_a_field_of_a_later_version_does_no_harm(launch: Launch) -> None:
    record = begin(launch, RUN)
    write_text(launch.directory / RECORD_FILE, to_json({**asdict(record), "later": 1}))
    assert read_record(launch.directory) == record


def test_a_file_is_written_with_the_folders_it_needs(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "file.txt", "ü")
    assert (tmp_path / "a" / "b" / "file.txt").read_bytes() == "ü".encode()


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_a_write_that_fails_leaves_the_old_file(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(step, fail)
    with pytest.raises(OSError, match="the disk is full"):
        write_bytes(path, b"new and much longer")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_never_finds_half_a_file(tmp_path: Path) -> None:
    """Another process is killed in the middle of writing again and again."""
    path = tmp_path / "file"
    program = (
        "import sys; from pathlib import Path; from cldeblur.files import write_bytes; print(flush=True)\n"
        "while True:\n    for letter in b'ab': write_bytes(Path(sys.argv[1]), bytes([letter]) * 2**20)"
    )
    write_bytes(path, b"a" * 2**20)
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        seen = [path.read_bytes() for _ in range(300)]
        writer.kill()
    assert all(len(set(content)) == 1 and len(content) == 2**20 for content in seen)
    assert len(set(seen)) == 2


def test_the_log_goes_to_terminal_and_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("cldeblur.anything")
    before = list(logging.getLogger("cldeblur").handlers)
    with logged(tmp_path):
        logger.info("inside")
    logger.info("outside")
    assert capsys.readouterr().out == "inside\n"
    (line,) = (tmp_path / "log.txt").read_text().splitlines()
    assert line.endswith("INFO inside")
    assert logging.getLogger("cldeblur").handlers == before


def test_outputs_are_listed_with_size_and_content(tmp_path: Path) -> None:
    for name in ("checkpoints/best.ckpt", "results/gopro.csv", "results/gopro.json", "pictures/a.png", "pictures/b.x"):
        write_text(tmp_path / name, "abc")
    write_text(tmp_path / "log.txt", "not one of them")
    found = list_outputs(tmp_path)
    kinds = {item["path"]: item["kind"] for item in found}
    assert list(kinds) == sorted(kinds)
    assert list(kinds.values()) == ["checkpoint", "picture", "file", "table", "summary"]
    assert {(item["bytes"], item["sha256"][:8]) for item in found} == {(3, "ba7816bf")}


def test_versions_and_host_are_plain_and_nameless() -> None:
    text = to_json({"versions": environment.versions(), "host": environment.host()})
    assert os.uname().nodename not in text or len(os.uname().nodename) < 3
    assert environment.host()["cores"] >= 1
    assert environment.peak_memory_mb() > 1


def test_git_is_told_of_a_checkout_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "cldeblur"
    package.mkdir()
    (package / "environment.py").write_text("")
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(environment, "__file__", str(package / "environment.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert environment.git(tmp_path) is None
    run_git(tmp_path, "init", "--quiet", "--initial-branch=trunk")
    assert environment.git(tmp_path) is None
    run_git(tmp_path, "add", ".")
    run_git(tmp_path, "commit", "--quiet", "--message=first")
    clean = environment.git(tmp_path)
    assert clean is not None
    assert (clean["branch"], clean["dirty"], clean["diff"]) == ("trunk", False, None)
    (package / "untracked.py").write_text("")
    untracked = environment.git(tmp_path)
    assert untracked is not None
    assert (untracked["dirty"], untracked["diff"]) == (True, None)
    (package / "__init__.py").write_text("changed = True\n")
    changed = environment.git(tmp_path)
    assert changed is not None
    assert "+changed = True" in (tmp_path / changed["diff"]).read_text()


def run_git(folder: Path, *words: str) -> None:
    """Run git as nobody in particular."""
    person = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.invalid", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *person, *words], check=True, capture_output=True)


def test_the_time_is_utc_to_the_second() -> None:
    moment = datetime.fromisoformat(now())
    assert moment.tzname() == "UTC"
    assert moment.microsecond == 0


@pytest.mark.parametrize(
    ("seconds", "words"), [(40, "40 s"), (720, "12 min"), (3.5 * 3600, "3.5 h"), (6.2 * 86400, "6.2 days")]
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def sweep() -> SweepRecord:
    """A sweep of two jobs."""
    jobs = [
        SweepJob("seed=1-01234567", "0" * 64, ["seed=1"], [0, 2]),
        SweepJob("seed=2-89abcdef", "1" * 64, ["seed=2"], [1], "failed", "the disk is full", now(), now()),
    ]
    return SweepRecord("mine", "train", "running", now(), ["cldeblur"], [], "", ["a"], ["b"], {"torch": "2"}, jobs=jobs)


def test_a_sweeps_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    record = sweep()
    record.write(tmp_path)
    assert read_sweep(tmp_path) == record
    content = json.loads((tmp_path / SWEEP_FILE).read_text())
    assert content["schema"] == SCHEMA
    assert content["jobs"][1]["reason"] == "the disk is full"
    (tmp_path / SWEEP_FILE).write_text(to_json({**content, "later": 1, "jobs": [{**content["jobs"][0], "later": 2}]}))
    assert read_sweep(tmp_path).jobs == record.jobs[:1]


def test_a_folder_without_a_sweep_is_no_sweep(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"is not a sweep directory: it has no sweep\.json$"):
        read_sweep(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("id", 1), ("id", None), ("status", "ended"), ("started", 1.5), ("git", "main"), ("git", ["main"])),
        *(("argv", "train"), ("argv", [1]), ("versions", {"torch": 2}), ("data", {}), ("ended", False)),
        *(("jobs", {}), ("jobs", [1]), ("jobs", [{}]), ("jobs", None), ("schema", 99)),
    ],
)
def test_a_field_of_a_sweep_has_its_type(field: str, value: Any, tmp_path: Path) -> None:
    write_text(tmp_path / SWEEP_FILE, to_json({**asdict(sweep()), field: value}))
    with pytest.raises(Refused, match=re.escape(str(tmp_path / SWEEP_FILE)) + " is (damaged|no record)"):
        read_sweep(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("numbers", [True]), ("numbers", 1), ("status", "done"), ("reason", 1), ("overrides", None), ("hash", None)],
)
def test_a_field_of_a_job_has_its_type(field: str, value: Any, tmp_path: Path) -> None:
    content = asdict(sweep())
    content["jobs"][1][field] = value
    write_text(tmp_path / SWEEP_FILE, to_json(content))
    with pytest.raises(Refused, match=f"its field '{field}' is {re.escape(repr(value))}$"):
        read_sweep(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("status", "ended"), ("cost", {"wall_s": "long"}), ("metrics", []), ("progress", {"epochs": 1.5})],
)
def test_a_field_of_a_run_has_its_type(field: str, value: Any, launch: Launch) -> None:
    record = begin(launch, RUN)
    write_text(launch.directory / RECORD_FILE, to_json({**asdict(record), field: value}))
    with pytest.raises(Refused, match=f"is damaged: its field '{field}' is"):
        read_record(launch.directory)


def test_a_whole_number_may_stand_for_a_real_one(launch: Launch) -> None:
    record = begin(launch, RUN)
    record.cost = {"wall_s": 3, "peak_gpu_mb": None}
    record.write(launch.directory)
    assert read_record(launch.directory) == record
