"""Features: activations of a frozen VGG19 at named layers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

import torch
from torch import Tensor, nn

from cldeblur.config.typos import did_you_mean
from cldeblur.contrast.weights import CONVOLUTIONS, Weights, find_weights
from cldeblur.errors import Refused

TAPS = tuple(name.replace("conv", "relu") for name in CONVOLUTIONS)


@contextmanager
def full_precision() -> Iterator[None]:
    """Convolutions in float32 proper while it lasts, on GPUs too; both passes through the features belong in it.

    cuDNN takes TF32 unless told otherwise: 10 bits of mantissa, by which the distance of an image that is nearly
    restored is wrong by some percent, and the cosine of its gradient to the true one falls below 0.93.
    """
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


class VGG19(nn.Module):
    """A frozen VGG19 (Simonyan and Zisserman, 2015), cut off behind the deepest tap.

    It stays frozen and in eval mode whatever happens around it, and computes in the type of its own weights,
    float32 unless it was cast to float64, also under autocast: distances between neighbours vanish in half
    precision.

    Attributes:
        least_side: pixels that an image must have a side to reach the deepest tap.
        taps: names of the activations it gives, in the order in which it gives them.
        note: what the user must know of the weights; None where there is nothing.
        description: for the record: `weights`, `sha256`, `mean`, `std`, `note`.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        taps: Sequence[str],
        weights: str = "imagenet",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        """Build the layers and load their weights.

        Args:
            taps: names out of `relu1_1` … `relu5_4`.
            weights: `imagenet`, `random`, or the path of a file (`cldeblur.contrast.weights`).
            mean: of R, G, B, if not the weights' own.
            std: of R, G, B, if not the weights' own.

        Raises:
            Refused: a tap does not exist or lies deeper than the weights go, or the weights are not to be
                had.
        """
        super().__init__()
        _check_taps(taps)
        found = find_weights(weights, mean, std)
        self.taps = tuple(taps)
        self.note = found.note
        self.description: dict[str, object] = {
            "weights": found.source,
            "sha256": found.sha256,
            "mean": list(found.mean),
            "std": list(found.std),
            "note": found.note,
        }
        self.layers = _layers(taps, found)
        self.least_side = 2 ** sum(isinstance(layer, nn.MaxPool2d) for layer in self.layers)
        self.register_buffer("mean", torch.tensor(found.mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(found.std).view(3, 1, 1))
        self.requires_grad_(False)
        self.eval()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Activations of images (M, 3, H, W) in [0, 1]: one tensor (M, c, h, w) a tap, not below 0."""
        with torch.autocast(images.device.type, enabled=False):
            values = (images.to(self.mean.dtype) - self.mean) / self.std
            # Channels last is a fifth to a third faster on CPUs.
            found = self._tapped(values.contiguous(memory_format=torch.channels_last))
        return tuple(found[tap] for tap in self.taps)

    def _tapped(self, values: Tensor) -> dict[str, Tensor]:
        """The taps by their names; what lies between them is let go of."""
        found = {}
        for name, layer in self.layers.named_children():
            values = layer(values)
            if name in self.taps:
                found[name] = values
        return found

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode."""
        del mode
        return super().train(False)


def _check_taps(taps: Sequence[str]) -> None:
    """Refuse an empty list and names that do not exist."""
    if not taps:
        raise Refused("features.taps must name at least one tap")
    for tap in taps:
        if tap not in TAPS:
            raise Refused(f"features.taps names {tap}, which VGG19 does not have{did_you_mean(tap, TAPS)}")


def _layers(taps: Sequence[str], weights: Weights) -> nn.Sequential:
    """The layers from the image to the deepest tap, with their weights."""
    layers = nn.Sequential()
    for tap in TAPS[: max(map(TAPS.index, taps)) + 1]:
        name = tap.replace("relu", "conv")
        if f"{name}.weight" not in weights.tensors:
            deepest = TAPS[len(weights.tensors) // 2 - 1]
            needed = max(taps, key=TAPS.index)
            raise Refused(f"features.taps names {needed}, but {weights.source} ends at {deepest}")
        if tap.endswith("_1") and len(layers):
            layers.add_module(name.replace("conv", "pool"), nn.MaxPool2d(2))
        _, inputs, outputs = CONVOLUTIONS[name]
        # On `meta` no initial values are drawn: the global random state is left as it was.
        layers.add_module(name, nn.Conv2d(inputs, outputs, 3, padding=1, device="meta"))
        # In place is safe: it overwrites a convolution's output, which is no tap and which no backward reads.
        layers.add_module(tap, nn.ReLU(inplace=True))
    layers.load_state_dict({key: weights.tensors[key] for key in layers.state_dict()}, assign=True)
    return layers
