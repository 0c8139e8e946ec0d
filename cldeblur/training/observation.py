"""What is logged of the contrastive part of a micro-batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cldeblur.contrast.diagnosis import Diagnosis
from cldeblur.contrast.diagnostics import TINY, alignment, gradient_norms, negative_psnr, overtaken, push_fraction
from cldeblur.contrast.term import ContrastResult
from cldeblur.contrast.weighting import Combined
from cldeblur.training.meters import EpochMeter

WEIGHTED_ENERGY, PIXEL_ENERGY = "contrast/weighted_energy", "contrast/pixel_energy"


@dataclass(frozen=True)
class Observation:
    """The contrastive part of a micro-batch of N images.

    Attributes:
        restored: (N,3,H,W).
        sharp: (N,3,H,W).
        weight: of the contrastive term.
        pixel_norms: (N,), of the pixel gradients.
        combined: the contrastive gradient as it acts.
        result: what the term itself said.
    """

    restored: Tensor
    sharp: Tensor
    weight: float
    pixel_norms: Tensor
    combined: Combined
    result: ContrastResult


def note(meter: EpochMeter, seen: Observation, taps: Sequence[str]) -> None:
    """Add an observation to the epoch's means and quartiles."""
    result = seen.result
    meter.add("train/contrast", result.loss)
    meter.add("contrast/weight", torch.tensor(seen.weight, dtype=torch.float64))
    meter.add("contrast/clipped", seen.combined.clipped)
    meter.add(WEIGHTED_ENERGY, (seen.weight * gradient_norms(result.gradient)).double().square())
    meter.add(PIXEL_ENERGY, seen.pixel_norms.double().square())
    meter.add_spread("contrast/gradient_ratio", seen.combined.ratios)
    meter.add("contrast/negative_psnr", negative_psnr(result.negatives, seen.sharp))
    meter.add("contrast/overtaken", overtaken(seen.restored, seen.sharp, result.negatives))
    if result.diagnosis is not None:
        _note_diagnosis(meter, seen, result.diagnosis, taps)


def with_gradient_ratio(means: Mapping[str, float]) -> dict[str, float]:
    """An epoch's means with the gradient ratio of all its images in place of the two energies that it is made of.

    It has none where no step of the epoch was taken.
    """
    found = {name: value for name, value in means.items() if name not in (WEIGHTED_ENERGY, PIXEL_ENERGY)}
    pixel = means.get(PIXEL_ENERGY, 0.0)
    if pixel > 0:
        found["contrast/gradient_ratio"] = (means[WEIGHTED_ENERGY] / pixel) ** 0.5
    return found


def _note_diagnosis(meter: EpochMeter, seen: Observation, found: Diagnosis, taps: Sequence[str]) -> None:
    pixel_norms = seen.pixel_norms.clamp_min(TINY)
    meter.add("contrast/pull", seen.weight * gradient_norms(found.pull) / pixel_norms)
    meter.add("contrast/push", seen.weight * gradient_norms(found.push) / pixel_norms)
    meter.add("contrast/push_fraction", push_fraction(found.pull, found.push))
    meter.add("contrast/alignment", alignment(found.push, found.anchor, found.positive))
    for tap, pull, push in zip(taps, found.tap_pull, found.tap_push, strict=True):
        # Where there is no push the quotient has no value, and the mean leaves it out.
        meter.add(f"contrast/pull_push/{tap}", pull / push)
