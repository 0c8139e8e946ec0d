"""What a run leaves behind: its record, its config, its checkpoints, its results."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cldeblur.checkpoints import load_published
from cldeblur.cli.main import main
from cldeblur.config.identity import config_hash, file_hash, method_hash
from cldeblur.config.loading import read_config
from cldeblur.evaluation.run import rebuild
from cldeblur.history import CONTRASTIVE, PLAIN
from cldeblur.networks.mimo_unet import MIMOUNet
from cldeblur.records import read_record

Number = (int, float)
FIELDS: dict[str, Any] = {
    "schema": int,
    "id": str,
    "name": str,
    "task": str,
    "tags": [str],
    "experiment": (str, type(None)),
    "sweep": (dict, type(None)),
    "status": str,
    "exit_reason": (str, type(None)),
    "started": str,
    "heartbeat": str,
    "ended": str,
    "argv": [str],
    "overrides": [str],
    "cwd": str,
    "config": {"path": str, "hash": str, "method_hash": str},
    "git": (dict, type(None)),
    "versions": {"python": str, "cldeblur": str, "torch": str, "lightning": str, "hydra-core": str},
    "host": {"os": str, "cpu": str, "cores": int, "ram_gb": Number, "gpus": list},
    "determinism": {
        "seed": int,
        "deterministic": bool,
        "tf32": bool,
        "tf32_convolutions": bool,
        "benchmark": bool,
        "precision": str,
        "world_size": int,
        "workers": int,
    },
    "data": [{"split": str, "name": str, "root": str, "n": int, "fingerprint": str, "full": bool}],
    "model": {
        "target": str,
        "params_total": int,
        "params_trainable": int,
        "macs": int,
        "macs_input": [int],
        "macs_tool": str,
    },
    "init": (dict, type(None)),
    "resumed_from": list,
    "metrics": {
        "best": {"monitor": str, "mode": str, "value": float, "epoch": Number, "step": Number},
        "final": {"epoch": Number, "step": Number, "train/loss": float, "val/psnr": float},
        "test": {"folder/psnr": {"mean": float, "std": float, "n": int, "per_image": str}},
        "evaluated": {"split": str, "data": str, "protocol": str},
    },
    "metric_defs": {"psnr": str},
    "progress": {"epochs": int, "steps": int, "images_seen": int},
    "cost": {
        "wall_s": float,
        "train_s": float,
        "val_s": float,
        "images_per_s": float,
        "device_hours": float,
        "inference_s": float,
    },
    "outputs": [{"path": str, "bytes": int, "sha256": str, "kind": str}],
    "notes": str,
}


def mismatches(value: object, wanted: Any, at: str) -> list[str]:
    """Places where a JSON value is not of the type that is wanted there."""
    if isinstance(wanted, dict):
        return [bad for key, inner in wanted.items() for bad in mismatches(value[key], inner, f"{at}.{key}")]  # type: ignore[index]
    if isinstance(wanted, list):
        return [bad for item in value for bad in mismatches(item, wanted[0], f"{at}[]")]  # type: ignore[attr-defined]
    return [] if isinstance(value, wanted) else [f"{at}: {value!r}"]


@pytest.fixture(scope="module")
def contrast(pairs: Path, tmp_path_factory: pytest.TempPathFactory, small_words: list[str]) -> Path:
    """A finished run with negatives and averaged weights."""
    directory = tmp_path_factory.mktemp("run") / "contrast"
    words = ["negatives=blend", "schedule.stages=2", "trainer.ema=0.9", "trainer.max_epochs=2", "run.notes=why"]
    assert main(["train", *small_words, f"data.root={pairs}", f"run.dir={directory}", "run.tags=[a,b]", *words]) == 0
    return directory


@pytest.fixture(scope="module")
def plain(pairs: Path, tmp_path_factory: pytest.TempPathFactory, small_words: list[str]) -> Path:
    """A finished run without negatives."""
    directory = tmp_path_factory.mktemp("run") / "plain"
    assert main(["train", *small_words, f"data.root={pairs}", f"run.dir={directory}", "negatives=none"]) == 0
    return directory


def test_record(contrast: Path) -> None:
    record = json.loads((contrast / "run.json").read_text())
    assert [bad for name, wanted in FIELDS.items() for bad in mismatches(record[name], wanted, name)] == []
    assert (record["status"], record["task"], record["notes"], record["tags"]) == (
        "completed",
        "train",
        "why",
        ["a", "b"],
    )
    assert [entry["split"] for entry in record["data"]] == ["train", "validation", "test"]
    assert [entry["n"] for entry in record["data"]] == [8, 1, 2]
    assert record["progress"] == {"epochs": 2, "steps": 8, "images_seen": 16}
    assert record["metrics"]["evaluated"]["split"] == "test"
    for entry in record["outputs"]:
        assert file_hash(contrast / entry["path"]) == entry["sha256"]


def test_config_and_words(contrast: Path) -> None:
    record, content = read_record(contrast), read_config(contrast / "config.yaml")
    assert record.config == {"path": "config.yaml", "hash": config_hash(content), "method_hash": method_hash(content)}
    assert "- negatives=blend\n" in (contrast / "overrides.yaml").read_text()
    log = (contrast / "log.txt").read_text()
    assert "epoch 1: negatives at stage 1 of 1, level 0.370" in log
    assert "epoch 1 of 2: loss" in log
    assert "contact sheet" in log


def test_files(contrast: Path, plain: Path) -> None:
    for directory in (contrast, plain):
        assert {path.name for path in (directory / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
        assert {path.name for path in (directory / "results").iterdir()} == {"folder.csv", "folder.json"}
        assert {path.name for path in (directory / "pictures").iterdir()} == {"contact_sheet.png"}
        assert not (directory / ".lock").exists()


@pytest.mark.parametrize(("name", "extra"), [("plain", ()), ("contrast", (*CONTRASTIVE, "contrast/pull_push/relu1_1"))])
def test_history_has_every_column(name: str, extra: tuple[str, ...], request: pytest.FixtureRequest) -> None:
    directory = request.getfixturevalue(name)
    with (directory / "metrics.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert set(found[0]) == {*PLAIN, *extra}
    unmeasured = {column for column, value in found[-1].items() if not value}
    assert unmeasured == set()
    final = read_record(directory).metrics["final"]
    assert {column: float(value) for column, value in found[-1].items()} == final


def test_plain_run_holds_nothing_of_contrast(plain: Path, last: Callable[[Path], dict[str, Any]]) -> None:
    content = last(plain)
    assert "cldeblur_contrast" not in content
    assert read_record(plain).features is None


@pytest.mark.parametrize("name", ["best.ckpt", "last.ckpt"])
def test_checkpoint_is_plain_and_light(name: str, contrast: Path) -> None:
    content = torch.load(contrast / "checkpoints" / name, weights_only=True)
    network = MIMOUNet(channels=4, blocks=1)
    for state in (content["state_dict"], content["current_model_state"]):
        assert {key.removeprefix("network.") for key in state} == network.state_dict().keys()
        assert all(key.startswith("network.") for key in state)
    assert any(not torch.equal(content["current_model_state"][key], content["state_dict"][key]) for key in state)
    assert content["cldeblur"]["hash"] == read_record(contrast).config["hash"]
    load_published(network, contrast / "checkpoints" / name)
    loaded, rebuilt = network.state_dict(), rebuild(contrast / "checkpoints" / name).state_dict()
    for key, averaged in content["state_dict"].items():
        assert torch.equal(loaded[key.removeprefix("network.")], averaged)
        assert torch.equal(rebuilt[key.removeprefix("network.")], averaged)


def test_averaged_weights_are_an_exponential_mean(train: Any, last: Any) -> None:
    raw, averaged = last(train("raw")), last(train("averaged", "trainer.ema=0.5"))
    for key, tensor in averaged["current_model_state"].items():
        assert torch.equal(tensor, raw["state_dict"][key])
    key = "network.feat_extract.0.main.0.weight"
    assert averaged["averaging_state"]["n_averaged"] == raw["global_step"] == 4
    assert not torch.equal(averaged["state_dict"][key], raw["state_dict"][key])


def test_initial_weights(train: Any, contrast: Path, weights: Any) -> None:
    given = contrast / "checkpoints" / "best.ckpt"
    directory = train("run", f"initial_weights={given}", "optimizer.lr=0.0")
    start = torch.load(given, weights_only=True)["state_dict"]
    torch.testing.assert_close(weights(directory), start, rtol=0, atol=0)
    record = read_record(directory)
    assert record.init == {"ckpt": str(given), "sha256": file_hash(given), "run_id": read_record(contrast).id}
    assert record.resumed_from == []


def evaluate(tmp_path: Path, pairs: Path, *words: str) -> tuple[Path, list[dict[str, str]]]:
    """The run directory of `cldeblur evaluate`, and the rows of its results."""
    directory = tmp_path / "evaluation"
    common = ["data=folder", f"data.root={pairs}", "data.workers=0", f"run.dir={directory}"]
    assert main(["evaluate", *common, *words]) == 0
    with (directory / "results" / "folder.csv").open(newline="") as file:
        return directory, list(csv.DictReader(file))


def test_evaluate_gives_the_scores_of_the_training(contrast: Path, pairs: Path, tmp_path: Path) -> None:
    directory, rows = evaluate(tmp_path, pairs, f"checkpoint={contrast / 'checkpoints' / 'last.ckpt'}")
    assert list(rows[0]) == ["name", "psnr", "ssim_skimage_gauss", "blurred_psnr", "blurred_ssim_skimage_gauss"]
    assert [row["name"] for row in rows] == ["first", "second"]
    record, trained = read_record(directory), read_record(contrast)
    assert (record.task, record.status) == ("evaluate", "completed")
    assert record.metrics["test"]["folder/psnr"] == trained.metrics["test"]["folder/psnr"]
    assert record.init is not None
    assert record.init["sha256"] == file_hash(contrast / "checkpoints" / "last.ckpt")
    assert record.init["run_id"] == trained.id


def test_evaluate_identity(pairs: Path, tmp_path: Path) -> None:
    _, rows = evaluate(tmp_path, pairs, "backbone=identity", "protocol=rounded")
    for row in rows:
        for metric in ("psnr", "ssim_skimage_gauss", "ssim_3d", "ssim_skimage_default"):
            assert row[metric] == row[f"blurred_{metric}"]


def test_validation_stands_in_for_a_missing_test_split(train: Any, pairs: Path) -> None:
    record = read_record(train("run", f"data.root={pairs / 'train'}"))
    assert record.metrics["evaluated"]["split"] == "validation"
    assert "test" not in record.metrics
    assert record.metrics["validation"]["folder/psnr"]["mean"] == pytest.approx(record.metrics["best"]["value"])
