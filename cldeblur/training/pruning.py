"""Stopping a trial of a search early, when it lags behind what the trials before it had reached by then."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median

import lightning.pytorch as lightning

from cldeblur.history import METRICS_FILE, Row, read_history
from cldeblur.records import runs_in

logger = logging.getLogger(__name__)
MONITOR = "val/psnr"


class Pruning(lightning.Callback):
    """Ends a training after an epoch in which it lags behind the complete runs beside its own directory.

    What others have reached is read from their `metrics.csv`: it is there under every launcher, and survives kills
    and resumes. The last epoch stops nothing, since nothing is saved by it.

    Args:
        directory: the run's own, in the directory of the search.
        startup: complete runs that there have to be.
        prune_from: share of the epochs, in [0, 1], before which none is stopped; progressive negatives that are slow
            to get sharper lag at first.
    """

    def __init__(self, directory: Path, startup: int, prune_from: float) -> None:
        self._directory = directory
        self._startup = startup
        self._prune_from = prune_from
        self.reason: str | None = None

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Decide on the first rank, for all of them."""
        done, epochs = trainer.current_epoch + 1, trainer.max_epochs or 0
        if self._prune_from * epochs <= done < epochs:
            if trainer.is_global_zero:
                own = read_history(self._directory / METRICS_FILE)
                self.reason = lagging(own, list(self._others()), self._startup)
            trainer.should_stop = trainer.strategy.reduce_boolean_decision(self.reason is not None, all=False)
        if self.reason is not None:
            logger.info("stopped early: %s", self.reason)

    def _others(self) -> Iterator[list[Row]]:
        """The histories of the complete runs in the search's directory."""
        for directory, record in runs_in(self._directory.parent):
            if record.status == "completed":
                yield read_history(directory / METRICS_FILE)


def why_pruned(callbacks: Iterable[lightning.Callback]) -> str | None:
    """Why a training that has come to its end was stopped early; None if it was not."""
    return next((callback.reason for callback in callbacks if isinstance(callback, Pruning)), None)


def lagging(own: Sequence[Row], others: Sequence[Sequence[Row]], startup: int) -> str | None:
    """Why a trial should be stopped, or None.

    The median rule, as in Optuna's `MedianPruner` (after Golovin et al., Google Vizier, KDD 2017): the trial's best
    validation PSNR so far is below the median of what the others had at the same epoch.

    Args:
        own: the trial's history up to now; its last row's epoch is judged, if it was validated.
        others: histories of complete trials.
        startup: how many of these there have to be.
    """
    epoch = own[-1]["epoch"]
    reached = [row[MONITOR] for other in others for row in other if row["epoch"] == epoch]
    values = [value for value in reached if value is not None]
    if own[-1][MONITOR] is None or not values or len(others) < startup:
        return None
    best = max(row[MONITOR] or 0.0 for row in own)
    if best >= median(values):
        return None
    return (
        f"validation {best:.2f} dB by epoch {epoch:.0f}, below {median(values):.2f} dB, the median of "
        f"{len(values)} complete trials"
    )
