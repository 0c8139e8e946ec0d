"""Which negatives a run will have, and when, from its config; needs neither features nor a network."""

from dataclasses import dataclass

from cldeblur.config.schema import TrainConfig
from cldeblur.config.targets import build
from cldeblur.config.typos import did_you_mean
from cldeblur.contrast.levels.curve import LevelCurve
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.schedules.schedule import Schedule, SignalSchedule
from cldeblur.errors import Refused
from cldeblur.history import PLAIN, contrastive_columns

# Columns that say where a run is or how fast, and not how the training goes.
NO_SIGNALS = ("epoch", "step", "lr", "train/images_per_second", "contrast/stage", "contrast/level")
# Beginnings of the names of what is measured on the diagnosed batches alone, and of what not every epoch measures.
DIAGNOSED = ("contrast/pull", "contrast/push", "contrast/alignment")
VALIDATED = "val/"


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


def check_schedule(config: TrainConfig, generator: Generator, schedule: Schedule) -> None:
    """Refuse a schedule that could not do its work in this run.

    Raises:
        Refused: the run ends before its negatives have changed, or the schedule looks at what no epoch measures.
    """
    trainer = config.trainer
    judged = trainer.max_epochs
    if isinstance(schedule, SignalSchedule):
        _refuse_unmeasured(config, schedule.signal)
        # The last epoch is validated too, however long ago the last validation was.
        judged = -(-judged // trainer.validate_every) if schedule.signal.startswith(VALIDATED) else judged
    reason = schedule.standstill(judged)
    if reason and generator.uses_level and not trainer.fast_dev_run:
        raise Refused(reason)


def _refuse_unmeasured(config: TrainConfig, signal: object) -> None:
    """Refuse a signal that is not measured, or not alike on every rank and in every resumed run."""
    columns = [*PLAIN, *contrastive_columns(config.features["taps"])]
    known = [column for column in columns if column not in NO_SIGNALS]
    if signal not in known:
        raise Refused(f"schedule.signal={signal} is no mean in metrics.csv{did_you_mean(str(signal), known)}")
    if str(signal).startswith(DIAGNOSED) and config.contrast.diagnosed_batches == 0:
        raise Refused(f"schedule.signal={signal} is not measured with contrast.diagnosed_batches=0")
