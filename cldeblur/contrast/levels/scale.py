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
    if match == "raw":
        return None
    reasons = {type(part).__name__: _reason(part) for part in generator.makers if not part.matched}
    said = [f"levels.match=psnr has no effect on {name}: {reason}" for name, reason in reasons.items() if reason]
    return "; ".join(said) or None


def _reason(generator: Generator) -> str | None:
    """Why a generator's levels are not matched; None where it has none to match."""
    if generator.uses_level:
        return "its PSNR to sharp does not follow its level, taken raw"
    return "it is as sharp as its network was, at any level" if "network" in generator.uses else None
