"""The callback that advances the negatives' stage."""

import logging
from typing import TYPE_CHECKING, Any, cast

import lightning.pytorch as lightning
from torch import nn

if TYPE_CHECKING:
    from cldeblur.training.attachment import Attachment

logger = logging.getLogger(__name__)
PATIENCE = 3
SHARE_OF_CONCERN = 0.1


class StageCallback(lightning.Callback):
    """Asks the schedule for the epoch's stage, hands its level to the generator and tells it that a stage begins.

    It asks when training starts as well as when an epoch starts, because a run that resumes inside an epoch is
    never told of that epoch's start.
    """

    def __init__(self, attachment: "Attachment") -> None:
        self._attachment = attachment
        self._epochs_of_concern = 0
        self._begun = False
        self._remembered: dict[str, Any] = {}

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Give the generator what it remembered of earlier stages; its tensors follow the network's device."""
        if self._begun:
            self._attachment.term.generator.load_stage_state(self._remembered, cast(nn.Module, pl_module.network))

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Take the stage of the epoch that the run begins or resumes in."""
        self._enter(trainer.current_epoch, pl_module, always_say=True)

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Take the stage of a new epoch."""
        self._enter(trainer.current_epoch, pl_module)

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

    def state_dict(self) -> dict[str, Any]:
        """What the schedule's epoch does not tell."""
        return {
            "stage": self._attachment.stage,
            "epochs_of_concern": self._epochs_of_concern,
            "generator": self._attachment.term.generator.stage_state(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on watching from `state_dict`."""
        self._epochs_of_concern = state_dict["epochs_of_concern"]
        self._remembered = state_dict["generator"]
        self._begun = True

    def _enter(self, epoch: int, module: lightning.LightningModule, always_say: bool = False) -> None:
        changed = self._attachment.enter(epoch)
        if changed or not self._begun:
            self._attachment.term.generator.enter(self._attachment.stage, cast(nn.Module, module.network))
            self._begun = True
        if changed or always_say:
            last = self._attachment.schedule.stages - 1
            logger.info(
                "epoch %d: negatives at stage %d of %d, level %.3f",
                epoch,
                self._attachment.stage,
                last,
                self._attachment.level,
            )
