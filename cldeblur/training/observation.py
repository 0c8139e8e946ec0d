"""What is logged of the contrastive part of a micro-batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cldeblur.contrast.diagnostics import TINY, alignment, gradient_norms, negative_psnr, overtaken, psnr, push_fraction
from cldeblur.contrast.levels.scale import level_of_gain
from cldeblur.contrast.pull_push import Diagnosis
from cldeblur.contrast.term import ContrastResult
from cldeblur.contrast.weighting import Combined
from cldeblur.training.meters import EpochMeter

WEIGHTED_ENERGY, PIXEL_ENERGY = "contrast/weighted_energy", "contrast/pixel_energy"
GAIN = "contrast/gain"


@dataclass(frozen=True)
class Observation:
    """The contrastive part of a micro-batch of N images.

    Attributes:
        restored: (N,3,H,W).
        blurred: (N,3,H,W).
        sharp: (N,3,H,W).
        weight: of the contrastive term.
        pixel_norms: (N,), of the pixel gradients.
        combined: the contrastive gradient as it acts.
        result: what the term itself said.
    """

    restored: Tensor
    blurred: Tensor
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
    meter.add_spread(GAIN, psnr(seen.restored, seen.sharp) - psnr(seen.blurred, seen.sharp))
    meter.add("contrast/overtaken", overtaken(seen.restored, seen.sharp, result.negatives))
    if result.diagnosis is not None:
        _note_diagnosis(meter, seen, result.diagnosis, taps)


def concluded(means: Mapping[str, float]) -> dict[str, float]:
    """An epoch's means with what follows from some of them in those ones' place.

    The two energies give the gradient ratio of all images; the median gain of the restored images over the blurred
    ones, in dB of PSNR to sharp, gives the level that they have reached, not below 0. There is none of either where
    no step of the epoch was taken.
    """
    found = {name: value for name, value in means.items() if not name.startswith((WEIGHTED_ENERGY, PIXEL_ENERGY, GAIN))}
    # Not the mean: a crop that is not blurred can lose 50 dB.
    median = means.get(f"{GAIN}_q50")
    if median is not None:
        found["contrast/reached"] = max(0.0, level_of_gain(median))
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
