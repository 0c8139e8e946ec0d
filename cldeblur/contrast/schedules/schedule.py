"""What every schedule is."""

from abc import ABC, abstractmethod
from typing import ClassVar


class Schedule(ABC):
    """Maps the epoch to a stage, and nothing else: a resumed run is at the stage it would have been at.

    Attributes:
        stages: number of stages, stage 0 included.
        foreseen: whether the stage of every epoch is known before training.
    """

    stages: int
    foreseen: ClassVar[bool] = True

    @abstractmethod
    def stage(self, epoch: int, /) -> int:
        """Stage of an epoch (counted from 0), in 0 … stages - 1; it does not fall as epochs pass."""
