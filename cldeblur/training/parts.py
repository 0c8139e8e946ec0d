"""From a typed config to the parts of a run. Everything here is checked before any image is read."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from cldeblur import __version__
from cldeblur.checkpoints import load_published
from cldeblur.config.schema import TrainConfig
from cldeblur.config.targets import build, chosen
from cldeblur.errors import Refused
from cldeblur.evaluation.protocol import Protocol
from cldeblur.losses.multi_scale import MultiScaleLoss
from cldeblur.networks.outputs import as_outputs
from cldeblur.training.module import DeblurModule
from cldeblur.training.optimization import OptimizerFactory

if TYPE_CHECKING:
    from cldeblur.training.contrastive import ContrastiveParts

SMALL_SIDE = 32


@dataclass(frozen=True)
class Parts:
    """What a run is made of, but for its data."""

    network: nn.Module
    loss: MultiScaleLoss
    optimization: OptimizerFactory
    contrastive: "ContrastiveParts | None"
    protocol: Protocol


def make_parts(config: TrainConfig) -> Parts:
    """Build the parts of a run.

    Raises:
        Refused: parts that do not fit together, or weights that are not to be had.
    """
    network, contrastive = make_network(config), _contrastive_parts(config)
    if contrastive is not None:
        _refuse_small_anchors(config, network, contrastive.term.features.least_side)
        _refuse_small_negatives(config, contrastive.term.generator.least_side)
    return Parts(
        network,
        build("loss", config.loss, config.trust),
        OptimizerFactory(config.optimizer, config.trainer.max_epochs, config.trust),
        contrastive,
        make_protocol(config),
    )


def make_module(parts: Parts, config: TrainConfig, config_hash: str, steps_an_epoch: int) -> DeblurModule:
    """The LightningModule of a run; `config_hash` goes into its checkpoints."""
    attachment = None
    if parts.contrastive is not None:
        attachment = parts.contrastive.attached(config, steps_an_epoch)
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
    _refuse_misfit(network)
    return network


def _small_image(network: nn.Module) -> Tensor:
    """A small image that the network can take, (1, 3, h, h)."""
    multiple = getattr(network, "multiple", 1)
    side = multiple * -(-SMALL_SIDE // multiple)
    return torch.zeros(1, 3, side, side)


@torch.no_grad()
def _outputs(network: nn.Module, image: Tensor) -> tuple[Tensor, ...]:
    """What the network makes of an image; it is left as it was."""
    return as_outputs(copy.deepcopy(network).eval()(image))


def _refuse_small_anchors(config: TrainConfig, network: nn.Module, least_side: int) -> None:
    """Refuse crops of which the features' deepest tap would have nothing."""
    image = _small_image(network)
    sides = [output.shape[-1] for output in _outputs(network, image)]
    smallest = min(sides) if config.contrast.anchors == "every" else sides[-1]
    side = config.data.crop * smallest // image.shape[-1]
    if side < least_side:
        raise Refused(
            f"data.crop={config.data.crop} makes anchors of {side} pixels a side, and the deepest of features.taps "
            f"needs {least_side}: take larger crops or shallower taps"
        )


def _refuse_small_negatives(config: TrainConfig, least_side: int) -> None:
    """Refuse crops of which the generator can make no negatives."""
    if config.data.crop < least_side:
        raise Refused(
            f"data.crop={config.data.crop} is too small for these negatives, which need {least_side} pixels a side: "
            "take larger crops, or a smaller filter"
        )


def _refuse_misfit(network: nn.Module) -> None:
    """Refuse a network that does not give images of its input's size, before it has trained for an epoch."""
    image = _small_image(network)
    try:
        found = tuple(_outputs(network, image)[-1].shape)
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


def _contrastive_parts(config: TrainConfig) -> "ContrastiveParts | None":
    """The contrastive part, where there are negatives; a plain run does not even import it."""
    if not chosen(config.negatives):
        return None
    from cldeblur.training.contrastive import make_contrastive_parts

    return make_contrastive_parts(config)
