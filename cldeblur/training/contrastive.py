"""The contrastive part of a run, from its config. Imported only where a run has negatives."""

from dataclasses import dataclass

from cldeblur.config.schema import TrainConfig
from cldeblur.config.targets import build
from cldeblur.config.typos import did_you_mean
from cldeblur.contrast.levels.curve import LevelCurve
from cldeblur.contrast.levels.scale import matching_note
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.schedules.schedule import Schedule, SignalSchedule
from cldeblur.contrast.term import ContrastiveTerm
from cldeblur.contrast.weighting import ConstantWeight, HeldRatio, Weighting
from cldeblur.errors import Refused
from cldeblur.training.attachment import Attachment
from cldeblur.training.recorder import PLAIN, contrastive_columns

# Columns that say where a run is or how fast, and not how the training goes.
NO_SIGNALS = ("epoch", "step", "lr", "train/images_per_second", "contrast/stage", "contrast/level")
# Beginnings of the names of what is measured on the diagnosed batches alone.
DIAGNOSED = ("contrast/pull", "contrast/push", "contrast/alignment")


@dataclass(frozen=True)
class ContrastiveParts:
    """The contrastive part of a run but for its weight, which depends on the length of an epoch."""

    term: ContrastiveTerm
    schedule: Schedule
    levels: LevelCurve

    @property
    def notes(self) -> list[str]:
        """What the user should know about it."""
        said = [self.term.features.note, matching_note(self.term.generator, self.levels.match)]
        return [note for note in said if note]

    def attached(self, config: TrainConfig, steps_an_epoch: int) -> Attachment:
        """The part joined to training steps, with the weight that the config asks for."""
        weighting = make_weighting(config, steps_an_epoch)
        return Attachment(self.term, weighting, self.schedule, self.levels, config.contrast.diagnosed_batches)


def make_contrastive_parts(config: TrainConfig) -> ContrastiveParts:
    """Features, generator, objective, schedule and level curve, if they fit together."""
    generator: Generator = build("negatives", config.negatives, config.trust)
    schedule: Schedule = build(
        "schedule", config.schedule, config.trust, max_epochs=config.trainer.max_epochs, seed=config.seed
    )
    levels: LevelCurve = build("levels", config.levels, config.trust)
    levels.levels(schedule.stages)
    _refuse_standstill(config, generator, schedule)
    _refuse_unmeasured_signal(config, schedule)
    features = build("features", _without(config.features, "tap_weights"), config.trust)
    objective = build("objective", config.objective, config.trust, tap_weights=config.features["tap_weights"])
    return ContrastiveParts(ContrastiveTerm(features, generator, objective), schedule, levels)


def make_weighting(config: TrainConfig, steps_an_epoch: int) -> Weighting:
    """The weight of the contrastive term."""
    contrast = config.contrast
    warmup = contrast.warmup_epochs * steps_an_epoch
    if contrast.gradient_ratio is not None:
        return HeldRatio(contrast.gradient_ratio, warmup, contrast.max_ratio)
    return ConstantWeight(contrast.weight or 0.0, warmup, contrast.max_ratio)


def _refuse_standstill(config: TrainConfig, generator: Generator, schedule: Schedule) -> None:
    """Refuse a run that ends before its negatives have changed."""
    reason = schedule.standstill(config.trainer.max_epochs)
    if reason and generator.uses_level and not config.trainer.fast_dev_run:
        raise Refused(reason)


def _refuse_unmeasured_signal(config: TrainConfig, schedule: Schedule) -> None:
    """Refuse a schedule that looks at what no epoch measures, or not alike on every rank and in every resumed run."""
    if not isinstance(schedule, SignalSchedule):
        return
    signal, columns = str(schedule.signal), [*PLAIN, *contrastive_columns(config.features["taps"])]
    known = [column for column in columns if column not in NO_SIGNALS]
    if signal not in known:
        raise Refused(f"schedule.signal={signal} is no mean in metrics.csv{did_you_mean(signal, known)}")
    if signal.startswith(DIAGNOSED) and config.contrast.diagnosed_batches == 0:
        raise Refused(f"schedule.signal={signal} is not measured with contrast.diagnosed_batches=0")


def _without(node: dict[str, object], key: str) -> dict[str, object]:
    return {name: value for name, value in node.items() if name != key}
