"""Random numbers that depend on a key alone, never on what was drawn before."""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What the numbers are for; the same word of a key gives independent numbers for each purpose.

    Zero is left out, because numpy's seeding takes a key and the same key followed by zeros for one.
    """

    ORDER = 1
    CROP = 2
    SHAKE = 3
    NOISE = 4


def generator(seed: int, *key: int) -> np.random.Generator:
    """Give the generator of (seed, key).

    Args:
        seed: The run's seed, not negative.
        key: Further words, not negative: usually epoch and index, and last the `Stream`.

    Returns:
        A fresh generator: equal arguments give equal numbers in every process and on every rank.
    """
    return np.random.default_rng([seed, *key])
