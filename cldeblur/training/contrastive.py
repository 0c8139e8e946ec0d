"""The contrastive part of a run, from its config. Imported only where a run has negatives."""

from dataclasses import dataclass
from itertools import pairwise

from cldeblur.config.schema import TrainConfig
from cldeblur.config.targets import build
from cldeblur.config.typos import did_you_mean
from cldeblur.contrast.levels.curve import LevelCurve
from cldeblur.contrast.levels.scale import matching_note
from cldeblur.contrast.negatives.blurred import Blurred
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.objectives.objective import Objective
from cldeblur.contrast.schedules.schedule import Schedule, SignalSchedule
from cldeblur.contrast.term import ContrastiveTerm
from cldeblur.contrast.weighting import ConstantWeight, HeldRatio, Weighting
from cldeblur.errors import Refused
from cldeblur.training.attachment import Attachment
from cldeblur.training.negatives import make_negatives_plan
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
    max_epochs: int

    @property
    def notes(self) -> list[str]:
        """What the user should know about it."""
        generator = self.term.generator
        said = [
            self.term.features.note,
            matching_note(generator, self.levels.match),
            _idle_cap(generator, self.levels),
            _unused_snapshot(generator, self.schedule, self.max_epochs),
        ]
        return [note for note in said if note]

    def attached(self, config: TrainConfig, steps_an_epoch: int) -> Attachment:
        """The part joined to training steps, with the weight that the config asks for."""
        weighting = make_weighting(config, steps_an_epoch)
        contrast = config.contrast
        return Attachment(
            self.term,
            weighting,
            self.schedule,
            self.levels,
            contrast.diagnosed_batches,
            every_scale=contrast.anchors == "every",
        )


def make_contrastive_parts(config: TrainConfig) -> ContrastiveParts:
    """Features, generator, objective, schedule and level curve, if they fit together."""
    plan = make_negatives_plan(config)
    objective: Objective = build(
        "objective", config.objective, config.trust, tap_weights=config.features["tap_weights"]
    )
    # An objective that looks at no negatives has the blurred images for its log, and is one run whatever is chosen.
    generator = plan.generator if "negatives" in objective.needs else Blurred()
    _refuse_standstill(config, generator, plan.schedule)
    _refuse_unmeasured_signal(config, plan.schedule)
    features = build("features", _without(config.features, "tap_weights"), config.trust)
    term = ContrastiveTerm(features, generator, objective, masked=config.contrast.mask == "blurred")
    return ContrastiveParts(term, plan.schedule, plan.levels, config.trainer.max_epochs)


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


def _idle_cap(generator: Generator, levels: LevelCurve) -> str | None:
    """What to say of negatives that a cap cannot bound; None where there are none, or no cap."""
    names = {type(part).__name__ for part in generator.parts if "network" in part.uses and not part.uses_level}
    if levels.cap is None or not names:
        return None
    return f"levels.cap has no effect on {', '.join(sorted(names))}: it is as sharp as its network was, at any level"


def _unused_snapshot(generator: Generator, schedule: Schedule, max_epochs: int) -> str | None:
    """What to say of a network that the schedule surely never brings into use; None where there is none."""
    if not schedule.foreseen:
        return None
    stages = [schedule.stage(epoch) for epoch in range(max_epochs)]
    changes = sum(before != after for before, after in pairwise(stages))
    if "network" not in generator.uses or changes > 1:
        return None
    return (
        f"the network of an earlier stage makes negatives from the second change of stage on, and this schedule "
        f"changes it {changes} time{'s' * (changes != 1)}: those negatives stay the blurred images"
    )


def _without(node: dict[str, object], key: str) -> dict[str, object]:
    return {name: value for name, value in node.items() if name != key}
