"""Train image-deblurring networks with contrastive learning and progressively sharper negatives."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from os import PathLike

    from torch import nn

    from cldeblur.evaluation.restoration import Restorer

__version__ = "0.1.0"


def network(name: str, **parameters: Any) -> "nn.Module":
    """Build a backbone by the name of its config file, with other parameters where they are given.

    Args:
        name: `mimo_unet`, `mimo_unet_plus`, `mimo_unet_small` or `identity`.
        **parameters: in place of the file's own, `blocks=4` for example.

    Raises:
        cldeblur.errors.Refused: there is no such backbone, or it does not take a parameter.
    """
    from cldeblur.config.loading import read_option
    from cldeblur.config.targets import build

    built: nn.Module = build("backbone", {**read_option("backbone", name), **parameters})
    return built


def load(checkpoint: "str | PathLike[str]", device: str = "cpu") -> "Restorer":
    """The network of a checkpoint of ours, ready to restore pictures: `load("best.ckpt").restore(image)`.

    Raises:
        cldeblur.errors.Refused: the file is no checkpoint, or does not say what network it is of.
    """
    from cldeblur.evaluation.restoration import Restorer
    from cldeblur.evaluation.run import rebuild

    return Restorer(rebuild(checkpoint), device)
