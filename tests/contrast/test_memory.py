"""How much memory negatives need, and what is said where there is too little."""

import pytest
import torch
from torch import Tensor, nn

from cldeblur.contrast.features import VGG19
from cldeblur.contrast.memory import feature_pass_bytes, memory_told
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.objectives.bounded_ratio import BoundedRatio
from cldeblur.contrast.term import ContrastiveTerm
from cldeblur.errors import Failed


class Endless(Generator):
    """More negatives than any memory holds."""

    count = 10**13

    def make(self, blurred: Tensor, _sharp: Tensor, _level: float, /) -> Tensor:
        return blurred.expand(self.count, *blurred.shape)


@pytest.mark.parametrize(
    ("taps", "numbers"),
    [
        (["relu1_1"], (3 + 64) * 64),
        (["relu1_2"], (64 + 64) * 64),
        # The pooled image beside relu1_2 and the tap before it.
        (["relu1_1", "relu2_1"], 64 * 64 + 64 * 64 + 64 * 16),
        # Taps are counted once, also where they are a layer's input.
        (["relu1_1", "relu1_2", "relu2_2"], 64 * 64 + 64 * 64 + (128 + 128) * 16),
    ],
)
def test_bytes_of_a_pass_are_those_of_its_widest_place(taps: list[str], numbers: int) -> None:
    assert feature_pass_bytes(taps, 5, 8, 8) == 5 * 4 * numbers


def test_bytes_hold_for_a_real_pass() -> None:
    taps = ["relu1_1", "relu2_1", "relu3_1"]
    features, images = VGG19(taps, "random"), torch.rand(3, 3, 64, 48)
    alive: dict[int, int] = {}
    most = 0

    def watch(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal most
        del module
        storages = {tensor.data_ptr(): tensor.nbytes for tensor in (*inputs, output)}
        kept = {pointer: size for pointer, size in alive.items() if pointer not in storages}
        most = max(most, sum(storages.values()) + sum(kept.values()))

    for name, layer in features.layers.named_children():
        layer.register_forward_hook(watch)
        if name in taps:
            layer.register_forward_hook(lambda _m, _i, output: alive.update({output.data_ptr(): output.nbytes}))
    features(images)
    assert feature_pass_bytes(taps, 3, 64, 48) == most


def test_too_many_negatives_are_told_with_what_they_need() -> None:
    term = ContrastiveTerm(VGG19(["relu1_1"], "random"), Endless(), BoundedRatio([1.0]))
    images = torch.rand(2, 3, 8, 16)
    with pytest.raises(Failed, match=r"K=10000000000000 .* 2 images of 8x16.* 686,080,000\.\d\d GB"):
        term.measure(images, images, images)


def test_a_full_gpu_is_told_too_and_other_errors_are_passed_on() -> None:
    features, images = VGG19(["relu1_1"], "random"), torch.rand(2, 3, 8, 16)
    with pytest.raises(Failed, match="K=4"), memory_told(features, 4, images):
        raise torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="mat1"), memory_told(features, 4, images):
        raise RuntimeError("mat1 and mat2 do not fit")
