"""What the network of the stage before makes of the blurred image as the negative."""

import copy
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from cldeblur.contrast.negatives.generator import Generator


class Snapshot(Generator):
    """N = f(B), with the network f as it was when the stage before the present one began; K = 1.

    The stage before is the one that was in force before, whatever its number. So f is never the network of the
    present moment, with which anchor and negative would coincide. The network at the start of training is
    untrained and not used: until the second change of stage, and at level 0, the negatives are B.

    It is as sharp as it is: which level above 0 it is given changes nothing.
    """

    uses = frozenset({"network"})
    uses_level = False

    def __init__(self) -> None:
        super().__init__()
        self.network: nn.Module | None = None
        self.next: nn.Module | None = None
        self._begun = False

    def make(self, blurred: Tensor, _sharp: Tensor, level: float, /) -> Tensor:
        """What the snapshot restores, from its last output; (1, N, 3, H, W)."""
        if self.network is None or level == 0:
            return blurred[None]
        height, width = blurred.shape[-2:]
        multiple = int(getattr(self.network, "multiple", 1))
        padded = functional.pad(blurred, (0, -width % multiple, 0, -height % multiple), mode="replicate")
        outputs = self.network(padded)
        restored = outputs if isinstance(outputs, Tensor) else outputs[-1]
        return restored[None, ..., :height, :width]

    def enter(self, stage: int, network: nn.Module) -> None:
        """Use the network of the stage that ends, and keep the present one for the next."""
        del stage
        if self._begun:
            self.network, self.next = self.next, _frozen(network)
        self._begun = True

    def stage_state(self) -> dict[str, Any]:
        """Weights of the network in use and of the one kept for the next stage, None where there is none."""
        kept = {"network": self.network, "next": self.next}
        return {"begun": self._begun} | {name: module and module.state_dict() for name, module in kept.items()}

    def load_stage_state(self, state: Mapping[str, Any], network: nn.Module) -> None:
        """Rebuild both networks in copies of `network`."""
        self._begun = state["begun"]
        self.network = _frozen(network, state["network"]) if state["network"] is not None else None
        self.next = _frozen(network, state["next"]) if state["next"] is not None else None


def _frozen(network: nn.Module, weights: Mapping[str, Tensor] | None = None) -> nn.Module:
    """A copy for evaluation that nothing can change."""
    # Always in one memory format: a copy that comes out of a checkpoint must compute as one that never was in it.
    frozen: nn.Module = cast(Any, copy.deepcopy(network)).to(memory_format=torch.channels_last)
    frozen.eval().requires_grad_(False)
    frozen.zero_grad(set_to_none=True)
    if weights is not None:
        frozen.load_state_dict(weights)
    return frozen
