"""From a typed config to the parts of a run. Everything here is checked before any image is read."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from cldeblur import __version__
from cldeblur.checkpoints import load_published
from cldeblur.config.schema import TrainConfig
from cldeblur.config.targets import build, chosen
from cldeblur.contrast.levels.curve import LevelCurve
from cldeblur.contrast.levels.scale import matching_note
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.schedules.schedule import Schedule
from cldeblur.contrast.term import ContrastiveTerm
from cldeblur.contrast.weighting import ConstantWeight, HeldRatio, Weighting
from cldeblur.errors import Refused
from cldeblur.evaluation.protocol import Protocol
from cldeblur.losses.multi_scale import MultiScaleLoss
from cldeblur.networks.outputs import as_outputs
from cldeblur.training.attachment import Attachment
from cldeblur.training.module import DeblurModule
from cldeblur.training.optimization import OptimizerFactory

SMALL_SIDE = 32


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


@dataclass(frozen=True)
class Parts:
    """What a run is made of, but for its data."""

    network: nn.Module
    loss: MultiScaleLoss
    optimization: OptimizerFactory
    contrastive: ContrastiveParts | None
    protocol: Protocol


def make_parts(config: TrainConfig) -> Parts:
    """Build the parts of a run.

    Raises:
        Refused: parts that do not fit together, or weights that are not to be had.
    """
    return Parts(
        make_network(config),
        build("loss", config.loss, config.trust),
        OptimizerFactory(config.optimizer, config.trainer.max_epochs, config.trust),
        make_contrastive_parts(config) if chosen(config.negatives) else None,
        make_protocol(config),
    )


def make_module(parts: Parts, config: TrainConfig, config_hash: str, steps_an_epoch: int) -> DeblurModule:
    """The LightningModule of a run; `config_hash` goes into its checkpoints."""
    attachment = None
    if parts.contrastive is not None:
        attachment = Attachment(
            parts.contrastive.term,
            make_weighting(config, steps_an_epoch),
            parts.contrastive.schedule,
            parts.contrastive.levels,
            config.contrast.diagnosed_batches,
        )
    return DeblurModule(
        parts.network,
        parts.loss,
        parts.optimization,
        {"version": __version__, "hash": config_hash, "backbone": config.backbone},
        attachment,
        config.seed,
        config.detect == "skip",
    )


def make_network(config: TrainConfig) -> nn.Module:
    """The network, with its initial weights, if it can be trained on the crops."""
    network: nn.Module = build("backbone", config.backbone, config.trust)
    multiple = getattr(network, "multiple", 1)
    if config.data.crop % multiple:
        raise Refused(f"data.crop={config.data.crop} is not a multiple of {multiple}, which the network needs")
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise Refused("the chosen backbone has nothing to train")
    if config.initial_weights is not None:
        load_published(network, Path(config.initial_weights))
    _refuse_misfit(network, multiple)
    return network


@torch.no_grad()
def _refuse_misfit(network: nn.Module, multiple: int) -> None:
    """Refuse a network that does not give images of its input's size, before it has trained for an epoch."""
    side = multiple * -(-SMALL_SIDE // multiple)
    image = torch.zeros(1, 3, side, side)
    try:
        found = tuple(as_outputs(network(image))[-1].shape)
    except (RuntimeError, TypeError) as error:
        raise Refused(f"the backbone fails on an image {tuple(image.shape)}: {error}") from error
    if found != tuple(image.shape):
        raise Refused(f"the backbone makes {found} of an image {tuple(image.shape)}; its last output must be as large")


def make_protocol(config: TrainConfig) -> Protocol:
    """How the last checkpoint will be scored."""
    protocol: Protocol = build("protocol", config.protocol, config.trust)
    if "psnr" not in protocol.metrics:
        raise Refused("protocol.metrics must hold psnr, by which runs are compared")
    return protocol


def make_contrastive_parts(config: TrainConfig) -> ContrastiveParts:
    """Features, generator, objective, schedule and level curve, if they fit together."""
    generator: Generator = build("negatives", config.negatives, config.trust)
    schedule: Schedule = build("schedule", config.schedule, config.trust, max_epochs=config.trainer.max_epochs)
    levels: LevelCurve = build("levels", config.levels, config.trust)
    levels.levels(schedule.stages)
    _refuse_idle_schedule(config, generator, schedule)
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


def _refuse_idle_schedule(config: TrainConfig, generator: Generator, schedule: Schedule) -> None:
    """Refuse a run that ends before its negatives get sharper."""
    last = schedule.stage(config.trainer.max_epochs - 1)
    if generator.uses_level and schedule.stages > 1 and last == 0 and not config.trainer.fast_dev_run:
        raise Refused(
            f"the schedule never reaches stage 1 within trainer.max_epochs={config.trainer.max_epochs}: "
            "shorten schedule.interval, or choose negatives=blurred"
        )


def _without(node: dict[str, object], key: str) -> dict[str, object]:
    return {name: value for name, value in node.items() if name != key}
