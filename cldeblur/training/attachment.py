"""The contrastive term joined to a training step: weight, one backward through the network, and what is logged."""

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from cldeblur.contrast.diagnostics import alignment, gradient_norms, negative_psnr, overtaken, push_fraction
from cldeblur.contrast.levels.curve import LevelCurve
from cldeblur.contrast.schedules.schedule import Schedule
from cldeblur.contrast.term import ContrastiveTerm, ContrastResult
from cldeblur.contrast.weighting import Weighting
from cldeblur.data.batch import Batch
from cldeblur.losses.multi_scale import LossTerms, MultiScaleLoss
from cldeblur.training.meters import EpochMeter, sum_over_ranks


@dataclass
class Step:
    """One micro-batch: the loss to differentiate, and the real values (N,) of its terms."""

    loss: Tensor
    terms: LossTerms
    contrast: Tensor


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
    ) -> None:
        self.term = term
        self.weighting = weighting
        self.schedule = schedule
        self.levels = levels
        self.diagnosed_batches = diagnosed_batches
        self.stage = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    @property
    def level(self) -> float:
        """The level of the present stage."""
        return self.levels.level(self.stage, self.schedule.stages)

    def enter(self, epoch: int) -> bool:
        """Take the stage that the schedule gives `epoch`; says whether it is another one."""
        stage = self.schedule.stage(epoch)
        changed = stage != self.stage
        self.stage = stage
        self.term.level = self.level
        return changed

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
            result = self.term.measure(leaves[-1].detach(), batch.blurred, batch.sharp, diagnose)
            weight = self.weighting.weight(number)
            scaled, ratio, clipped = self.weighting.combine(gradients[-1], result.gradient, weight)
            self.weighting.observe(gradient_norms(gradients[-1]), gradient_norms(result.gradient))
            combined = (*gradients[:-1], gradients[-1] + scaled)
            surrogate = sum(
                ((output.float() * gradient).sum() for output, gradient in zip(outputs, combined, strict=True)),
                start=torch.zeros((), device=outputs[-1].device),
            ) / len(batch.names)
            value = (terms.total + weight * result.loss).mean().detach()
        self._note(meter, batch, leaves[-1].detach(), weight, ratio, clipped, result)
        if result.diagnosis is not None:
            self._note_diagnosis(meter, batch, leaves[-1].detach(), weight, gradients[-1], result)
        return Step(surrogate - surrogate.detach() + value, terms, result.loss)

    def finish_step(self) -> None:
        """Take the norms of an optimiser step into the running means, over all ranks."""
        self.weighting.finish_step(sum_over_ranks)

    def state_dict(self) -> dict[str, Any]:
        """What a resume needs beside the epoch."""
        return {"weighting": self.weighting.state_dict(), "stage": self.stage}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.weighting.load_state_dict(state["weighting"])
        self.stage = int(state["stage"])

    def _note(
        self,
        meter: EpochMeter,
        batch: Batch,
        restored: Tensor,
        weight: float,
        ratio: Tensor,
        clipped: Tensor,
        result: ContrastResult,
    ) -> None:
        meter.add("train/contrast", result.loss)
        meter.add("contrast/weight", ratio.new_tensor(weight))
        meter.add("contrast/clipped", clipped)
        meter.add("contrast/squared_ratio", ratio.double() ** 2)
        meter.add_spread("contrast/gradient_ratio", ratio)
        meter.add("contrast/negative_psnr", negative_psnr(result.negatives, batch.sharp))
        meter.add("contrast/overtaken", overtaken(restored, batch.sharp, result.negatives))

    def _note_diagnosis(
        self,
        meter: EpochMeter,
        batch: Batch,
        restored: Tensor,
        weight: float,
        pixel: Tensor,
        result: ContrastResult,
    ) -> None:
        found = result.diagnosis
        if found is None:
            return
        pixel_norms = gradient_norms(pixel).clamp_min(1e-20)
        meter.add("contrast/pull", weight * gradient_norms(found.pull) / pixel_norms)
        meter.add("contrast/push", weight * gradient_norms(found.push) / pixel_norms)
        meter.add("contrast/push_fraction", push_fraction(found.pull, found.push))
        meter.add("contrast/alignment", alignment(found.push, restored, batch.sharp))
        for tap, pull, push in zip(self.term.features.taps, found.tap_pull, found.tap_push, strict=True):
            meter.add(f"contrast/pull_push/{tap}", pull / push)
