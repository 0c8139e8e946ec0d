"""Combinations that cannot work, found by looking at the config alone, before anything is loaded."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cldeblur.config.loading import typed
from cldeblur.config.schema import Contrast, Data, EvaluateConfig, Node, PreviewConfig, Search, TrainConfig, Trainer
from cldeblur.config.targets import chosen
from cldeblur.errors import Refused

ACCELERATORS = ("auto", "cpu", "gpu")
PRECISIONS = (32, "32", "bf16-mixed", "16-mixed")
LOGGER_MODES = ("auto", "online", "offline")
FLIPS = ("none", "horizontal", "all")
ANCHORS = ("full", "every")
MASKS = ("none", "blurred")
MOST_PREVIEWED = 16
SCHEMAS: dict[str, type[TrainConfig] | type[EvaluateConfig]] = {
    "train": TrainConfig,
    "preview": PreviewConfig,
    "evaluate": EvaluateConfig,
}


def checked(verb: str, content: Mapping[str, Any]) -> TrainConfig | EvaluateConfig:
    """A verb's resolved config, typed, if nothing in it cannot work.

    Raises:
        Refused: with a sentence that names the key.
    """
    config = typed(SCHEMAS[verb], content)
    for problem in _training(config) if isinstance(config, TrainConfig) else _evaluation(config):
        raise Refused(problem)
    for problem in _preview(config) if isinstance(config, PreviewConfig) else ():
        raise Refused(problem)
    return config


def _training(config: TrainConfig) -> Iterator[str]:
    yield from _data(config.data)
    yield from _trainer(config.trainer)
    if config.detect not in ("stop", "skip"):
        yield f"detect must be stop or skip, not {config.detect}"
    mode = config.logger.get("mode", "auto")
    if mode not in LOGGER_MODES:
        yield f"logger.mode must be one of {', '.join(LOGGER_MODES)}, not {mode}"
    if config.seed < 0:
        yield f"seed must not be negative; it is {config.seed}"
    share = config.trainer.devices * config.trainer.num_nodes * config.trainer.accumulate
    if config.data.global_batch % share:
        yield (
            f"data.global_batch={config.data.global_batch} cannot be shared out evenly over trainer.devices x "
            f"trainer.num_nodes x trainer.accumulate = {share}"
        )
    if chosen(config.negatives):
        yield from _contrast(config.contrast)
        yield from _features(config.features)
    if config.search is not None:
        yield from _search(config.search)


def _preview(config: PreviewConfig) -> Iterator[str]:
    if not chosen(config.negatives):
        yield "negatives=none has nothing to preview; choose others, negatives=blend for example"
    output = Path(config.output)
    if output.suffix.lower() != ".png" or output.is_dir():
        yield f"output must be the name of a PNG file, such as preview.png, not {config.output}"
    if not 1 <= config.images <= MOST_PREVIEWED:
        yield f"images must be 1 to {MOST_PREVIEWED}; it is {config.images}"
    if config.finished_psnr is not None and not 0 < config.finished_psnr < math.inf:
        yield f"finished_psnr is a PSNR in dB above 0; it is {config.finished_psnr}"


def _evaluation(config: EvaluateConfig) -> Iterator[str]:
    yield from _data(config.data)
    if config.checkpoint is None and config.backbone is None:
        yield "evaluate needs checkpoint=… or backbone=identity"
    if config.accelerator not in ACCELERATORS:
        yield f"accelerator must be one of {', '.join(ACCELERATORS)}, not {config.accelerator}"


def _data(data: Data) -> Iterator[str]:
    for name in ("crop", "crops_per_image", "global_batch"):
        if getattr(data, name) < 1:
            yield f"data.{name} must be at least 1; it is {getattr(data, name)}"
    if data.workers < 0:
        yield f"data.workers must not be negative; it is {data.workers}"
    if data.flips not in FLIPS:
        yield f"data.flips must be one of {', '.join(FLIPS)}, not {data.flips}"


def _trainer(trainer: Trainer) -> Iterator[str]:
    for name in ("devices", "num_nodes", "max_epochs", "accumulate", "validate_every"):
        if getattr(trainer, name) < 1:
            yield f"trainer.{name} must be at least 1; it is {getattr(trainer, name)}"
    if trainer.accelerator not in ACCELERATORS:
        yield f"trainer.accelerator must be one of {', '.join(ACCELERATORS)}, not {trainer.accelerator}"
    if trainer.precision not in PRECISIONS:
        yield f"trainer.precision must be 32, bf16-mixed or 16-mixed, not {trainer.precision}"
    if trainer.ema is not None and not 0 < trainer.ema < 1:
        yield f"trainer.ema is a decay between 0 and 1; it is {trainer.ema}"
    if trainer.gradient_clip is not None and trainer.gradient_clip <= 0:
        yield f"trainer.gradient_clip must be above 0; it is {trainer.gradient_clip}"


def _contrast(contrast: Contrast) -> Iterator[str]:
    if (contrast.gradient_ratio is None) == (contrast.weight is None):
        yield "set either contrast.gradient_ratio or contrast.weight, and the other to null"
    for name in ("gradient_ratio", "weight", "warmup_epochs"):
        value = getattr(contrast, name)
        if value is not None and not 0 <= value < math.inf:
            yield f"contrast.{name} must be a finite number, not below 0; it is {value}"
    if contrast.max_ratio is not None and not 0 < contrast.max_ratio < math.inf:
        yield f"contrast.max_ratio must be above 0, or null for no bound; it is {contrast.max_ratio}"
    if (contrast.gradient_ratio or 0) > (contrast.max_ratio or math.inf):
        yield (
            f"contrast.gradient_ratio={contrast.gradient_ratio} is above contrast.max_ratio={contrast.max_ratio}, "
            "which would hold nearly every image at that instead: raise it too, or set it to null"
        )
    for name, known in (("anchors", ANCHORS), ("mask", MASKS)):
        value = getattr(contrast, name)
        if value not in known:
            yield f"contrast.{name} must be {' or '.join(known)}, not {value}"
    if contrast.diagnosed_batches < 0:
        yield f"contrast.diagnosed_batches must not be negative; it is {contrast.diagnosed_batches}"


def _features(features: Node) -> Iterator[str]:
    taps, weights = features.get("taps") or [], features.get("tap_weights") or []
    if len(taps) != len(weights):
        yield f"features.tap_weights must hold one number a tap: {len(weights)} for {len(taps)} taps"


def _search(search: Search) -> Iterator[str]:
    for name in ("trials", "startup"):
        if getattr(search, name) < 1:
            yield f"search.{name} must be at least 1; it is {getattr(search, name)}"
    if not 0 <= search.prune_from <= 1:
        yield f"search.prune_from is a share between 0 and 1; it is {search.prune_from}"
