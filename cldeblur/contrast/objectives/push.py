"""The push alone."""

from typing import ClassVar

from torch import Tensor

from cldeblur.contrast.objectives.objective import Objective
from cldeblur.contrast.objectives.terms import Distances


class Push(Objective):
    """Per image and tap, -d_an, the mean over negatives: no positive takes part (MCLIR, AAAI 2024).

    Below 0 and not bounded: the pixel loss alone keeps the image where it belongs. The gradient's length hardly
    changes along a training, and it has no singularity where anchor and negative meet. Distances are raw: a tap
    counts by the size of its activations too.
    """

    uses: ClassVar[frozenset[str]] = frozenset({"d_an"})

    def tap_losses(self, found: Distances) -> Tensor:
        """The distances to the negatives, turned round, (T, N)."""
        return -found.d_an.mean(1)
