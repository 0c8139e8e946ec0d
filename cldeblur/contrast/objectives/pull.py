"""The pull alone: a perceptual loss, the control of every contrast."""

from typing import ClassVar

from torch import Tensor

from cldeblur.contrast.objectives.objective import Objective
from cldeblur.contrast.objectives.terms import Distances


class Pull(Objective):
    """Per image and tap, d_ap: no negative takes part (AECR-Net's ablation; Wu et al., CVPR 2021).

    Negatives are chosen all the same (`negatives=blurred`), to say that there is a contrastive part; their features
    are never computed. The gradient's length hardly changes along a training. Distances are raw: a tap counts by
    the size of its activations too.
    """

    uses: ClassVar[frozenset[str]] = frozenset({"d_ap"})

    def tap_losses(self, found: Distances) -> Tensor:
        """The distances to the positives, (T, N)."""
        return found.d_ap
