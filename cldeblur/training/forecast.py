"""How long a training will take: told early, so that whoever cannot wait so long can stop in time."""

import logging
import time

import lightning.pytorch as lightning

from cldeblur.records import duration

logger = logging.getLogger(__name__)
# The first steps allocate memory and choose kernels, and are slower than all others.
WARM_UP = 5
MEASURED = 20


class Forecast:
    """Says after the first steps of a process, and again after its first whole epoch, how long the rest will take."""

    def __init__(self) -> None:
        self._batches = 0
        self._began = 0.0
        self._told_by_steps = False
        self._told_by_epoch = False
        self._partial = False

    def start(self, trainer: lightning.Trainer) -> None:
        """Take note of whether the first epoch is only the rest of one, because the run was resumed inside it."""
        self._partial = trainer.fit_loop.epoch_loop.batch_progress.current.ready > 0

    def after_batch(self, trainer: lightning.Trainer) -> float | None:
        """The seconds that are left, told once, as soon as enough batches are timed; otherwise None."""
        if self._told_by_steps or self._told_by_epoch:
            return None
        self._batches += 1
        if self._batches == WARM_UP:
            self._began = time.monotonic()
        if self._batches < WARM_UP + MEASURED:
            return None
        self._told_by_steps = True
        taken = time.monotonic() - self._began
        batches = (_epochs_left(trainer) + 1) * int(trainer.num_training_batches) - trainer.fit_loop.batch_idx - 1
        seconds = taken / MEASURED * batches
        logger.info(
            "%d batches took %.1f s: about %s until the last epoch ends, and what validation takes",
            MEASURED,
            taken,
            duration(seconds),
        )
        return seconds

    def after_epoch(self, trainer: lightning.Trainer, training: float, validation: float) -> float | None:
        """The seconds that are left, told once, after the first epoch that was trained whole; otherwise None.

        Args:
            trainer: at the end of an epoch.
            training: seconds that the epoch's training took.
            validation: seconds that its validation took; 0 if there was none.
        """
        self._batches = 0
        partial, self._partial = self._partial, False
        left = _epochs_left(trainer)
        if self._told_by_epoch or partial or left < 1:
            return None
        self._told_by_epoch = True
        seconds = left * training + left / (trainer.check_val_every_n_epoch or 1) * validation
        logger.info(
            "one epoch took %.1f s: about %s for the %s%s",
            training,
            duration(seconds),
            f"{left} epochs that are left" if left > 1 else "last one",
            "" if validation else ", and what validation takes",
        )
        return seconds


def _epochs_left(trainer: lightning.Trainer) -> int:
    """Epochs after the present one."""
    return (trainer.max_epochs or 0) - trainer.current_epoch - 1
