"""The verb `train`: from a checked config to a trained, evaluated and recorded network."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import lightning.pytorch as lightning

from cldeblur.checkpoints import origin
from cldeblur.config.identity import config_hash
from cldeblur.config.loading import read_config, typed
from cldeblur.config.schema import TrainConfig
from cldeblur.config.targets import build, chosen
from cldeblur.data.fingerprint import refuse_other_data
from cldeblur.environment import determinism
from cldeblur.evaluation.run import model_record
from cldeblur.launching import CONFIG_FILE, LOG_FILE, Launch, begin, list_outputs, logged
from cldeblur.records import RunRecord
from cldeblur.stopping import interruptible, recorded
from cldeblur.training.checkpointing import last_checkpoint
from cldeblur.training.ending import finish
from cldeblur.training.prepared import PreparedRun, fit, prepare
from cldeblur.training.pruning import why_pruned
from cldeblur.training.trainer import make_trainer
from cldeblur.training.wandb import RunLogger

logger = logging.getLogger(__name__)


def train(config: TrainConfig, launch: Launch) -> float | None:
    """Train, validate and evaluate a network, and leave a run directory that tells of it.

    Returns:
        The best validation PSNR, in dB.

    Raises:
        Refused: parts, weights or data do not fit or are not to be had; nothing was begun.
        Diverged: a loss was not finite.
        Interrupted: the run was asked to stop; it can be resumed.
    """
    with interruptible():
        run = prepare(config, launch.directory, config_hash(launch.content))
        described = run.describe_data()
        if launch.earlier is not None:
            refuse_other_data(launch.earlier.data, described)
        with logged(launch.directory):
            record = begin(launch, config.run)
            record.data = described
            with recorded(record, launch.directory, launch.directory / LOG_FILE):
                _work(run, launch, record)
    best: float | None = record.metrics.get("best", {}).get("value")
    return best


def train_rank(directory: Path) -> None:
    """Train as one of the other ranks of a run that the first rank has begun in `directory`."""
    content = read_config(directory / CONFIG_FILE)
    config = typed(TrainConfig, content)
    run = prepare(config, directory, config_hash(content))
    trainer = make_trainer(config.trainer, directory, run.callbacks(None), [])
    fit(trainer, run)


def _work(run: PreparedRun, launch: Launch, record: RunRecord) -> None:
    """Train, then evaluate the last checkpoint, unless the run is a trial that was not worth it."""
    began = time.monotonic()
    loggers = _loggers(run.config, launch, record)
    callbacks = run.callbacks(record)
    trainer = make_trainer(run.config.trainer, run.directory, callbacks, list(loggers))
    _describe(run, record, trainer)
    try:
        fit(trainer, run)
        reason = why_pruned(callbacks)
        if reason is None:
            finish(run, record, loggers, trainer.strategy.root_device)
    except BaseException:
        _close(loggers, failed=True)
        raise
    finally:
        wall = (record.cost.get("wall_s") or 0.0) + time.monotonic() - began
        record.cost |= {"wall_s": wall, "device_hours": wall * trainer.world_size / 3600}
    _close(loggers, failed=False)
    record.outputs = list_outputs(run.directory)
    record.end(run.directory, "completed" if reason is None else "pruned", reason)


def _describe(run: PreparedRun, record: RunRecord, trainer: lightning.Trainer) -> None:
    """Complete the record, and say what is about to happen."""
    config, contrastive = run.config, run.parts.contrastive
    record.model = model_record(run.parts.network, config.backbone["_target_"])
    record.features = contrastive.term.features.description if contrastive else None
    record.determinism = determinism(
        config.data.workers,
        config.seed,
        config.trainer.deterministic,
        str(config.trainer.precision),
        trainer.world_size,
    )
    if config.initial_weights is not None:
        record.init = origin(Path(config.initial_weights))
    checkpoint = last_checkpoint(run.directory)
    if checkpoint is not None:
        record.resumed_from.append(origin(checkpoint))
    record.write(run.directory)
    for line in _introduction(run, record, trainer, checkpoint):
        logger.info("%s", line)


def _introduction(
    run: PreparedRun, record: RunRecord, trainer: lightning.Trainer, checkpoint: Path | None
) -> Iterator[str]:
    """What a run says before it starts."""
    yield f"run {record.id} in {run.directory}"
    if record.notes:
        yield record.notes
    device = trainer.strategy.root_device.type
    yield (
        f"{record.model['params_total']:,} parameters; {len(run.data.crops)} crops an epoch; images to validate on: "
        f"{len(run.data.images)}; on {trainer.world_size} x {device}"
    )
    if run.data.left_out:
        yield f"crops left out of each epoch, because they do not fill a step: {run.data.left_out}"
    yield from run.source.notes
    if run.parts.contrastive is not None:
        yield from run.parts.contrastive.notes
    if checkpoint is not None:
        yield f"resuming from {checkpoint}"


def _loggers(config: TrainConfig, launch: Launch, record: RunRecord) -> list[RunLogger]:
    """The loggers of a run besides its own files."""
    if not chosen(config.logger):
        return []
    made = build(
        "logger",
        config.logger,
        config.trust,
        directory=launch.directory,
        record=record,
        group=config.run.group or launch.experiment,
        content=launch.content,
    )
    return [made]


def _close(loggers: list[RunLogger], failed: bool) -> None:
    for destination in loggers:
        destination.close(failed)
