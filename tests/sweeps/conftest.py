"""Run directories to find, to claim and to refuse."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from cldeblur.config.identity import config_hash, method_hash
from cldeblur.config.loading import to_yaml
from cldeblur.records import RunRecord, Status
from cldeblur.sweeps.preflight import jobs

Content = dict[str, Any]
MakeRun = Callable[..., Path]


@pytest.fixture(scope="module")
def _composed() -> Content:
    return jobs("train", ["data.root=x", "negatives=blend", "schedule.interval=100"])[0].content


@pytest.fixture
def content(_composed: Content, tmp_path: Path) -> Content:
    """A resolved config of `cldeblur train` that a test may change; its runs lie below the test's folder."""
    content = deepcopy(_composed)
    content["run"]["root"] = str(tmp_path / "runs")
    return content


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Give `make_run(content, status, started, name)`, the directory of a run with its record and config."""

    def make(content: Content, status: Status = "interrupted", started: str = "2026-01-01", name: str = "one") -> Path:
        directory = tmp_path / "runs" / "custom" / name
        hashes = {"hash": config_hash(content), "method_hash": method_hash(content)}
        directory.mkdir(parents=True)
        (directory / "config.yaml").write_text(to_yaml(content), encoding="utf-8")
        RunRecord(name, name, "train", status, started, started, [], [], "", hashes, {}, {}, {}).write(directory)
        return directory

    return make
