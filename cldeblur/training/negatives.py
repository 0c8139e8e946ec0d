"""Which negatives a run will have, and when, from its config; needs neither features nor a network."""

from dataclasses import dataclass

from cldeblur.config.schema import TrainConfig
from cldeblur.config.targets import build
from cldeblur.contrast.levels.curve import LevelCurve
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.schedules.schedule import Schedule


@dataclass(frozen=True)
class NegativesPlan:
    """What makes the negatives, and what says how sharp they are at each epoch."""

    generator: Generator
    schedule: Schedule
    levels: LevelCurve

    @property
    def ladder(self) -> list[float]:
        """The level of every stage."""
        return self.levels.levels(self.schedule.stages)


def make_negatives_plan(config: TrainConfig) -> NegativesPlan:
    """Generator, schedule and level curve.

    Raises:
        Refused: a part does not take what the config gives it, or they do not fit together.
    """
    plan = NegativesPlan(
        build("negatives", config.negatives, config.trust),
        build("schedule", config.schedule, config.trust, max_epochs=config.trainer.max_epochs, seed=config.seed),
        build("levels", config.levels, config.trust),
    )
    plan.generator.take_levels(plan.ladder, plan.levels.match)
    return plan
