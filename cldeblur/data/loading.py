"""Which pairs make up which step, and loaders that can go on from any step."""

import atexit
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.synchronize import Event
from types import FrameType

import torch
from torch.utils.data import DataLoader, Sampler
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from cldeblur.data.batch import Batch, Sample, collate
from cldeblur.data.crops import TrainingCrops, WholeImages
from cldeblur.data.randomness import Stream, generator
from cldeblur.errors import Refused


class KeyedBatches(Sampler[list[tuple[int, int]]]):
    """The micro-batches of one rank in one epoch, as lists of (epoch, index).

    The order of an epoch is a function of (seed, epoch). Each optimiser step takes the next
    `global_batch` indices of it, cut into micro-batches over accumulation and ranks; so the images
    of a step are the same however it is cut. An incomplete last step is dropped.

    Args:
        images: Number of images of an epoch.
        global_batch: Images per optimiser step over all ranks and accumulation.
        seed: The run's seed.
        rank: This process's number.
        world_size: Number of processes.
        accumulate: Micro-batches that each rank sums up to one step.

    Attributes:
        epoch: The epoch that iterating gives.
        done: Micro-batches of this rank that it leaves out at the front.

    Raises:
        Refused: There are fewer images than one step takes, or a step cannot be cut evenly.
    """

    def __init__(
        self,
        images: int,
        global_batch: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        accumulate: int = 1,
    ) -> None:
        if images < global_batch:
            raise Refused(f"data.global_batch is {global_batch}, but there are {images} images to train on")
        if global_batch < 1 or global_batch % (world_size * accumulate):
            raise Refused(
                f"data.global_batch is {global_batch}; it must be a multiple of "
                f"{world_size} devices x trainer.accumulate={accumulate}"
            )
        self.images = images
        self.global_batch = global_batch
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.accumulate = accumulate
        self.epoch = 0
        self.done = 0

    def __len__(self) -> int:
        """Count the micro-batches of a whole epoch, whatever `done` is."""
        return self.images // self.global_batch * self.accumulate

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        # Read once: loader processes are fed ahead, while the attributes may already say the next pass.
        epoch = self.epoch
        order = generator(self.seed, epoch, Stream.ORDER).permutation(self.images).tolist()
        size = self.global_batch // (self.world_size * self.accumulate)
        for micro_batch in range(self.done, len(self)):
            # Steps follow one another in `order`; within a step, a rank's parts lie world_size apart.
            start = (micro_batch * self.world_size + self.rank) * size
            yield [(epoch, index) for index in order[start : start + size]]


class LazyLoader:
    """Batches of training crops that go on where the training stands.

    Nothing starts before the first `next()`. Only then is `position` asked, because a resumed
    training knows where it is only after its loader was made and `iter()` was called.

    Args:
        dataset: The crops.
        global_batch: Images per optimiser step over all ranks and accumulation.
        seed: The run's seed.
        workers: Loader processes, kept over epochs; 0 loads in this process.
        position: Gives the epoch and the micro-batches of it that are done.
        rank: This process's number.
        world_size: Number of processes.
        accumulate: Micro-batches that each rank sums up to one step.
        pin_memory: Whether batches go to page-locked memory, for a GPU.

    Raises:
        Refused: As `KeyedBatches`.
    """

    def __init__(
        self,
        dataset: TrainingCrops,
        global_batch: int,
        seed: int,
        workers: int,
        position: Callable[[], tuple[int, int]],
        rank: int = 0,
        world_size: int = 1,
        accumulate: int = 1,
        pin_memory: bool = False,
    ) -> None:
        self.batches = KeyedBatches(len(dataset), global_batch, seed, rank, world_size, accumulate)
        self.position = position
        # With a generator of its own a loader leaves torch's global random state alone.
        self._loader: DataLoader[Sample] = DataLoader(
            dataset,
            batch_sampler=self.batches,
            num_workers=workers,
            collate_fn=collate,
            generator=torch.Generator(),
            pin_memory=pin_memory,
            persistent_workers=workers > 0,
            worker_init_fn=_worker_start(),
        )

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        # A generator's body runs at the first next(); workers fetch ahead as soon as their loader is iterated.
        self.batches.epoch, self.batches.done = self.position()
        yield from self._loader

    @property
    def dropped(self) -> int:
        """Images that an epoch leaves out, because they do not fill a step."""
        return self.batches.images % self.batches.global_batch

    def close(self) -> None:
        """End the loader processes."""
        end_workers(self._loader)

    def state_dict(self) -> dict[str, int]:
        """Give nothing: the position is the trainer's. Lightning warns of loaders without this."""
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Take nothing."""


def whole_image_loader(dataset: WholeImages, workers: int, rank: int = 0, world_size: int = 1) -> DataLoader[Sample]:
    """Load one image a batch; each image goes to exactly one rank, without padding.

    Args:
        dataset: The images.
        workers: Loader processes, kept between uses; 0 loads in this process.
        rank: This process's number.
        world_size: Number of processes; with more of them than images some get none.

    Returns:
        A loader that gives a `Batch` of one image at a time.
    """
    return DataLoader(
        dataset,
        batch_size=1,
        sampler=range(rank, len(dataset), world_size),
        num_workers=workers,
        collate_fn=collate,
        generator=torch.Generator(),
        persistent_workers=workers > 0,
        worker_init_fn=_worker_start(),
    )


def end_workers(loader: DataLoader[Sample]) -> None:
    """End a loader's processes.

    The garbage collector would as well, but it may close their queues first and then wait for each of them in vain.
    """
    iterator = loader._iterator
    if isinstance(iterator, _MultiProcessingDataLoaderIter):
        iterator._shutdown_workers()
    loader._iterator = None


def _worker_start() -> Callable[[int], None]:
    """What each loader process does first: leave it to the training when to stop.

    Ctrl-C and a cluster's signals reach the workers as well; a worker that dies of one takes the training along before
    it can save. So they ignore them, but for the SIGTERM with which Python clears up its children when it exits.
    """
    exiting = multiprocessing.Event()
    atexit.register(exiting.set)
    return partial(_leave_signals_to_parent, exiting)


def _leave_signals_to_parent(exiting: Event, worker: int) -> None:
    def stop_with_parent(number: int, frame: FrameType | None) -> None:
        del number, frame
        if exiting.is_set():
            os._exit(0)

    del worker
    signal.signal(signal.SIGTERM, stop_with_parent)
    for number in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
