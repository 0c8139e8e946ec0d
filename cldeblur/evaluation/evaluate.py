"""Scoring a network on pairs of images."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from cldeblur.data.batch import Batch
from cldeblur.evaluation.protocol import Protocol
from cldeblur.evaluation.restoration import restore


@dataclass(frozen=True)
class ImageResult:
    """The scores of one image.

    Attributes:
        name: the pair's name.
        sequence: the video that the image is part of: its name up to the last `/`, empty where there is none.
        values: a number a metric, of the restored image.
        blurred: the same of the blurred input, which is what a network has to beat.
        seconds: that the network took for it, from the input on its device to the output in memory.
    """

    name: str
    sequence: str
    values: dict[str, float]
    blurred: dict[str, float]
    seconds: float


def evaluate(
    network: nn.Module,
    batches: Iterable[Batch],
    protocol: Protocol,
    device: torch.device | str,
    on_image: Callable[[ImageResult, Tensor], None] | None = None,
    progress: bool = False,
) -> list[ImageResult]:
    """Restore and score every image.

    Args:
        network: moved to `device`; works in evaluation mode and is given back in the mode it had.
        batches: pairs; images of different sizes come in batches of one.
        protocol: how outputs become scores.
        device: where the network works; metrics are always computed on the CPU.
        on_image: called after each image with its result and the restored image (3,H,W), on the CPU.
        progress: show a bar on standard error.

    Returns:
        One result an image, in the order of the batches.
    """
    results: list[ImageResult] = []
    network.to(device)
    bar = tqdm(batches, desc="evaluate", unit="batch", file=sys.stderr, disable=not progress)
    with _evaluation_mode(network):
        for result, restored in _score(network, bar, protocol, device):
            results.append(result)
            if on_image is not None:
                on_image(result, restored)
    return results


def _score(
    network: nn.Module, batches: Iterable[Batch], protocol: Protocol, device: torch.device | str
) -> Iterator[tuple[ImageResult, Tensor]]:
    """The result and the restored image (3,H,W), on the CPU, for each image."""
    for batch in batches:
        given, began = batch.blurred.to(device), time.perf_counter()
        # A GPU is waited for when its result is fetched.
        restored = restore(network, given, protocol.padding).cpu()
        seconds = (time.perf_counter() - began) / len(batch.names)
        blurred, sharp = batch.blurred.cpu(), batch.sharp.cpu()
        for index, name in enumerate(batch.names):
            values = protocol.score(restored[index], sharp[index])
            of_input = protocol.score(blurred[index], sharp[index])
            yield ImageResult(name, name.rpartition("/")[0], values, of_input, seconds), restored[index]


@contextmanager
def _evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Put the network in evaluation mode for a while."""
    # Module by module: a part that was frozen in evaluation mode must not wake up in training mode.
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
