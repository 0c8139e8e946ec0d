"""Stopping when asked to, at a place from which a resume is exact."""

import logging
import signal
from pathlib import Path
from types import FrameType
from typing import Any

import lightning.pytorch as lightning

from cldeblur.stopping import SIGNALS, Interrupted
from cldeblur.training.checkpointing import FOLDER, LAST

logger = logging.getLogger(__name__)
OTHERS_ASKED = "another rank was asked to stop"


class GracefulStop(lightning.Callback):
    """On SIGTERM, SIGUSR1 or Ctrl-C: finish the batch, write `last.ckpt`, leave.

    A second Ctrl-C stops at once. The last batch of an epoch is no place to save, nor is a validation, nor the
    middle of an accumulation: then the stop waits for the next place that is.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / FOLDER / LAST
        self._asked: str | None = None
        self._former: dict[signal.Signals, Any] = {}

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Listen; Lightning has put its own handlers in place by now."""
        self._former = {number: signal.signal(number, self._ask) for number in SIGNALS}

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Leave after a batch, if that is a place to save."""
        progress = trainer.fit_loop.epoch_loop.batch_progress
        whole = progress.current.ready % trainer.accumulate_grad_batches == 0
        if not progress.is_last_batch and whole and self._agreed(trainer):
            self._leave(trainer)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Leave after an epoch."""
        if trainer.current_epoch + 1 < (trainer.max_epochs or 0) and self._agreed(trainer):
            self._leave(trainer)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Stop listening, because all is saved; leave if the last epoch's end was too late to."""
        for number, handler in self._former.items():
            signal.signal(number, handler)
        if self._agreed(trainer):
            raise Interrupted(self._asked or OTHERS_ASKED)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._asked = signal.Signals(number).name
        logger.warning("%s: stopping after this batch; once more Ctrl-C stops at once", self._asked)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def _agreed(self, trainer: lightning.Trainer) -> bool:
        """Whether any rank was asked to stop: a signal may reach one of them alone."""
        return trainer.strategy.reduce_boolean_decision(self._asked is not None, all=False)

    def _leave(self, trainer: lightning.Trainer) -> None:
        trainer.save_checkpoint(self._path)
        raise Interrupted(self._asked or OTHERS_ASKED)
