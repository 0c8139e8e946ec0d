"""AECR-Net's contrastive regularisation as published, for parity."""

from torch import Tensor

from cldeblur.contrast.objectives.ratio import Ratio


class BatchRatio(Ratio):
    """The ratio of distances averaged over the batch: one value, given N times (Wu et al., CVPR 2021).

    What it means changes with batch size, accumulation and number of devices.
    """

    def quotient(self, d_ap: Tensor, d_an: Tensor) -> Tensor:
        """The ratio of the batch's mean distances, repeated to (T, K, N)."""
        ratio = d_ap.mean(-1, keepdim=True) / (d_an.mean(-1, keepdim=True) + self.epsilon)
        return ratio.expand_as(d_an)
