"""Values out of a config file, which is not typed: what is no number is refused by its key, before work begins."""

import math
from collections.abc import Sequence

from cldeblur.errors import Refused


def whole(key: str, value: int, least: int = 1) -> int:
    """The value of a key, if it is a whole number that is not too small.

    Raises:
        Refused: it is not.
    """
    # True is an int to Python; half an epoch would be noticed only in the middle of the training.
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise Refused(f"{key} must be a whole number and at least {least}; it is {value}")
    return value


def real(key: str, value: float) -> float:
    """The value of a key, if it is a finite number.

    Raises:
        Refused: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Refused(f"{key} must be a finite number; it is {value}")
    return float(value)


def reals(key: str, values: Sequence[float]) -> tuple[float, ...]:
    """The values of a key, if it holds finite numbers, in [brackets].

    Raises:
        Refused: it does not.
    """
    if not isinstance(values, list | tuple):
        raise Refused(f"{key} must be a list of numbers, such as [1, 2]; it is {values}")
    return tuple(real(key, value) for value in values)
