"""What an objective is a function of, and what it gives."""

import math
from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor

Features = Sequence[Tensor]

# Far below any distance between different images, far above where its square leaves float32.
SMALL = 1e-7


class Terms(NamedTuple):
    """What an objective gives.

    The loss is a function of the two distances alone, so that its gradient splits into pull (through `d_ap`)
    and push (through `d_an`).

    Attributes:
        loss: (N,), one number an image.
        d_ap: (T, N), distance of the anchor to its positive, at each tap; 0, without gradient, where the
            objective does not use it.
        d_an: (T, K, N), distance of the anchor to each of its negatives; (T, 0, N) where the objective uses
            none.
    """

    loss: Tensor
    d_ap: Tensor
    d_an: Tensor


class Distances(NamedTuple):
    """All that an objective's formula may depend on, per tap and image, not below 0.

    Which of them an objective is given says its `uses`; the others are 0, or have no negatives.

    Attributes:
        d_ap: (T, N), of the anchor to its positive.
        d_an: (T, K, N), of the anchor to each of its negatives.
        d_bp: (T, N), of the blurred image to the positive: how much there is to restore. A constant.
        d_np: (T, K, N), of each negative to the positive: how sharp it is. A constant.
    """

    d_ap: Tensor
    d_an: Tensor
    d_bp: Tensor
    d_np: Tensor

    def in_units_of_blur(self) -> Self:
        """The anchor's distances divided by `d_bp`, so that 1 means as far as blurred is from sharp.

        An image that is not blurred has no such unit: its distances become 0, without gradient.
        """
        unit = torch.where(self.d_bp > SMALL, self.d_bp, math.inf)
        return self._replace(d_ap=self.d_ap / unit, d_an=self.d_an / unit[:, None])
