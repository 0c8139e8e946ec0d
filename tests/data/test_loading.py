"""Order, splitting and continuation of batches."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cldeblur.data.batch import Batch
from cldeblur.data.crops import TrainingCrops, WholeImages
from cldeblur.data.folder import Folder
from cldeblur.data.loading import KeyedBatches, LazyLoader, whole_image_loader
from cldeblur.errors import Refused

Pairs = Callable[..., Path]
CUTS = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 4), (4, 1), (2, 4), (8, 1)]


def steps_of(images: int, seed: int, epoch: int, world_size: int, accumulate: int) -> list[list[int]]:
    """Collect the images of each optimiser step of 8 over all ranks and micro-batches."""
    ranks = [KeyedBatches(images, 8, seed, rank, world_size, accumulate) for rank in range(world_size)]
    for rank in ranks:
        rank.epoch = epoch
    parts = list(chain.from_iterable(zip(*ranks, strict=True)))
    assert {number for part in parts for number, _ in part} <= {epoch}
    order = [index for part in parts for _, index in part]
    return [order[start : start + 8] for start in range(0, len(order), 8)]


@given(images=st.integers(8, 60), seed=st.integers(0, 99), epoch=st.integers(0, 99), cut=st.sampled_from(CUTS))
def test_a_step_has_the_same_images_however_it_is_cut(images: int, seed: int, epoch: int, cut: tuple[int, int]) -> None:
    steps = steps_of(images, seed, epoch, *cut)
    assert steps == steps_of(images, seed, epoch, 1, 1)
    taken = list(chain.from_iterable(steps))
    assert len(taken) == len(set(taken)) == images // 8 * 8


@given(images=st.integers(8, 60), done=st.integers(0, 30), cut=st.sampled_from(CUTS))
def test_going_on_gives_the_rest(images: int, done: int, cut: tuple[int, int]) -> None:
    batches = KeyedBatches(images, 8, 1, cut[0] - 1, *cut)
    whole = list(batches)
    assert len(whole) == len(batches)
    batches.done = done
    assert list(batches) == whole[done:]
    assert len(batches) == len(whole)


def test_epochs_and_seeds_have_their_own_order() -> None:
    orders = {str(steps_of(40, seed, epoch, 1, 1)) for seed in (0, 1) for epoch in (0, 1)}
    assert len(orders) == 4


def test_impossible_steps_are_refused() -> None:
    with pytest.raises(Refused, match=r"data\.global_batch is 8, but there are 7 images"):
        KeyedBatches(7, 8, 0)
    with pytest.raises(Refused, match=r"data\.global_batch is 8; it must be a multiple of 2 devices"):
        KeyedBatches(70, 8, 0, 0, 2, 3)
    with pytest.raises(Refused, match=r"data\.global_batch is 0"):
        KeyedBatches(7, 0, 0)


@pytest.fixture
def source(pairs: Pairs) -> Folder:
    return Folder(pairs(".", [f"{number}" for number in range(8)]), ["7"])


def loader_of(source: Folder, workers: int, position: tuple[int, int] = (0, 0)) -> LazyLoader:
    crops = TrainingCrops(source, source.items("train"), 16, 3, "all")
    return LazyLoader(crops, 2, 3, workers, lambda: position)


def same(first: Iterator[Batch], second: Iterator[Batch]) -> bool:
    return all(
        torch.equal(one.blurred, two.blurred) and torch.equal(one.sharp, two.sharp) and one.names == two.names
        for one, two in zip(first, second, strict=True)
    )


def test_batches(source: Folder) -> None:
    loader = loader_of(source, 0)
    batches = list(loader)
    assert len(loader) == len(batches) == 3
    assert loader.dropped == 1
    assert loader.state_dict() == {}
    names = [item.name for item in source.items("train")]
    for batch in batches:
        assert isinstance(batch, Batch)
        assert batch.blurred.shape == batch.sharp.shape == (2, 3, 16, 16)
        assert batch.names == [names[index] for index in batch.indices.tolist()]


def test_workers_change_nothing_and_positions_are_kept(source: Folder) -> None:
    whole = list(loader_of(source, 0, (4, 0)))
    loader = loader_of(source, 2)
    positions = iter([(4, 0), (4, 1), (5, 0), (4, 2)])
    loader.position = lambda: next(positions)
    # The same worker processes serve all passes, and each pass asks anew where it stands.
    assert same(iter(loader), iter(whole))
    assert same(iter(loader), iter(whole[1:]))
    assert not torch.equal(next(iter(loader)).blurred, whole[0].blurred)
    assert same(iter(loader), iter(whole[2:]))


def test_nothing_starts_before_the_first_batch(source: Folder) -> None:
    asked: list[int] = []
    loader = loader_of(source, 0)
    loader.position = lambda: (asked.append(1) or 0, 0)  # type: ignore[func-returns-value]
    iterator = iter(loader)
    assert asked == []
    next(iterator)
    assert asked == [1]


def test_loading_leaves_the_global_random_state_alone(source: Folder) -> None:
    before = torch.get_rng_state()
    list(loader_of(source, 0))
    list(whole_image_loader(WholeImages(source, source.items("train")), 0))
    assert torch.equal(before, torch.get_rng_state())


class ThreadCount(TrainingCrops):
    """Gives the number of threads of the process as the index."""

    def __getitem__(self, key: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor, str, int]:
        return (*super().__getitem__(key)[:3], torch.get_num_threads())


def test_workers_have_one_thread(source: Folder) -> None:
    crops = ThreadCount(source, source.items("train"), 16, 3, "none")
    assert next(iter(LazyLoader(crops, 2, 3, 1, lambda: (0, 0)))).indices.tolist() == [1, 1]


@pytest.mark.parametrize("world_size", [1, 2, 3, 9])
def test_each_whole_image_goes_to_one_rank(source: Folder, world_size: int) -> None:
    images = WholeImages(source, source.items("train"))
    loaders = [whole_image_loader(images, 0, rank, world_size) for rank in range(world_size)]
    batches = [batch for loader in loaders for batch in loader]
    assert sorted(batch.indices.item() for batch in batches) == list(range(7))
    assert all(batch.blurred.shape == (1, 3, 24, 32) for batch in batches)


def test_whole_images_with_workers(source: Folder) -> None:
    images = WholeImages(source, source.items("train"))
    assert same(iter(whole_image_loader(images, 2)), iter(whole_image_loader(images, 0)))


def test_a_file_that_breaks_later_is_named(source: Folder) -> None:
    broken = source.items("train")[0]
    broken.sharp.write_bytes(broken.sharp.read_bytes()[:100])
    for workers in (0, 1):
        with pytest.raises(Refused, match=rf"sharp/{broken.sharp.name} cannot be read"):
            list(loader_of(source, workers))
