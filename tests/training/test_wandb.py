"""An offline run of Weights & Biases holds the metrics, the whole config, and pictures as they are."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from wandb.proto import wandb_internal_pb2

from cldeblur.cli.main import main
from cldeblur.config.loading import keys, read_config
from cldeblur.errors import Refused
from cldeblur.records import read_record
from cldeblur.training import wandb

Record: Any = vars(wandb_internal_pb2)["Record"]
BLOCK = 32768
HEADER = struct.Struct("<IHB")
FIRST_OF_SEVERAL, LAST_OF_SEVERAL, ALONE = 2, 4, 1


def records(path: Path) -> Iterator[Any]:
    """The records of a .wandb file: a head of seven bytes, then a log in LevelDB's format."""
    data, place, body = path.read_bytes(), 7, b""
    while place + HEADER.size <= len(data):
        left = BLOCK - place % BLOCK
        _, length, kind = HEADER.unpack_from(data, place) if left >= HEADER.size else (0, 0, 0)
        if kind == 0:
            place += left
            continue
        piece = data[place + HEADER.size : place + HEADER.size + length]
        body = piece if kind in (ALONE, FIRST_OF_SEVERAL) else body + piece
        place += HEADER.size + length
        if kind in (ALONE, LAST_OF_SEVERAL):
            yield Record.FromString(body)


def values(items: Any) -> dict[str, Any]:
    """Keys, nested ones dotted, and values of a record's items."""
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


@pytest.fixture(scope="module")
def run(pairs: Path, tmp_path_factory: pytest.TempPathFactory, small_words: list[str]) -> Path:
    """A finished run with two images to show."""
    directory = tmp_path_factory.mktemp("wandb") / "run"
    words = ["logger=wandb", "logger.mode=offline", "negatives=blend", "schedule.stages=2", "trainer.max_epochs=2"]
    places = [f"data.root={pairs}", f"run.dir={directory}", "data.validation=[000,005]", "run.tags=[tag]"]
    assert main(["train", *small_words, *words, *places, "run.notes=why", "run.group=several"]) == 0
    return directory


@pytest.fixture(scope="module")
def found(run: Path) -> list[Any]:
    """What the run's .wandb file holds."""
    (path,) = (run / "wandb").glob("offline-run-*/*.wandb")
    return list(records(path))


def history(found: list[Any]) -> list[dict[str, Any]]:
    """The logged rows."""
    return [values(record.history.item) for record in found if record.HasField("history")]


def test_config_is_whole(run: Path, found: list[Any]) -> None:
    logged: dict[str, Any] = {}
    for record in found:
        if record.HasField("run"):
            logged |= values(record.run.config.update)
    content = read_config(run / "config.yaml")
    assert {key: logged[key] for key in content} == content
    assert len(keys(content)) > 60


def test_words(run: Path, found: list[Any]) -> None:
    (begun, *_) = (record.run for record in found if record.HasField("run"))
    written = read_record(run)
    assert (begun.run_id, begun.display_name, begun.run_group) == (written.id, written.name, "several")
    assert (list(begun.tags), begun.notes, begun.project) == (["tag"], "why", "cldeblur")
    assert [record.exit.exit_code for record in found if record.HasField("exit")] == [0]


def test_metrics_are_those_of_the_record(run: Path, found: list[Any]) -> None:
    epochs = [row for row in history(found) if "train/loss" in row]
    final = {name: value for name, value in read_record(run).metrics["final"].items() if value is not None}
    assert len(epochs) == 2
    assert {name: epochs[-1][name] for name in final} == final
    scores = [row["test/folder/psnr"] for row in history(found) if "test/folder/psnr" in row]
    assert scores == [read_record(run).metrics["test"]["folder/psnr"]["mean"]]


def test_pictures_are_the_images(run: Path, pairs: Path, found: list[Any]) -> None:
    panels = {name: row for row in history(found) for name in ("000", "005") if f"{name}.filenames" in row}
    assert set(panels) == {"000", "005"}
    for name, row in panels.items():
        files = row[f"{name}.filenames"]
        assert row[f"{name}.captions"] == ["blurred", "restored", "sharp"]
        (folder,) = (run / "wandb").glob("offline-run-*/files")
        for kind, file in (("blur", files[0]), ("sharp", files[2])):
            shown, original = (
                np.asarray(Image.open(path)) for path in (folder / file, pairs / "train" / kind / f"{name}.png")
            )
            np.testing.assert_array_equal(shown, original)
    assert any("contact sheet" in key for row in history(found) for key in row)


def test_the_user_is_told_where_it_is(run: Path) -> None:
    log = (run / "log.txt").read_text()
    assert "W&B, offline" in log
    assert f"wandb sync {run / 'wandb' / 'offline-run-'}" in log


@pytest.mark.parametrize(("key", "server", "online"), [(None, True, False), ("k", False, False), ("k", True, True)])
def test_online_where_key_and_server_are(
    key: str | None, server: bool, online: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def connect(address: tuple[str, int], timeout: float) -> Any:
        assert (address, timeout) == (("wandb.example", 443), wandb.PROBE_SECONDS)
        if not server:
            raise OSError("no route")
        return open(tmp_path / "socket", "w")  # noqa: PTH123 - anything that can be closed

    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example")
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setattr("netrc.netrc", lambda: (_ for _ in ()).throw(FileNotFoundError))
    monkeypatch.setattr("socket.create_connection", connect)
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    if key:
        monkeypatch.setenv("WANDB_API_KEY", key)
    assert wandb._reachable() is online


def test_unknown_mode(run: Path) -> None:
    with pytest.raises(Refused, match=r"logger\.mode must be one of auto, online, offline, not silent"):
        wandb.RunLogger("p", None, "silent", 4, run, read_record(run), None, {})


def test_a_server_that_refuses_costs_no_run(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setattr(wandb, "INIT_SECONDS", 1.0)
    directory = train("refused", "logger=wandb", "logger.mode=online")
    log = (directory / "log.txt").read_text()
    assert log.count("W&B cannot go online (") == 1
    assert "the run is kept offline" in log
    assert read_record(directory).status == "completed"
    assert list((directory / "wandb").glob("offline-run-*/*.wandb"))
