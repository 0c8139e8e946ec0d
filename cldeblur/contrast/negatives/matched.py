"""What generators have in common whose sharpness is a matter of one number an image."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from torch import Tensor

from cldeblur.contrast.negatives.generator import Generator

State = TypeVar("State")
HALVINGS = 14


class MatchedGenerator(Generator, Generic[State]):
    """One negative an image, whose amount of sharpening is chosen so that its PSNR to S is that of the level.

    What does not depend on the amount is computed once a batch. Then the amount of every image is found by
    halvings over the whole batch at once. With raw levels the amount is the level itself.
    """

    uses = frozenset({"sharp"})
    matched = True
    claims = "psnr"

    def __init__(self) -> None:
        super().__init__()
        self._match = "psnr"

    @abstractmethod
    def prepare(self, blurred: Tensor, sharp: Tensor, /) -> State:
        """What the negatives (N, 3, H, W) of all amounts have in common."""

    @abstractmethod
    def at(self, state: State, amounts: Tensor, /) -> Tensor:
        """Negatives (N, 3, H, W) at amounts (N,) in [0, 1]: about B at 0 and S at 1, without a jump between."""

    def take_levels(self, levels: Sequence[float], match: str) -> None:
        """Take what levels mean."""
        del levels
        self._match = match

    def make(self, blurred: Tensor, sharp: Tensor, level: float, /) -> Tensor:
        """The images at the amounts that the level asks for, as (1, N, 3, H, W)."""
        # Rounding apart, `at` gives it too; level 0 is B to the bit.
        if level == 0:
            return blurred[None]
        state = self.prepare(blurred, sharp)
        if self._match == "raw":
            return self.at(state, blurred.new_full((len(blurred),), level))[None]
        allowed = (1 - level) ** 2 * _squared_error(blurred, sharp)

        def is_too_blurred(amounts: Tensor) -> Tensor:
            return _squared_error(self.at(state, amounts).clamp(0, 1), sharp) > allowed

        return self.at(state, halved(is_too_blurred, allowed.new_ones(len(blurred))))[None]


def halved(is_below: Callable[[Tensor], Tensor], top: Tensor) -> Tensor:
    """The places, to within top / 2^14, where a condition ceases to hold.

    Args:
        is_below: whether each of the values (N,) lies below its place, (N,) bool.
        top: (N,), the places lie in [0, top].
    """
    low, step = top.new_zeros(top.shape), top
    for _ in range(HALVINGS):
        step = step / 2
        low = low + step * is_below(low + step)
    return low + step / 2


def _squared_error(images: Tensor, sharp: Tensor) -> Tensor:
    """Mean squared error (N,)."""
    return (images - sharp).square().mean((1, 2, 3))
