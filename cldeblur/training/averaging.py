"""Averaged weights (EMA) on the device where the network is."""

import lightning.pytorch as lightning
from lightning.pytorch.callbacks import EMAWeightAveraging


class AveragedWeights(EMAWeightAveraging):
    """Lightning's exponential moving average of the weights, from the first step on.

    Lightning makes the copy before the network has moved to its device and leaves it on the CPU, so that every
    update would wait for a transfer; this one follows the network.
    """

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Move the averaged copy to the network's device."""
        if self._average_model is not None:
            self._average_model.to(pl_module.device)
