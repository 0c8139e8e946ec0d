"""The contrastive term joined to a training step: weight, one backward through the network, and what is logged."""

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor

from cldeblur.contrast.diagnostics import gradient_norms
from cldeblur.contrast.joint import joined, parted
from cldeblur.contrast.levels.curve import LevelCurve
from cldeblur.contrast.schedules.schedule import Schedule, SignalSchedule
from cldeblur.contrast.term import ContrastiveTerm
from cldeblur.contrast.weighting import Weighting
from cldeblur.data.batch import Batch
from cldeblur.losses.multi_scale import MultiScaleLoss
from cldeblur.training.meters import EpochMeter, sum_over_ranks
from cldeblur.training.observation import Observation, concluded, note
from cldeblur.training.step import Step


class Attachment:
    """What a run with negatives has and a plain one has not.

    Both terms are differentiated with respect to the network's outputs only, combined there, and the network is
    walked once. The surrogate has exactly the combined gradient, and the real loss as its value, so that loss
    scaling, accumulation, clipping and DDP stay as they are.

    It is no module, and a copy of the model shares it: averaged weights need no second VGG19.
    """

    def __init__(
        self,
        term: ContrastiveTerm,
        weighting: Weighting,
        schedule: Schedule,
        levels: LevelCurve,
        diagnosed_batches: int,
        every_scale: bool = False,
    ) -> None:
        self.term = term
        self.weighting = weighting
        self.schedule = schedule
        self.levels = levels
        self.diagnosed_batches = diagnosed_batches
        self.every_scale = every_scale
        self.stage = 0
        self.reached = 0.0

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    @property
    def level(self) -> float:
        """The level in use: that of the present stage, or what the cap leaves of it."""
        return self.term.level

    @property
    def planned_level(self) -> float:
        """The level of the present stage; 0, that of blurred images, where the negatives are the same at all."""
        return 0.0 if self.term.generator.fixed else self.levels.level(self.stage, self.schedule.stages)

    def enter(self, epoch: int) -> bool:
        """Take the stage that the schedule gives `epoch`, and its level; says whether it is another stage.

        Negatives that are the same at every stage stay at stage 0, whatever schedule was chosen.
        """
        stage = 0 if self.term.generator.fixed else self.schedule.stage(epoch)
        changed = stage != self.stage
        self.stage = stage
        planned = self.planned_level
        self.term.level = self.levels.capped(planned, self.reached) if self.term.generator.uses_level else planned
        return changed

    def observe(self, epoch: int, means: Mapping[str, float | None]) -> None:
        """Take in what an epoch that has ended has measured, by its logged names; it acts from the next one on."""
        reached = means.get("contrast/reached")
        self.reached = self.reached if reached is None else reached
        if isinstance(self.schedule, SignalSchedule):
            self.schedule.observe(epoch, means.get(self.schedule.signal))

    def step(
        self,
        outputs: tuple[Tensor, ...],
        batch: Batch,
        loss: MultiScaleLoss,
        number: int,
        diagnose: bool,
        meter: EpochMeter,
    ) -> Step:
        """Loss and gradient of one micro-batch.

        Args:
            outputs: the network's, coarse to fine.
            batch: N pairs.
            loss: the pixel loss.
            number: optimiser steps done so far.
            diagnose: whether to measure pull and push apart, which costs one more backward through the features.
            meter: where the epoch's values are gathered.
        """
        with torch.autocast(outputs[-1].device.type, enabled=False):
            leaves = tuple(output.detach().float().requires_grad_() for output in outputs)
            terms = loss(leaves, batch.sharp)
            gradients = torch.autograd.grad(terms.total.sum(), leaves)
            anchors = tuple(leaf.detach() for leaf in (leaves if self.every_scale else leaves[-1:]))
            *coarser, restored = anchors
            result = self.term.measure(restored, batch.blurred, batch.sharp, diagnose, coarser)
            pixel_gradient = joined(gradients[-len(anchors) :])
            weight = self.weighting.weight(number)
            combined = self.weighting.combine(pixel_gradient, result.gradient, weight)
            pixel_norms = gradient_norms(pixel_gradient)
            self.weighting.observe(pixel_norms, gradient_norms(result.gradient))
            value = (terms.total + weight * result.loss).mean().detach()
            acting = parted(pixel_gradient + combined.gradient, anchors)
            surrogate = _surrogate(outputs, (*gradients[: -len(anchors)], *acting), value)
        seen = Observation(restored, batch.blurred, batch.sharp, weight, pixel_norms, combined, result)
        note(meter, seen, self.term.features.taps)
        return Step(surrogate, terms, result.loss)

    def summary(self, means: Mapping[str, float]) -> dict[str, float]:
        """An epoch's means, with what follows from them, its stage and level."""
        return {**concluded(means), "contrast/stage": self.stage, "contrast/level": self.level}

    def finish_step(self) -> None:
        """Take the norms of an optimiser step into the running means, over all ranks."""
        self.weighting.finish_step(sum_over_ranks)

    def state_dict(self) -> dict[str, Any]:
        """What a resume needs beside the epoch and `stage_state`."""
        return {"weighting": self.weighting.state_dict(), "stage": self.stage}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.weighting.load_state_dict(state["weighting"])
        self.stage = int(state["stage"])

    def stage_state(self) -> dict[str, Any]:
        """What stages and levels to come depend on beside the epoch."""
        schedule = self.schedule.state_dict() if isinstance(self.schedule, SignalSchedule) else {}
        return {"reached": self.reached, "schedule": schedule}

    def load_stage_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `stage_state` gave."""
        self.reached = float(state["reached"])
        if isinstance(self.schedule, SignalSchedule):
            self.schedule.load_state_dict(state["schedule"])


def _surrogate(outputs: tuple[Tensor, ...], gradients: tuple[Tensor, ...], value: Tensor) -> Tensor:
    """A number with the given value, and the given gradients over N with respect to outputs (N,3,h,w)."""
    products = [(output.float() * gradient).sum() for output, gradient in zip(outputs, gradients, strict=True)]
    linear = torch.stack(products).sum() / len(outputs[-1])
    return linear - linear.detach() + value
