"""The verb `preview`: the negatives and the schedule of a run, drawn before it begins."""

from itertools import chain, islice
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from cldeblur.config.checks import MOST_PREVIEWED
from cldeblur.config.schema import PreviewConfig
from cldeblur.errors import Failed
from cldeblur.files import write_bytes
from cldeblur.study.ladder import (
    Finished,
    Ladder,
    Stage,
    Version,
    consecutive,
    epochs_of_stages,
    evenly,
    in_words,
    stage_at,
    version,
)

if TYPE_CHECKING:
    from cldeblur.data.batch import Batch, Item
    from cldeblur.data.source import Source
    from cldeblur.training.negatives import NegativesPlan

# Whole images: enough for a mean that holds to within 1 dB, few enough to be read in seconds.
MOST_SCORED = 32


def preview(config: PreviewConfig) -> Ladder:
    """Measure the ladder of negatives on the run's first training crops, and draw it.

    Returns:
        What was drawn.

    Raises:
        Refused: a part does not take what the config gives it, or the data are not to be had.
        Failed: the picture cannot be written.
    """
    from cldeblur.evaluation.run import make_source
    from cldeblur.study.figures.ladder import ladder_figure
    from cldeblur.training.negatives import check_schedule, make_negatives_plan

    plan = make_negatives_plan(config)
    check_schedule(config, plan.generator, plan.schedule)
    source = make_source(config.data, config.trust)
    crops = first_crops(config, source, MOST_PREVIEWED)
    finished = None if config.finished_psnr is None else finished_network(config.finished_psnr, source)
    ladder = make_ladder(config, plan, crops, finished)
    picture = ladder_figure(ladder, config.images)
    try:
        write_bytes(Path(config.output), picture)
    except OSError as error:
        raise Failed(f"output={config.output} cannot be written: {error.strerror}") from error
    return ladder


def first_crops(config: PreviewConfig, source: "Source", count: int) -> "Batch":
    """The crops that the run's first steps train on, at most `count` and at most an epoch's.

    Raises:
        Refused: the images are smaller than the crops, or do not suffice for one step.
    """
    from cldeblur.data.batch import collate
    from cldeblur.data.crops import TrainingCrops
    from cldeblur.data.loading import KeyedBatches

    data = config.data
    crops = TrainingCrops(source, source.items("train"), data.crop, config.seed, data.flips, data.crops_per_image)
    keys = chain.from_iterable(KeyedBatches(len(crops), data.global_batch, config.seed))
    return collate([crops[key] for key in islice(keys, count)])


def finished_network(psnr: float, source: "Source") -> Finished:
    """Where a network of a PSNR in dB stands, by its gain over the blurred images that networks are scored on.

    Those of the test split, or of validation where a data set has none. Training crops would not do: on average
    blurred crops of GoPro have 2 or 3 dB more than its whole test images.
    """
    from cldeblur.contrast.levels.scale import level_of_gain
    from cldeblur.data.crops import WholeImages
    from cldeblur.evaluation.metrics import METRICS

    splits: dict[str, list[Item]] = {
        "test": source.items("test"),
        "validation": source.items("validation"),
        "training": source.items("train"),
    }
    name, items = next((name, items) for name, items in splits.items() if items)
    images = WholeImages(source, [items[place] for place in evenly(len(items), MOST_SCORED)])
    blurred = mean(METRICS["psnr"](*images[place][:2]) for place in range(len(images)))
    words = f"blurred {name} images: {blurred:.2f} dB"
    return Finished(psnr, psnr - blurred, level_of_gain(max(psnr - blurred, 0)), words)


def make_ladder(config: PreviewConfig, plan: "NegativesPlan", crops: "Batch", finished: Finished | None) -> Ladder:
    """Measure every stage's negatives on some crops."""
    side = config.data.crop
    blurred, stages = version(crops.blurred, crops.sharp), _stages(config, plan, crops)
    foreseen = plan.schedule.foreseen or plan.generator.fixed
    return Ladder(
        _method(config, plan),
        f"the first {len(crops.names)} training crops of {config.data.name}, {side} x {side} pixels, "
        f"seed {config.seed}",
        crops.names,
        blurred,
        stages,
        version(crops.sharp, crops.sharp),
        config.trainer.max_epochs,
        foreseen,
        finished,
        [*_notes(plan), *_never_reached(stages, foreseen), *_overtaken(stages, blurred, finished)],
    )


def _stages(config: PreviewConfig, plan: "NegativesPlan", crops: "Batch") -> list[Stage]:
    """Every stage; a single one where the negatives are the same at all of them."""
    if plan.generator.fixed:
        steps = [(0.0, [range(config.trainer.max_epochs)])]
    else:
        steps = list(zip(plan.ladder, _epochs(config, plan), strict=True))
    return [stage_at(level, epochs, plan.generator, crops.blurred, crops.sharp) for level, epochs in steps]


def _epochs(config: PreviewConfig, plan: "NegativesPlan") -> list[list[range]]:
    """The epochs of every stage; none where the training itself will decide."""
    if plan.schedule.foreseen:
        return epochs_of_stages(plan.schedule, config.trainer.max_epochs)
    return [[] for _ in plan.ladder]


def _method(config: PreviewConfig, plan: "NegativesPlan") -> str:
    """Generator, schedule and level curve, in words."""
    generator, schedule, levels = (type(part).__name__ for part in (plan.generator, plan.schedule, plan.levels))
    epochs = f"{config.trainer.max_epochs} epochs"
    if plan.generator.fixed:
        return f"{generator}, the same negatives for all {epochs}"
    return f"{generator}, {schedule} with {plan.schedule.stages} stages over {epochs}, levels {levels}"


def _notes(plan: "NegativesPlan") -> list[str]:
    """What cannot be shown, or means something else than it seems."""
    from cldeblur.contrast.levels.scale import matching_note

    schedule, cap = type(plan.schedule).__name__, plan.levels.cap
    said = [matching_note(plan.generator, plan.levels.match)]
    if cap is not None and plan.generator.uses_level:
        said.append(f"levels.cap={cap}: a level is at most that share of what the restored crops have reached by then")
    untrained = dict.fromkeys(type(maker).__name__ for maker in plan.generator.makers if "network" in maker.uses)
    said += [f"{name} needs a trained network: its negatives are not drawn" for name in untrained]
    if not plan.schedule.foreseen and not plan.generator.fixed:
        said.append(f"{schedule} lets the training decide when a stage begins: the epochs are not known")
    return [note for note in said if note]


def _never_reached(stages: list[Stage], foreseen: bool) -> list[str]:
    """A word about stages that the training is too short for."""
    idle = [number for number, stage in enumerate(stages) if foreseen and not stage.epochs]
    return [f"{_named(idle)} never reached"] if idle else []


def _overtaken(stages: list[Stage], blurred: Version, finished: Finished | None) -> list[str]:
    """A word about the finished network, and about stages whose negatives are nearer to sharp than it gets."""
    if finished is None:
        return []
    gains = [max((made.psnr for made in stage.negatives), default=0.0) - blurred.psnr for stage in stages]
    ahead = [number for number, gain in enumerate(gains) if gain > finished.gain]
    said = f"a finished network at {finished.psnr:.2f} dB gains {finished.gain:.2f} dB ({finished.scored})"
    wrong = f"{_named(ahead)} nearer to sharp than that network, so that the negatives push the wrong way"
    return [said, wrong] if ahead else [said]


def _named(numbers: list[int]) -> str:
    """Stages as the subject of a sentence."""
    words = ", ".join(map(in_words, consecutive(numbers)))
    return f"stage {words} is" if len(numbers) == 1 else f"stages {words} are"
