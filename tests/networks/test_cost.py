"""Parameters and multiply-adds are counted exactly, and the published numbers are explained."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cldeblur.networks.cost import count_parameters, multiply_adds
from cldeblur.networks.identity import Identity
from cldeblur.networks.mimo_unet import MIMOUNet

Golden = Callable[[str], Any]

NETWORKS: dict[str, dict[str, Any]] = {"MIMO-UNet": {}, "MIMO-UNetPlus": {"blocks": 20, "dropout": 0.1}}


def weightless(name: str) -> MIMOUNet:
    """A network that has shapes and no numbers, so that counting costs no time."""
    with torch.device("meta"):
        return MIMOUNet(**NETWORKS[name])


def published_count(network: nn.Module, side: int = 256) -> int:
    """Multiply-adds as the paper's counter has them.

    Transposed convolutions are counted at output positions, and each bias and each ReLU is one more.
    """
    counts: list[int] = []

    def count(module: nn.Module, _inputs: tuple[Tensor], output: Tensor) -> None:
        if isinstance(module, nn.ReLU):
            counts.append(output.numel())
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            products = module.in_channels * math.prod(module.kernel_size)
            counts.append(output.numel() * (products + 1))

    for module in network.modules():
        module.register_forward_hook(count)
    network(torch.empty(1, 3, side, side, device="meta"))
    return sum(counts)


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_are_the_published_ones(name: str, golden: Golden) -> None:
    expected = golden("mimo_unet_state_dict")[name]["n_parameters"]
    assert count_parameters(weightless(name)) == (expected, expected)


@pytest.mark.parametrize(("size", "height", "width"), [("256x256", 256, 256), ("720x1280", 720, 1280)])
@pytest.mark.parametrize("name", NETWORKS)
def test_multiply_adds_are_exact(name: str, size: str, height: int, width: int, golden: Golden) -> None:
    expected = golden("mimo_unet_state_dict")[name]["macs"][size]
    assert multiply_adds(weightless(name), height, width) == expected


@pytest.mark.parametrize(("name", "quoted"), [("MIMO-UNet", 67.17), ("MIMO-UNetPlus", 154.41)])
def test_quoted_numbers_count_biases_and_activations(name: str, quoted: float, golden: Golden) -> None:
    expected = golden("mimo_unet_state_dict")[name]["reconciliation_with_quoted_number_256"]
    count = published_count(weightless(name))
    assert count == expected["sum_conv_plus_ct_at_output_plus_bias_plus_relu"]
    assert round(count / 1e9, 2) == quoted
    extra = expected["conv_transpose_at_output_positions"] - expected["conv_transpose_at_input_positions"]
    extra += expected["bias_adds"] + expected["relu_elements"]
    assert count - extra == multiply_adds(weightless(name))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_real_networks_count_the_same_whatever_their_numbers(dtype: torch.dtype) -> None:
    layer = nn.Conv2d(3, 5, 3, stride=2, padding=1).to(dtype)
    assert multiply_adds(layer, 8, 12) == 5 * 4 * 6 * 27
    assert multiply_adds(MIMOUNet(4, 1).to(dtype), 8, 8) == multiply_adds(MIMOUNet(4, 1).to("meta"), 8, 8)


def test_frozen_parameters_are_not_trainable() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 3, 1))
    network[0].requires_grad_(False)
    assert count_parameters(network) == (16 + 15, 15)


def test_identity_costs_nothing() -> None:
    assert count_parameters(Identity()) == (0, 0)
    assert multiply_adds(Identity()) == 0


def test_counting_leaves_frozen_statistics_frozen() -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3).eval())
    multiply_adds(network, 8, 8)
    assert network[0].training
    assert not network[1].training


@pytest.mark.parametrize("training", [True, False])
def test_counting_leaves_the_network_as_it_was(training: bool) -> None:
    network = MIMOUNet(4, 1, dropout=0.1).train(training)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    multiply_adds(network, 8, 8)
    assert all(module.training is training for module in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
