"""`best.ckpt` and `last.ckpt`: two files, always whole."""

import os
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint

FOLDER = "checkpoints"
LAST = "last.ckpt"
BEST = "best.ckpt"


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place, to the disk, and renames it into place.

    Lightning builds it in memory first and moves it from the temporary folder, which a kill can cut in two where
    that is another file system.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: object = None
    ) -> None:
        """Write `checkpoint` to `path`, all of it or nothing."""
        if storage_options is not None:
            raise TypeError("local files know no storage options")
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.part")
        with beside.open("wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)


def checkpoint_callbacks(directory: Path) -> list[lightning.Callback]:
    """The callbacks that keep the best and the last checkpoint of a run, under names that never change.

    The best is judged right after each validation. Their triggers are whole epochs: a checkpoint at the last batch
    of an epoch could not be resumed exactly.
    """
    folder = directory / FOLDER
    best = ModelCheckpoint(
        dirpath=folder,
        filename=Path(BEST).stem,
        monitor="val/psnr",
        mode="max",
        auto_insert_metric_name=False,
        enable_version_counter=False,
        save_on_train_epoch_end=False,
    )
    last = ModelCheckpoint(
        dirpath=folder,
        filename=Path(LAST).stem,
        every_n_epochs=1,
        enable_version_counter=False,
        save_on_train_epoch_end=True,
    )
    return [best, last]


def last_checkpoint(directory: Path) -> Path | None:
    """The checkpoint that a run can be resumed from; None where it has not come so far."""
    path = directory / FOLDER / LAST
    return path if path.is_file() else None
