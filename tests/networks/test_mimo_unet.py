"""MIMO-UNet computes what the public code computes, under the public code's names."""

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cldeblur.losses.multi_scale import MultiScaleLoss
from cldeblur.networks.mimo_unet import MIMOUNet

Golden = Callable[[str], Any]

NETWORKS: dict[str, dict[str, Any]] = {"MIMO-UNet": {}, "MIMO-UNetPlus": {"blocks": 20, "dropout": 0.1}}
CASES = {"1x3x64x64": (1, 3, 64, 64), "2x3x32x48": (2, 3, 32, 48)}
SCALES = ("quarter (output 0)", "half (output 1)", "full (output 2)")
FLOAT32_TOLERANCE = {"MIMO-UNet": 5e-6, "MIMO-UNetPlus": 3e-5}


def fill(network: nn.Module) -> None:
    """Give every parameter the golden values: sines of a quadratic phase that depends on its name."""
    for name, parameter in network.named_parameters():
        k = np.arange(parameter.numel(), dtype=np.int64)
        wave = np.sin(2 * np.pi * ((k * k + 37 * k + zlib.crc32(name.encode())) % 1009) / 1009)
        value = wave / np.sqrt(parameter[0].numel()) if parameter.ndim >= 2 else 0.1 * wave
        parameter.data.copy_(torch.from_numpy(value).reshape(parameter.shape))


def pair(shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """The golden input and target, float64."""
    b, c, i, j = (torch.from_numpy(axis).double() for axis in np.ogrid[tuple(slice(size) for size in shape)])
    wave = torch.sin(0.11 * i + 0.07 * j + 1.3 * c + 0.5 * b)
    return 0.5 + 0.5 * wave, 0.5 + 0.35 * wave + 0.15 * torch.sin(0.71 * i - 0.53 * j + 0.4 * c)


def filled(name: str) -> MIMOUNet:
    """A network with the golden weights, float64, for evaluation."""
    network = MIMOUNet(**NETWORKS[name]).double().eval()
    fill(network)
    return network


def assert_agrees(tensor: Tensor, expected: dict[str, Any], tolerance: float = 1e-10) -> None:
    """Compare with a golden summary: chosen values, extremes and sums, relative to the largest."""
    largest = max(abs(expected["min"]), abs(expected["max"]))
    chosen = tensor.detach().flatten()[torch.tensor(expected["flat_index"])]
    ours = [*chosen.tolist(), tensor.min().item(), tensor.max().item()]
    assert list(tensor.shape) == expected["shape"]
    assert ours == pytest.approx(
        [*expected["values"], expected["min"], expected["max"]], abs=tolerance * largest, rel=0
    )
    sums = [tensor.sum().item(), tensor.abs().sum().item()]
    assert sums == pytest.approx([expected["sum"], expected["abs_sum"]], abs=tolerance * expected["abs_sum"], rel=0)


def test_weights_follow_the_golden_rule() -> None:
    state = filled("MIMO-UNet").state_dict()
    first = state["Encoder.0.layers.0.main.0.main.0.weight"].flatten()[:3].tolist()
    raised = state["feat_extract.3.main.0.weight"].flatten()[:3].tolist()
    assert first == pytest.approx([-0.05836086701377421, -0.05482668834591226, -0.04781158508238115], rel=1e-12)
    assert raised == pytest.approx([-0.007797943847018271, -0.014674804418237064, -0.021023363675376164], rel=1e-12)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_and_gradients_are_those_of_the_public_code(name: str, case: str, golden: Golden) -> None:
    expected = golden("mimo_unet_values")[name][case]
    network = filled(name)
    blurred, sharp = pair(CASES[case])
    outputs = network(blurred.requires_grad_())
    for output, scale in zip(outputs, SCALES, strict=True):
        assert_agrees(output, expected["outputs"][scale])
    total = MultiScaleLoss()(outputs, sharp).total.mean()
    assert total.item() == pytest.approx(expected["loss"]["total"], rel=1e-10)
    total.backward()
    assert blurred.grad is not None
    assert_agrees(blurred.grad, expected["grad_input"])
    parameters = dict(network.named_parameters())
    for parameter, summary in expected["grad_parameters"].items():
        gradient = parameters[parameter].grad
        assert gradient is not None
        assert_agrees(gradient, summary)


@pytest.mark.parametrize("name", NETWORKS)
def test_float32_stays_near(name: str, golden: Golden) -> None:
    blurred, _ = pair(CASES["2x3x32x48"])
    with torch.inference_mode():
        outputs = filled(name).float()(blurred.float())
    for output, scale in zip(outputs, SCALES, strict=True):
        expected = golden("mimo_unet_values")[name]["2x3x32x48"]["outputs"][scale]
        assert_agrees(output.double(), expected, FLOAT32_TOLERANCE[name])


@pytest.mark.parametrize("name", NETWORKS)
def test_state_dict_has_the_public_keys_and_shapes_in_order(name: str, golden: Golden) -> None:
    expected = golden("mimo_unet_state_dict")[name]
    with torch.device("meta"):
        network = MIMOUNet(**NETWORKS[name])
    shapes = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
    assert list(shapes.items()) == list(expected["state_dict"].items())
    assert [key for key, _ in network.named_parameters()] == list(shapes)


def test_images_are_reduced_to_their_even_rows_and_columns() -> None:
    network = MIMOUNet(channels=4, blocks=1)
    for layer in (*network.ConvsOut, network.feat_extract[5]):
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)
    blurred = torch.rand(2, 3, 12, 20)
    quarter, half, full = network(blurred)
    assert torch.equal(quarter, blurred[..., ::4, ::4])
    assert torch.equal(half, blurred[..., ::2, ::2])
    assert torch.equal(full, blurred)


def test_outputs_are_not_clamped() -> None:
    network = MIMOUNet(channels=4, blocks=1)
    with torch.inference_mode():
        outputs = network(torch.full((1, 3, 8, 8), 100.0))
    assert all(output.max() > 1 for output in outputs)


def test_dropout_takes_whole_fused_channels_and_only_in_training() -> None:
    network = MIMOUNet(channels=8, blocks=1, dropout=0.5)
    fused: list[Tensor] = []
    network.dropout.register_forward_hook(lambda _module, _inputs, output: fused.append(output))
    blurred = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    network(blurred)
    assert [features.shape[1] for features in fused] == [16, 8]
    for features in fused:
        shares = (features == 0).flatten(2).float().mean(dim=2)
        assert set(shares.flatten().tolist()) == {0, 1}
        assert 0.2 < shares.mean() < 0.8
    network.eval()
    pairs = zip(network(blurred), network(blurred), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_without_dropout_training_draws_nothing() -> None:
    network = MIMOUNet(channels=4, blocks=1)
    before = torch.get_rng_state()
    network.train()(torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(torch.get_rng_state(), before)
