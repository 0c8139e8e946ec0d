"""The LightningModule: a network, its loss, and, where there are negatives, the contrastive attachment."""

import logging
import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

import lightning.pytorch as lightning
import torch
import torch.distributed
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from cldeblur.data.batch import Batch
from cldeblur.errors import Failed
from cldeblur.evaluation.metrics import METRICS
from cldeblur.evaluation.restoration import restore
from cldeblur.losses.multi_scale import MultiScaleLoss
from cldeblur.networks.outputs import as_outputs
from cldeblur.training.meters import EpochMeter
from cldeblur.training.step import Step

if TYPE_CHECKING:
    from cldeblur.training.attachment import Attachment

logger = logging.getLogger(__name__)
Optimization = Callable[[Iterable[nn.Parameter]], tuple[Optimizer, LRScheduler]]
VALIDATION_METRICS = {"psnr": "psnr", "ssim": "ssim_skimage_gauss"}


class Diverged(Failed):
    """A loss that is not finite; says at which step, in which term, on which images."""

    status = "diverged"


class DeblurModule(lightning.LightningModule):
    """Trains a deblurring network.

    Args:
        network: maps blurred (N,3,H,W) to images, coarse to fine.
        loss: the pixel loss.
        optimization: makes optimiser and scheduler from the network's parameters.
        description: plain data with which the network can be rebuilt; goes into every checkpoint.
        attachment: the contrastive part, or None for plain training.
        seed: of whatever the network draws at random.
        skip_non_finite: leave out a step whose loss is not finite instead of stopping.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: MultiScaleLoss,
        optimization: Optimization,
        description: dict[str, Any],
        attachment: "Attachment | None" = None,
        seed: int = 0,
        skip_non_finite: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self.loss = loss
        self.meter = EpochMeter()
        self.validation_meter = EpochMeter()
        self.attachment = attachment
        self._optimization = optimization
        self._description = description
        self._seed = seed
        self._skip_non_finite = skip_non_finite
        self._leave_out = False
        self._blurred_scores: dict[str, dict[str, float]] = {}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The network's optimiser, and its scheduler, stepped once an epoch."""
        optimizer, scheduler = self._optimization(self.network.parameters())
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "epoch"}}

    def on_fit_start(self) -> None:
        """Bring what Lightning does not know of to the device."""
        if self.device.type == "cuda":
            cast(Any, self.network).to(memory_format=torch.channels_last)
        self.meter.to(self.device)
        if self.attachment is not None:
            self.attachment.term.to(self.device)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Make dropout a function of seed, epoch and batch, so that a resume repeats it."""
        torch.manual_seed((self._seed * 1_000_003 + self.current_epoch * 100_003 + batch_idx) % 2**63)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The mean loss of a micro-batch."""
        outputs = as_outputs(self.network(batch.blurred))
        if self.attachment is None:
            terms = self.loss(outputs, batch.sharp)
            step = Step(terms.total.mean(), terms, torch.zeros_like(terms.total))
        else:
            diagnose = batch_idx // self.trainer.accumulate_grad_batches < self.attachment.diagnosed_batches
            step = self.attachment.step(outputs, batch, self.loss, self.global_step, diagnose, self.meter)
        if self._is_finite(step, batch):
            self.meter.add("train/loss", step.loss.detach().expand(len(batch.names)))
            self.meter.add("train/pixel", step.terms.pixel)
            self.meter.add("train/frequency", step.terms.frequency)
        else:
            self._leave_out = True
        return step.loss

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Close the books of an optimiser step; without gradients it changes nothing."""
        if self._leave_out:
            optimizer.zero_grad(set_to_none=True)
            self._leave_out = False
        if self.attachment is not None:
            self.attachment.finish_step()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """PSNR and SSIM of each image, and of its blurred input."""
        if int(batch.indices[0]) % self.trainer.world_size != self.global_rank:
            return  # a rank without an image of its own keeps others company
        restored = restore(self.network, batch.blurred)
        for place, name in enumerate(batch.names):
            sharp = batch.sharp[place]
            if name not in self._blurred_scores:
                self._blurred_scores[name] = _scores(batch.blurred[place], sharp)
            for metric, value in _scores(restored[place], sharp).items():
                self.validation_meter.add(f"val/{metric}", _number(value))
                self.validation_meter.add("val/finite", _number(math.isfinite(value)))
                self.validation_meter.add(f"val/blurred_{metric}", _number(self._blurred_scores[name][metric]))

    def on_validation_epoch_end(self) -> None:
        """Make the mean PSNR known to the callback that keeps the best checkpoint."""
        means = self.validation_meter.results()
        if means["val/finite"] < 1:
            raise Diverged(
                f"epoch {self.current_epoch}: {1 - means['val/finite']:.0%} of the validation scores are no number"
            )
        self.log("val/psnr", means["val/psnr"], logger=False)

    def epoch_results(self) -> dict[str, float]:
        """All means of the epoch, by their logged names; begins a new epoch. Every rank must ask."""
        found = {**self.meter.results(), **self.validation_meter.results()}
        found.pop("val/finite", None)
        self.meter.reset()
        self.validation_meter.reset()
        if self.attachment is not None:
            found = self.attachment.summary(found)
        return found

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add how to rebuild the network, and what an exact resume needs."""
        checkpoint["cldeblur"] = self._description
        checkpoint["cldeblur_epoch"] = self.meter.state_dict()
        if self.attachment is not None:
            checkpoint["cldeblur_contrast"] = self.attachment.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on inside the epoch, and with the running means of the weight."""
        self.meter.load_state_dict(checkpoint["cldeblur_epoch"])
        if self.attachment is not None and "cldeblur_contrast" in checkpoint:
            self.attachment.load_state_dict(checkpoint["cldeblur_contrast"])

    def _is_finite(self, step: Step, batch: Batch) -> bool:
        """Whether the step may be taken; all ranks answer alike.

        Raises:
            Diverged: it may not, and such steps are not to be skipped.
        """
        named = {"pixel": step.terms.pixel, "frequency": step.terms.frequency, "contrast": step.contrast}
        bad = torch.stack([~torch.isfinite(values).all() for values in named.values()]).any().float()
        if torch.distributed.is_initialized():
            torch.distributed.all_reduce(bad, op=torch.distributed.ReduceOp.MAX)
        if not bad:
            return True
        terms = [name for name, values in named.items() if not torch.isfinite(values).all()]
        where = _where(terms, batch.names)
        sentence = f"epoch {self.current_epoch}, step {self.global_step}: the loss is not finite ({where})"
        if not self._skip_non_finite:
            raise Diverged(sentence)
        logger.warning("%s; this step is left out", sentence)
        return False


def _where(terms: list[str], names: list[str]) -> str:
    """Which terms of the loss are not finite, and in which images, on whatever rank that is; all ranks must ask."""
    found = [(terms, names)]
    if torch.distributed.is_initialized():
        found *= torch.distributed.get_world_size()
        torch.distributed.all_gather_object(found, (terms, names))
    bad = [(terms, names) for terms, names in found if terms]
    return "; ".join(f"term: {', '.join(terms)}; images: {', '.join(names)}" for terms, names in bad)


def _number(value: float) -> Tensor:
    """A score with all its digits."""
    return torch.tensor(value, dtype=torch.float64)


def _scores(image: Tensor, sharp: Tensor) -> dict[str, float]:
    """The validation metrics of one image (3,H,W)."""
    image, sharp = image.float().cpu(), sharp.float().cpu()
    return {short: METRICS[name](image, sharp) for short, name in VALIDATION_METRICS.items()}
