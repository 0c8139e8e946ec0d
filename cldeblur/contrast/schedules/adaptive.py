"""Stages that begin when the training is ready for them."""

import math
from bisect import bisect_right
from statistics import linear_regression
from typing import Any

from cldeblur.contrast.schedules.schedule import SignalSchedule
from cldeblur.contrast.values import real, whole
from cldeblur.errors import Refused


class Adaptive(SignalSchedule):
    """The next stage begins once a measured signal has stayed low, or has stopped changing.

    Both are judged at an epoch's end, over the last `patience` values of the present stage. The signal is low if all
    of them lie below `bound`. It has stopped changing if the straight line fitted to them (least squares) rises or
    falls by less than `change` from the first to the last: unlike their range, the line hardly grows with the noise
    of a signal that is measured on a few images. Epochs without a value do not count, and nothing is decided then.
    """

    def __init__(self, signal: str, bound: float | None, change: float, patience: int, stages: int) -> None:
        """Take what to look at and what to wait for.

        Args:
            signal: a column of `metrics.csv` that is a mean over images.
            bound: below which the signal is low, in its own unit; None: only whether it changes counts.
            change: by less than which it has stopped changing, in its own unit; 0: only the bound counts.
            patience: epochs that are judged together, and the fewest that a stage lasts; at least 1, and 2 where
                `change` counts.
            stages: number of stages, at least 1.

        Raises:
            Refused: a number lies outside its range, or the stage could never change.
        """
        self.stages = whole("schedule.stages", stages)
        if real("schedule.change", change) < 0:
            raise Refused(f"schedule.change must not be negative; it is {change}")
        if bound is None and change == 0:
            raise Refused("schedule.bound=null and schedule.change=0 never begin a stage; set one of them")
        self.signal = signal
        self._bound = -math.inf if bound is None else real("schedule.bound", bound)
        self._change = change
        self._patience = whole("schedule.patience", patience, least=2 if change > 0 else 1)
        self._beginnings: list[int] = []
        self._values: list[float] = []

    def stage(self, epoch: int, /) -> int:
        """Number of later stages that had begun by an epoch."""
        return bisect_right(self._beginnings, epoch)

    def standstill(self, epochs: int, /) -> str | None:
        """Why a run of so many epochs cannot leave stage 0; None where it can, whether it will or not."""
        if self.stages == 1 or self._patience < epochs:
            return None
        return (
            f"schedule.patience={self._patience} leaves no epoch for stage 1: schedule.signal={self.signal} is "
            f"measured {epochs} times in this run; shorten it, or raise trainer.max_epochs"
        )

    def observe(self, epoch: int, value: float | None, /) -> None:
        """Begin the next stage with the next epoch, if the signal of this one says so."""
        if value is None or not math.isfinite(value) or len(self._beginnings) == self.stages - 1:
            return
        # No more of them are ever looked at, and the state goes into every checkpoint.
        self._values = [*self._values, value][-self._patience :]
        if len(self._values) == self._patience and (self._is_low() or self._stands_still()):
            self._beginnings.append(epoch + 1)
            self._values = []

    def state_dict(self) -> dict[str, Any]:
        """The epochs at which stages began, and the present stage's last values."""
        return {"beginnings": [*self._beginnings], "values": [*self._values]}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on from what `state_dict` gave."""
        self._beginnings, self._values = [*state["beginnings"]], [*state["values"]]

    def _is_low(self) -> bool:
        return max(self._values) < self._bound

    def _stands_still(self) -> bool:
        if self._change == 0:
            return False
        places = range(len(self._values))
        return abs(linear_regression(places, self._values).slope) * places[-1] < self._change
