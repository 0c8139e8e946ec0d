"""The contrastive part of a run, from its config. Imported only where a run has negatives."""

from dataclasses import dataclass
from itertools import pairwise

from cldeblur.config.schema import TrainConfig
from cldeblur.config.targets import build
from cldeblur.contrast.levels.curve import LevelCurve
from cldeblur.contrast.levels.scale import matching_note
from cldeblur.contrast.negatives.blurred import Blurred
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.objectives.objective import Objective
from cldeblur.contrast.schedules.schedule import Schedule
from cldeblur.contrast.term import ContrastiveTerm
from cldeblur.contrast.weighting import ConstantWeight, HeldRatio, Weighting
from cldeblur.training.attachment import Attachment
from cldeblur.training.negatives import check_schedule, make_negatives_plan


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
            _unreached(generator, self.schedule, self.max_epochs),
            _blurred_all_along(generator, self.schedule, self.levels),
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
    """Features, generator, objective, schedule and level curve.

    Raises:
        Refused: a part does not take what the config gives it, or they do not fit together.
    """
    plan = make_negatives_plan(config)
    objective: Objective = build(
        "objective", config.objective, config.trust, tap_weights=config.features["tap_weights"]
    )
    # An objective that looks at no negatives has the blurred images for its log, and is one run whatever is chosen.
    generator = plan.generator if "negatives" in objective.needs else Blurred()
    check_schedule(config, generator, plan.schedule)
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


def _idle_cap(generator: Generator, levels: LevelCurve) -> str | None:
    """What to say of negatives that a cap cannot bound; None where there are none, or no cap."""
    names = {type(part).__name__ for part in generator.makers if "network" in part.uses and not part.uses_level}
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


def _unreached(generator: Generator, schedule: Schedule, max_epochs: int) -> str | None:
    """What to say of a run that ends while its negatives are still on the way; None where it does not."""
    if generator.fixed or not schedule.foreseen or not schedule.rising:
        return None
    reached = {schedule.stage(epoch) for epoch in range(max_epochs)}
    if len(reached) == 1 or len(reached) == schedule.stages:
        return None
    return f"the schedule takes {len(reached)} of its {schedule.stages} stages within trainer.max_epochs={max_epochs}"


def _blurred_all_along(generator: Generator, schedule: Schedule, levels: LevelCurve) -> str | None:
    """What to say of negatives that could be sharper than the blurred images, and never are; None where they are."""
    if generator.fixed or any(levels.levels(schedule.stages)):
        return None
    return "every stage has level 0: the negatives are the blurred images all along, as with negatives=blurred"


def _without(node: dict[str, object], key: str) -> dict[str, object]:
    return {name: value for name, value in node.items() if name != key}
