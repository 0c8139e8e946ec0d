"""Stages of equal length in an order drawn at random: the control arm that tells progress from mere variety."""

import numpy as np

from cldeblur.contrast.schedules.interval import ByInterval


class Random(ByInterval):
    """A stage drawn for every interval, so that each `stages` intervals in a row, from the first on, have every stage.

    The draw is a shuffle, not one of each interval's own: the arm differs from equal intervals in their order alone,
    and not in how long it trains at each stage. It is a function of the seed and the interval's number.
    """

    rising = False

    def __init__(self, interval: int | None, stages: int, max_epochs: int, seed: int) -> None:
        """Take the length and the number of stages.

        Args:
            interval: as in `ByInterval`.
            stages: as in `ByInterval`.
            max_epochs: as in `ByInterval`.
            seed: the run's, not negative: arms of another seed have another order.

        Raises:
            Refused: a number lies outside its range.
        """
        super().__init__(interval, stages, max_epochs)
        self._seed = seed

    def stage_of_interval(self, interval: int, /) -> int:
        """What the shuffle of the interval's round gives it."""
        shuffle, place = divmod(interval, self.stages)
        return int(np.random.default_rng([self._seed, shuffle]).permutation(self.stages)[place])
