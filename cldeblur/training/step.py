"""What a training step computes."""

from dataclasses import dataclass

from torch import Tensor

from cldeblur.losses.multi_scale import LossTerms


@dataclass
class Step:
    """One micro-batch: the loss to differentiate, and the real values (N,) of its terms."""

    loss: Tensor
    terms: LossTerms
    contrast: Tensor
