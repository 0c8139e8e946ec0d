"""AECR-Net's and CSD's contrastive regularisation as published, for parity."""

from typing import ClassVar

from torch import Tensor

from cldeblur.contrast.objectives.ratio import Ratio


class BatchRatio(Ratio):
    """The ratio of distances averaged over the batch, mean d_ap / (mean d_an + epsilon): one value, given N times.

    With one negative it is AECR-Net's (Wu et al., CVPR 2021), with `combine=sum` CSD's (Wang et al., IJCAI 2021).
    What it means changes with batch size, accumulation and number of devices. Its gradient along a training is
    the ratio's, but an image's share of it depends on its mates.
    """

    per_image: ClassVar[bool] = False

    def pair_losses(self, d_ap: Tensor, d_an: Tensor) -> Tensor:
        """The ratio of the batch's mean distances, repeated to (T, K, N)."""
        ratio = d_ap.mean(-1, keepdim=True) / (d_an.mean(-1, keepdim=True) + self.epsilon)
        return ratio.expand_as(d_an)
