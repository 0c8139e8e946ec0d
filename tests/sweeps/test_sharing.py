"""What of a machine falls to each of several jobs."""

import os

import pytest
import torch

from cldeblur.sweeps.sharing import job_environment

GPUS = "CUDA_VISIBLE_DEVICES"


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has said what is to be used."""
    monkeypatch.delenv(GPUS, raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def machine(monkeypatch: pytest.MonkeyPatch, cores: int, gpus: int) -> None:
    """A machine of that many cores and GPUs."""
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)


def test_one_job_alone_has_all(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 8, 4)
    assert job_environment(0, 1) == dict(os.environ)


@pytest.mark.parametrize(("cores", "at_once", "share"), [(8, 2, "4"), (8, 3, "2"), (2, 4, "1")])
def test_cores(cores: int, at_once: int, share: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, cores, 0)
    assert {job_environment(place, at_once)["OMP_NUM_THREADS"] for place in range(at_once)} == {share}
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert job_environment(0, at_once)["OMP_NUM_THREADS"] == "7"


@pytest.mark.parametrize(
    ("count", "at_once", "orders"),
    [
        (2, 2, ["0,1", "1,0"]),
        (4, 2, ["0,1,2,3", "2,3,0,1"]),
        (4, 4, ["0,1,2,3", "1,2,3,0", "2,3,0,1", "3,0,1,2"]),
        (2, 4, ["0,1", "0,1", "1,0", "1,0"]),
    ],
)
def test_every_job_begins_with_gpus_of_its_own(
    count: int, at_once: int, orders: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, 8, count)
    assert [job_environment(place, at_once)[GPUS] for place in range(at_once)] == orders


@pytest.mark.parametrize("count", [0, 1])
def test_no_choice_of_gpus(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 8, count)
    assert GPUS not in job_environment(1, 2)


def test_only_gpus_that_the_user_lets_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 8, 3)
    monkeypatch.setenv(GPUS, "5, GPU-8932f937,7,-1,2")
    assert [job_environment(place, 3)[GPUS] for place in range(3)] == [
        *("5,GPU-8932f937,7", "GPU-8932f937,7,5", "7,5,GPU-8932f937"),
    ]
