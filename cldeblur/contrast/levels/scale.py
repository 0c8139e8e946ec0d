"""The scale of levels: how a level, a gain in decibels and a generator's sharpness belong together."""

import math

from cldeblur.contrast.negatives.generator import Generator


def gain(level: float) -> float:
    """Gain of a level in [0, 1), in dB: how far the PSNR of its negatives to sharp lies above the blurred's."""
    return -20 * math.log10(1 - level)


def level_of_gain(decibels: float) -> float:
    """Level in [0, 1) of a gain in dB, not below 0; the inverse of `gain`."""
    return 1 - math.pow(10, -decibels / 20)


def matching_note(generator: Generator, match: str) -> str | None:
    """What a user must know who wants a generator's levels matched that cannot be; None where all is well."""
    if match == "raw" or generator.matched or not generator.uses_level:
        return None
    name = type(generator).__name__
    return f"levels.match=psnr has no effect on {name}: its PSNR to sharp does not follow its level, taken raw"
