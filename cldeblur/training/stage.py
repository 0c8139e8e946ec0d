"""The callback that advances the negatives' stage."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import lightning.pytorch as lightning
from torch import nn

if TYPE_CHECKING:
    from cldeblur.training.attachment import Attachment

logger = logging.getLogger(__name__)
PATIENCE = 3


class Concern(NamedTuple):
    """A logged value that warns of a training gone wrong when it is above a bound for `PATIENCE` epochs in a row.

    Attributes:
        bound: in the value's own unit.
        always: whether it counts at level 0 too, where the negatives are the blurred images.
        sentence: what to say; takes the value and the number of epochs.
    """

    bound: float
    always: bool
    sentence: str


CONCERNS = {
    # A network that is worse than its input needs no advice on negatives.
    "contrast/overtaken": Concern(
        0.1,
        False,
        "{:.0%} of the negatives are nearer to sharp than the restored image, for {} epochs now: they push the wrong "
        "way; lower levels.top, set levels.cap, or advance later",
    ),
    "contrast/gradient_ratio": Concern(
        1.0,
        True,
        "the contrastive gradient is {:.2f} times the pixel loss's before images are clipped, for {} epochs now: it "
        "outweighs what it is to aid; lower contrast.weight or contrast.gradient_ratio",
    ),
}


class StageCallback(lightning.Callback):
    """Asks the schedule for the epoch's stage, hands its level to the generator and tells it that a stage begins.

    It asks when training starts as well as when an epoch starts, because a run that resumes inside an epoch is
    never told of that epoch's start. What an epoch has measured it learns at that epoch's end, before the checkpoint
    is written.
    """

    def __init__(self, attachment: "Attachment") -> None:
        self._attachment = attachment
        self._epochs_of_concern = dict.fromkeys(CONCERNS, 0)
        self._cap_said = False
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

    def watch(self, epoch: int, means: Mapping[str, float | None]) -> None:
        """Take in what an epoch that has ended has measured, and warn of what has gone wrong for several epochs.

        Args:
            epoch: counted from 0.
            means: its row of `metrics.csv`; the same on every rank.
        """
        self._attachment.observe(epoch, means)
        for name, concern in CONCERNS.items():
            value = means.get(name) or 0.0
            concerned = value > concern.bound and (concern.always or self._attachment.level > 0)
            self._epochs_of_concern[name] = self._epochs_of_concern[name] + 1 if concerned else 0
            if self._epochs_of_concern[name] == PATIENCE:
                logger.warning("%s", concern.sentence.format(value, PATIENCE))

    def state_dict(self) -> dict[str, Any]:
        """What the epoch does not tell of stages, levels and warnings."""
        return {
            **self._attachment.stage_state(),
            "epochs_of_concern": dict(self._epochs_of_concern),
            "cap_said": self._cap_said,
            "generator": self._attachment.term.generator.stage_state(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self._attachment.load_stage_state(state_dict)
        self._epochs_of_concern = dict(state_dict["epochs_of_concern"])
        self._cap_said = state_dict["cap_said"]
        self._remembered = state_dict["generator"]
        self._begun = True

    def _enter(self, epoch: int, module: lightning.LightningModule, always_say: bool = False) -> None:
        attachment = self._attachment
        changed = attachment.enter(epoch)
        if changed or not self._begun:
            attachment.term.generator.enter(attachment.stage, cast(nn.Module, module.network))
            self._begun = True
        if changed or (always_say and not attachment.term.generator.fixed):
            last = attachment.schedule.stages - 1
            logger.info(
                "epoch %d: negatives at stage %d of %d, level %.3f", epoch, attachment.stage, last, attachment.level
            )
        self._cap_said = self._cap_said and not changed
        self._say_cap(epoch)

    def _say_cap(self, epoch: int) -> None:
        """Say, once a stage, that its negatives are less sharp than planned."""
        attachment = self._attachment
        if attachment.level == attachment.planned_level or self._cap_said:
            return
        self._cap_said = True
        logger.info(
            "epoch %d: levels.cap=%s holds the level at %.3f instead of %.3f, since the restored images have reached "
            "%.3f",
            epoch,
            attachment.levels.cap,
            attachment.level,
            attachment.planned_level,
            attachment.reached,
        )
