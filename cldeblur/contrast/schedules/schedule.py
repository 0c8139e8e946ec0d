"""What every schedule is."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar


class Schedule(ABC):
    """Maps the epoch to a stage, and nothing else: a resumed run is at the stage it would have been at.

    Attributes:
        rising: whether the stage never falls as epochs pass.
        foreseen: whether the stage of every epoch is known before training.
        remedy: what a user may do whose run ends before the stage has changed.
        stages: number of stages, stage 0 included.
    """

    rising: ClassVar[bool] = True
    foreseen: ClassVar[bool] = True
    remedy: ClassVar[str] = "raise trainer.max_epochs"
    stages: int

    @abstractmethod
    def stage(self, epoch: int, /) -> int:
        """Stage of an epoch (counted from 0), in 0 … stages - 1."""

    def standstill(self, epochs: int, /) -> str | None:
        """Why a run of so many epochs would not see the negatives change, in a sentence; None where it would."""
        seen = {self.stage(epoch) for epoch in range(epochs)}
        if self.stages == 1 or len(seen) > 1:
            return None
        return f"the schedule never leaves stage {seen.pop()} within trainer.max_epochs={epochs}: {self.remedy}"


class SignalSchedule(Schedule):
    """A schedule that looks at how the training goes, and has a state therefore.

    The stage of an epoch is settled when the epoch before it ends: `stage` may be asked for every epoch up to the
    one after the last that was observed, and answers the same whenever it is asked.

    Attributes:
        signal: the column of `metrics.csv` to look at.
    """

    foreseen = False
    signal: str

    @abstractmethod
    def observe(self, epoch: int, value: float | None, /) -> None:
        """Take in the signal of an epoch that has ended.

        Every process must call this with the same values, once an epoch, in their order.

        Args:
            epoch: counted from 0.
            value: the signal's; None where it was not measured, or is not finite.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Plain numbers and lists from which a resumed run goes on exactly."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on from what `state_dict` gave."""
