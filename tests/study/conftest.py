"""Sweeps on disk that nobody trained: records, tables and histories as a training leaves them."""

import csv
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cldeblur.config.identity import config_hash, method_hash
from cldeblur.config.loading import to_yaml
from cldeblur.files import write_text
from cldeblur.history import METRICS_FILE, History
from cldeblur.records import RunRecord

NEGATIVES = {
    "none": None,
    "blurred": "cldeblur.contrast.negatives.blurred.Blurred",
    "blend": "cldeblur.contrast.negatives.blend.Blend",
    "unsharp": "cldeblur.contrast.negatives.unsharp.Unsharp",
}
CONTENT: dict[str, Any] = {
    "data": {"name": "gopro", "root": "GOPRO_Large", "crop": 256},
    "backbone": {"_target_": "cldeblur.networks.mimo_unet.MIMOUNet", "channels": 32},
    "negatives": {"_target_": None},
    "schedule": {"_target_": "cldeblur.contrast.schedules.interval.EpochInterval", "stages": 2},
    "levels": {"_target_": "cldeblur.contrast.levels.linear.Linear", "top": 0.37},
    "contrast": {"gradient_ratio": 0.1},
    "trainer": {"max_epochs": 4},
    "run": {"root": "runs"},
}
COLUMNS = ["epoch", "val/psnr", "contrast/stage", "contrast/push", "contrast/pull", "contrast/overtaken"]
EPOCHS = 4
IMAGES = tuple(f"{sequence}/{number}" for sequence in ("GOPR0384", "GOPR0396", "GOPR0410") for number in (1, 2, 3))
Change = Callable[[RunRecord], None]


@dataclass
class FakeSweep:
    """A folder that runs can be put into.

    Attributes:
        folder: the sweep's directory.
        images: names of the images that runs are scored on.
    """

    folder: Path
    images: tuple[str, ...] = IMAGES

    def run(
        self,
        negatives: str = "none",
        seed: int = 1,
        psnr: float = 30.0,
        change: Change | None = None,
        name: str | None = None,
        **keys: Any,
    ) -> Path:
        """Put a completed run there.

        Args:
            negatives: the option that was typed for it.
            seed: its own.
            psnr: mean over its images, dB.
            change: what to do to the record before it is written.
            name: of its folder.
            **keys: values of the config, as in `levels={"top": 0.2}`.
        """
        content = deepcopy(CONTENT) | {"seed": seed}
        content["negatives"]["_target_"] = NEGATIVES[negatives]
        for section, values in keys.items():
            content[section] |= values
        folder = self.folder / (name or f"negatives={negatives},seed={seed}-{config_hash(content)[:8]}")
        table = self._table(psnr)
        self._write_table(folder / "results" / "gopro.csv", table)
        self._write_history(folder, psnr, acting=negatives != "none")
        record = _record(folder.name, content, [f"negatives={negatives}", f"seed={seed}"], table)
        if change is not None:
            change(record)
        write_text(folder / "config.yaml", to_yaml(content))
        record.write(folder)
        return folder

    def arms(self, gains: dict[str, list[float]], spread: float = 0.05) -> None:
        """Put runs there for several options: each has these gains over `none` with the seeds 1, 2, …"""
        longest = max(map(len, gains.values()))
        base = 30 + spread * np.random.default_rng(0).standard_normal(longest)
        for negatives, values in {"none": [0.0] * longest, **gains}.items():
            for seed, value in enumerate(values, 1):
                self.run(negatives, seed, float(base[seed - 1] + value))

    def _table(self, psnr: float) -> dict[str, list[float]]:
        """Columns by name: images differ from each other by their place, and runs by the mean."""
        places = np.linspace(-1, 1, len(self.images))
        return {
            "psnr": (psnr + places).tolist(),
            "ssim_3d": ((psnr + places) / 40).tolist(),
            "blurred_psnr": (25 + places).tolist(),
            "blurred_ssim_3d": ((25 + places) / 40).tolist(),
        }

    def _write_table(self, path: Path, table: dict[str, list[float]]) -> None:
        path.parent.mkdir(parents=True)
        with path.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["name", *table])
            writer.writerows(zip(self.images, *table.values(), strict=True))

    def _write_history(self, folder: Path, psnr: float, acting: bool) -> None:
        history = History(folder / METRICS_FILE, COLUMNS if acting else COLUMNS[:2])
        for epoch in range(EPOCHS):
            row = {"epoch": epoch, "val/psnr": psnr - 1 / (1 + epoch)}
            action = {"contrast/push": 0.05 / (1 + epoch), "contrast/pull": 0.04, "contrast/overtaken": 0.02 * epoch}
            history.append({**row, "contrast/stage": epoch // 2, **action} if acting else row)


def _record(name: str, content: dict[str, Any], overrides: list[str], table: dict[str, list[float]]) -> RunRecord:
    statistics = {
        f"gopro/{column}": {"mean": float(np.mean(values)), "std": 0.0, "n": len(values), "per_image": ""}
        for column, values in table.items()
    }
    contrastive = content["negatives"]["_target_"] is not None
    return RunRecord(
        id=name,
        name=name,
        task="train",
        status="completed",
        started=f"2026-01-{content['seed']:02d}T00:00:00+00:00",
        heartbeat="",
        argv=[],
        overrides=overrides,
        cwd="",
        config={"path": "config.yaml", "hash": config_hash(content), "method_hash": method_hash(content)},
        versions={"torch": "2.13.0"},
        host={"cpu": "x86_64", "gpus": []},
        determinism={"seed": content["seed"]},
        code={"errors.py": "0" * 64},
        data=[{"split": "train", "n": 20, "fingerprint": "f" * 64, "synthetic": None}],
        model={"params_total": 6_807_277, "macs": 63_732_842_496, "macs_input": [1, 3, 256, 256]},
        metrics={"evaluated": {"split": "test", "data": "gopro", "protocol": "cldeblur"}, "test": statistics},
        progress={"epochs": EPOCHS},
        metric_defs={"psnr": "10 log10(1/MSE)", "ssim_3d": "Gaussian window"},
        cost={
            "train_s": 120.0 if contrastive else 100.0,
            "images_per_s": 8.0,
            "peak_rss_mb": 900.0,
            "inference_s": 0.1,
        },
    )


@pytest.fixture
def sweep(tmp_path: Path) -> FakeSweep:
    """A folder without runs."""
    return FakeSweep(tmp_path / "sweep")
