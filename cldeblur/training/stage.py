"""The callback that advances the negatives' stage."""

import logging
from typing import TYPE_CHECKING

import lightning.pytorch as lightning

if TYPE_CHECKING:
    from cldeblur.training.attachment import Attachment

logger = logging.getLogger(__name__)
PATIENCE = 3
SHARE_OF_CONCERN = 0.1


class StageCallback(lightning.Callback):
    """Asks the schedule for the epoch's stage and hands its level to the generator.

    It asks when training starts as well as when an epoch starts, because a run that resumes inside an epoch is
    never told of that epoch's start.
    """

    def __init__(self, attachment: "Attachment") -> None:
        self._attachment = attachment
        self._epochs_of_concern = 0

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Take the stage of the epoch that the run begins or resumes in."""
        self._enter(trainer.current_epoch, always_say=True)

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Take the stage of a new epoch."""
        self._enter(trainer.current_epoch)

    def watch(self, overtaken: float) -> None:
        """Warn when negatives sharper than the anchor have pushed the wrong way for several epochs."""
        concern = self._attachment.stage > 0 and overtaken > SHARE_OF_CONCERN
        self._epochs_of_concern = self._epochs_of_concern + 1 if concern else 0
        if self._epochs_of_concern == PATIENCE:
            logger.warning(
                "%.0f %% of the negatives are nearer to sharp than the restored image, for %d epochs now: they push "
                "the wrong way; lower levels.top or advance later",
                100 * overtaken,
                PATIENCE,
            )

    def state_dict(self) -> dict[str, int]:
        """What the schedule's epoch does not tell."""
        return {"stage": self._attachment.stage, "epochs_of_concern": self._epochs_of_concern}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Go on watching from `state_dict`."""
        self._epochs_of_concern = state_dict["epochs_of_concern"]

    def _enter(self, epoch: int, always_say: bool = False) -> None:
        if self._attachment.enter(epoch) or always_say:
            last = self._attachment.schedule.stages - 1
            logger.info(
                "epoch %d: negatives at stage %d of %d, level %.3f",
                epoch,
                self._attachment.stage,
                last,
                self._attachment.level,
            )
