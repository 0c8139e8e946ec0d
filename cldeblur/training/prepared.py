"""Everything of a run that every rank builds alike, before anything is written."""

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning

from cldeblur.config.schema import TrainConfig
from cldeblur.data.batch import Item, Split
from cldeblur.data.fingerprint import data_record
from cldeblur.data.source import Source
from cldeblur.evaluation.run import make_source
from cldeblur.records import RunRecord
from cldeblur.training.checkpointing import last_checkpoint
from cldeblur.training.data import DeblurData
from cldeblur.training.interruption import GracefulStop
from cldeblur.training.module import DeblurModule
from cldeblur.training.parts import Parts, make_module, make_parts
from cldeblur.training.pruning import Pruning
from cldeblur.training.recorder import Recorder
from cldeblur.training.stage import StageCallback
from cldeblur.training.trainer import accelerator


@dataclass(frozen=True)
class PreparedRun:
    """Everything of a run that every rank has alike."""

    config: TrainConfig
    directory: Path
    parts: Parts
    source: Source
    data: DeblurData
    module: DeblurModule

    def callbacks(self, record: RunRecord | None) -> list[lightning.Callback]:
        """The callbacks of a run, in the order in which they act."""
        attachment = self.module.attachment
        stages = StageCallback(attachment) if attachment is not None else None
        recorder = Recorder(self.directory, record, stages, self.config.data.global_batch)
        search = self.config.search
        pruning = [Pruning(self.directory, search.startup, search.prune_from)] if search else []
        return [*([stages] if stages else []), recorder, *pruning, GracefulStop(self.directory)]

    def describe_data(self) -> list[dict[str, Any]]:
        """The training and validation data, for the record."""
        return [
            self.describe_split("train", self.data.crops.items),
            self.describe_split("validation", self.data.images.items),
        ]

    def describe_split(self, split: Split, items: Sequence[Item]) -> dict[str, Any]:
        """A split of the data, for the record; only the blur of training images depends on the seed."""
        section, synthetic = self.config.data, self.source.synthetic
        if synthetic is not None and split == "train":
            synthetic = {**synthetic, "seed": self.config.seed}
        return data_record(split, section.name, str(section.root), items, synthetic)


def prepare(config: TrainConfig, directory: Path, identity: str) -> PreparedRun:
    """Build and check everything that a run needs, the data last."""
    quieten()
    lightning.seed_everything(config.seed, workers=True, verbose=False)
    parts = make_parts(config)
    accelerator(config.trainer)
    source = make_source(config.data, config.trust)
    # Its files are checked now: after weeks of training is no time to find one broken.
    source.items("test")
    section = config.data
    data = DeblurData(
        source,
        source.items("train"),
        source.items("validation"),
        section.crop,
        section.flips,
        section.global_batch,
        section.workers,
        config.seed,
        section.crops_per_image,
    )
    module = make_module(parts, config, identity, data.steps)
    return PreparedRun(config, directory, parts, source, data, module)


def fit(trainer: lightning.Trainer, run: PreparedRun) -> None:
    """Train from the beginning, or from the run's last checkpoint where there is one."""
    trainer.fit(run.module, datamodule=run.data, ckpt_path=last_checkpoint(run.directory), weights_only=True)


def quieten() -> None:
    """Keep Lightning's advertisements and hints off the terminal; what matters is said by cldeblur."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\.(pytorch|fabric).*")
