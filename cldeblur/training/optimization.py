"""Optimiser and learning-rate schedule from their config node."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from cldeblur.config.targets import build, check_targets


class Cosine(CosineAnnealingLR):
    """Learning rate that falls along half a cosine from its start to `final_lr` over `max_epochs` epochs."""

    def __init__(self, optimizer: Optimizer, max_epochs: int, final_lr: float = 0.0) -> None:
        super().__init__(optimizer, T_max=max_epochs, eta_min=final_lr)


class OptimizerFactory:
    """Makes the optimiser of a config node, and the scheduler that the node holds under `scheduler`.

    Raises:
        Refused: a class that is not allowed, or a key or value that it does not take.
    """

    def __init__(self, node: Mapping[str, Any], max_epochs: int, trust: Sequence[str]) -> None:
        self._scheduler = node["scheduler"]
        self._optimizer = {key: value for key, value in node.items() if key != "scheduler"}
        self._max_epochs = max_epochs
        self._trust = trust
        check_targets("optimizer", self._optimizer, trust)
        check_targets("optimizer.scheduler", self._scheduler, trust)
        self([nn.Parameter(torch.zeros(1))])  # a value that they refuse shows here, and not when training begins

    def __call__(self, parameters: Iterable[nn.Parameter]) -> tuple[Optimizer, LRScheduler]:
        """Optimiser and scheduler for `parameters`."""
        optimizer = build("optimizer", self._optimizer, self._trust, params=parameters)
        scheduler = build(
            "optimizer.scheduler",
            self._scheduler,
            self._trust,
            optimizer=optimizer,
            max_epochs=self._max_epochs,
        )
        return optimizer, scheduler
