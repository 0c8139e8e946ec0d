"""The loaders of a training run, as Lightning asks for them."""

from collections.abc import Callable
from functools import partial

import lightning.pytorch as lightning
from torch.utils.data import DataLoader

from cldeblur.data.batch import Item, Sample
from cldeblur.data.crops import TrainingCrops, WholeImages
from cldeblur.data.loading import KeyedBatches, LazyLoader, end_workers, whole_image_loader
from cldeblur.data.source import Source


class DeblurData(lightning.LightningDataModule):
    """Training crops and whole validation images of a data set.

    Args:
        source: reads pairs.
        training: items to cut crops from.
        validation: items to validate on, whole.
        crop: side of the crops, pixels.
        flips: `none`, `horizontal` or `all`.
        global_batch: images per optimiser step over all ranks and micro-batches.
        workers: loader processes.
        seed: of crops, flips, order and synthesised blur.
        crops_per_image: crops that an epoch takes of each image.

    Attributes:
        steps: optimiser steps an epoch.

    Raises:
        Refused: images are smaller than the crop, or there are fewer crops than one step takes.
    """

    def __init__(
        self,
        source: Source,
        training: list[Item],
        validation: list[Item],
        crop: int,
        flips: str,
        global_batch: int,
        workers: int,
        seed: int,
        crops_per_image: int,
    ) -> None:
        super().__init__()
        self.crops = TrainingCrops(source, training, crop, seed, flips, crops_per_image)
        self.images = WholeImages(source, validation)
        self.steps = len(KeyedBatches(len(self.crops), global_batch, seed))
        self._global_batch = global_batch
        self._workers = workers
        self._seed = seed
        self._endings: list[Callable[[], None]] = []

    def train_dataloader(self) -> LazyLoader:
        """Micro-batches of this rank, from wherever the run stands."""
        trainer = self._present_trainer()
        loader = LazyLoader(
            self.crops,
            global_batch=self._global_batch,
            seed=self._seed,
            workers=self._workers,
            position=lambda: (trainer.current_epoch, trainer.fit_loop.batch_idx + 1),
            rank=trainer.global_rank,
            world_size=trainer.world_size,
            accumulate=trainer.accumulate_grad_batches,
            pin_memory=trainer.strategy.root_device.type == "cuda",
        )
        self._endings.append(loader.close)
        return loader

    def val_dataloader(self) -> DataLoader[Sample]:
        """Whole images, each on one rank; a rank for which none is left gets one that another scores.

        Lightning leaves out the validation of a rank that has nothing to validate, and the others would wait for it.
        """
        trainer = self._present_trainer()
        first = trainer.global_rank % len(self.images)
        loader = whole_image_loader(self.images, self._workers, first, trainer.world_size)
        self._endings.append(partial(end_workers, loader))
        return loader

    def teardown(self, stage: str) -> None:
        """End the loader processes after a training."""
        while self._endings:
            self._endings.pop()()

    def on_exception(self, exception: BaseException) -> None:
        """End the loader processes after a training that was cut short."""
        self.teardown("fit")

    @property
    def left_out(self) -> int:
        """Crops of an epoch that do not fill a step."""
        return len(self.crops) % self._global_batch

    def _present_trainer(self) -> lightning.Trainer:
        if self.trainer is None:
            raise RuntimeError("the loaders of a run are asked for by its Trainer")
        return self.trainer
