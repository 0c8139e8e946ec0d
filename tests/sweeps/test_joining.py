"""Processes that something else started: the first begins the run, the others wait for it, or are refused."""

from pathlib import Path
from typing import Any

import pytest

from cldeblur.config.loading import to_yaml
from cldeblur.environment import external_rank
from cldeblur.errors import Refused
from cldeblur.sweeps.joining import await_first_rank, refuse_strangers

VARIABLES = ("TORCHELASTIC_RUN_ID", "RANK", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_JOB_NAME")


def config(devices: int, directory: str | None) -> dict[str, Any]:
    """The part of a config that matters to several processes."""
    return {"trainer": {"devices": devices, "num_nodes": 1}, "run": {"dir": directory}, "resume": None}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give `started(NAME=value, …)`: the environment that a launcher makes."""

    def set_all(**values: str) -> None:
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_all


@pytest.mark.parametrize(
    ("values", "rank"),
    [
        ({}, None),
        ({"RANK": "3"}, None),
        ({"TORCHELASTIC_RUN_ID": "a", "RANK": "3"}, 3),
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "2", "SLURM_JOB_NAME": "deblur"}, 2),
        ({"SLURM_NTASKS": "1", "SLURM_PROCID": "0", "SLURM_JOB_NAME": "deblur"}, None),
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_JOB_NAME": "bash"}, None),
    ],
)
def test_place_among_processes(values: dict[str, str], rank: int | None, started: Any) -> None:
    started(**values)
    assert external_rank() == rank


def test_who_may_begin(started: Any) -> None:
    started()
    refuse_strangers(config(1, None))
    started(TORCHELASTIC_RUN_ID="a", RANK="0")
    refuse_strangers(config(2, "there"))
    with pytest.raises(Refused, match=r"^run\.dir is needed where several processes are started from outside"):
        refuse_strangers(config(2, None))
    started(TORCHELASTIC_RUN_ID="a", RANK="2")
    with pytest.raises(Refused, match=r"^this is process 2, and trainer\.devices x trainer\.num_nodes is 2"):
        refuse_strangers(config(2, "there"))


def test_the_others_wait_for_the_same_run(tmp_path: Path) -> None:
    content = {"seed": 1}
    with pytest.raises(Refused, match="has not begun the run in"):
        await_first_rank(tmp_path, content, patience=0)
    (tmp_path / "config.yaml").write_text(to_yaml({"seed": 2}))
    with pytest.raises(Refused, match="has not begun the run in"):
        await_first_rank(tmp_path, content, patience=0)
    (tmp_path / "config.yaml").write_text(to_yaml(content))
    await_first_rank(tmp_path, content, patience=0)
