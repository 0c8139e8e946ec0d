"""The callback that writes a run's history: `metrics.csv`, `run.json`, and what loggers are told."""

import logging
import time
from pathlib import Path

import lightning.pytorch as lightning
import torch

from cldeblur.environment import peak_memory_mb
from cldeblur.history import METRICS_FILE, PLAIN, History, Row, contrastive_columns
from cldeblur.records import RunRecord
from cldeblur.training.forecast import Forecast
from cldeblur.training.module import DeblurModule
from cldeblur.training.stage import StageCallback

logger = logging.getLogger(__name__)


class Recorder(lightning.Callback):
    """Closes every epoch: one row, one record, one line for whoever watches.

    Args:
        directory: the run's own.
        record: filled and rewritten at the end of every epoch; None on ranks that do not write.
        stages: the callback to tell what an epoch has measured, where there is one.
        global_batch: images per optimiser step.
    """

    def __init__(
        self, directory: Path, record: RunRecord | None, stages: StageCallback | None, global_batch: int
    ) -> None:
        self._directory = directory
        self._record = record
        self._stages = stages
        self._global_batch = global_batch
        self._history: History | None = None
        self._epoch_began = 0.0
        self._validation_began = 0.0
        self._validation_seconds = 0.0
        self._batches = 0
        self._rate = 0.0
        self._forecast = Forecast()
        self._began = time.monotonic()

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Take up the history of the run so far."""
        module = _ours(pl_module)
        contrastive = contrastive_columns(module.attachment.term.features.taps) if module.attachment else ()
        columns = [*PLAIN, *contrastive]
        if self._record is not None:
            self._history = History(self._directory / METRICS_FILE, columns)
            self._history.forget_from(trainer.current_epoch)
        self._forecast.start(trainer)
        self._begin_epoch(trainer)

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start the epoch's clock."""
        self._begin_epoch(trainer)

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: object) -> None:
        """Count micro-batches."""
        self._batches += 1
        if self._record is not None:
            self._expect(self._forecast.after_batch(trainer))

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start the validation's clock."""
        self._validation_began = time.monotonic()

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Stop the validation's clock."""
        self._validation_seconds += time.monotonic() - self._validation_began

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write the epoch's row and record, tell loggers, say a line."""
        training = time.monotonic() - self._epoch_began - self._validation_seconds
        row: Row = {
            "epoch": trainer.current_epoch,
            "step": trainer.global_step,
            "lr": self._rate,
            "train/images_per_second": self._batches / trainer.accumulate_grad_batches * self._global_batch / training,
            **_ours(pl_module).epoch_results(),
        }
        if self._stages is not None:
            self._stages.watch(trainer.current_epoch, row)
        for destination in trainer.loggers:
            destination.log_metrics(
                {name: value for name, value in row.items() if value is not None}, step=trainer.global_step
            )
        if self._record is not None and self._history is not None:
            self._history.append(row)
            self._update(self._record, trainer, self._history.rows, training)
            logger.info("%s", _line(row, trainer.max_epochs or 0))
            self._expect(self._forecast.after_epoch(trainer, training, self._validation_seconds))

    def _begin_epoch(self, trainer: lightning.Trainer) -> None:
        # At its end the scheduler has already set the next epoch's.
        self._rate = trainer.optimizers[0].param_groups[0]["lr"]
        self._epoch_began, self._validation_seconds, self._batches = time.monotonic(), 0.0, 0

    def _expect(self, left: float | None) -> None:
        """Note how long the run will take in all, if that is known anew: whoever waits for a sweep wants to know."""
        if left is not None and self._record is not None:
            spent = (self._record.cost.get("wall_s") or 0.0) + time.monotonic() - self._began
            self._record.cost["expected_s"] = spent + left
            self._record.write(self._directory)

    def _update(self, record: RunRecord, trainer: lightning.Trainer, rows: list[Row], training: float) -> None:
        """Bring the record up to date."""
        validated = [row for row in rows if row.get("val/psnr") is not None]
        best = max(validated, key=lambda row: row["val/psnr"] or 0.0, default=None)
        record.metrics["final"] = rows[-1]
        if best is not None:
            record.metrics["best"] = {"monitor": "val/psnr", "mode": "max", "value": best["val/psnr"]} | {
                name: best[name] for name in ("epoch", "step")
            }
            record.metrics["best_row"] = best
        record.progress = {
            "epochs": trainer.current_epoch + 1,
            "steps": trainer.global_step,
            "images_seen": trainer.global_step * self._global_batch,
        }
        cost = record.cost
        cost["train_s"] = (cost.get("train_s") or 0.0) + training
        cost["val_s"] = (cost.get("val_s") or 0.0) + self._validation_seconds
        cost["images_per_s"] = rows[-1]["train/images_per_second"]
        cost["peak_rss_mb"] = peak_memory_mb()
        cost["peak_gpu_mb"] = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else None
        record.write(self._directory)


def _line(row: Row, epochs: int) -> str:
    """An epoch in one line."""
    words = [f"epoch {row['epoch']:.0f} of {epochs}: loss {row.get('train/loss') or float('nan'):.4f}"]
    if row.get("val/psnr") is not None:
        words.append(f"validation {row['val/psnr']:.2f} dB (blurred {row['val/blurred_psnr']:.2f})")
    if row.get("contrast/gradient_ratio") is not None:
        words.append(
            f"stage {row['contrast/stage']:.0f}, gradient ratio {row['contrast/gradient_ratio']:.3f}, "
            f"overtaken {100 * (row['contrast/overtaken'] or 0.0):.0f} %"
        )
    return ", ".join(words)


def _ours(module: lightning.LightningModule) -> DeblurModule:
    if not isinstance(module, DeblurModule):
        raise TypeError(f"the recorder records a DeblurModule, not a {type(module).__name__}")
    return module
