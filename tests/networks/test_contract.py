"""What holds for every network that `conf/backbone` offers. A new option comes with these tests."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import get_class, instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch import Tensor, nn

from cldeblur.networks.cost import count_parameters
from cldeblur.networks.outputs import as_outputs

FOLDER = Path(__file__).resolve().parents[2] / "conf" / "backbone"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))

every_network = pytest.mark.parametrize("option", OPTIONS)


def node(option: str) -> dict[str, Any]:
    """The content of an option's file."""
    content = OmegaConf.to_container(OmegaConf.load(FOLDER / f"{option}.yaml"))
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def build(option: str) -> nn.Module:
    """The network of an option, the same at every call."""
    torch.manual_seed(0)
    network = instantiate(node(option))
    assert isinstance(network, nn.Module)
    return network.eval()


def images(network: nn.Module, count: int = 2, height: int = 3, width: int = 5) -> Tensor:
    """Images of odd multiples of what the network can take."""
    multiple = network.multiple
    assert isinstance(multiple, int)
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 3, height * multiple, width * multiple, generator=generator)


@every_network
def test_file_names_every_parameter_with_its_words(option: str) -> None:
    text = (FOLDER / f"{option}.yaml").read_text()
    keys = [key for key in node(option) if key != "_target_"]
    signature = inspect.signature(get_class(node(option)["_target_"]))
    parameters = [name for name, one in signature.parameters.items() if one.kind is one.POSITIONAL_OR_KEYWORD]
    assert text.startswith("# ")
    assert keys == parameters
    assert all(re.search(rf"^{key}: +\S+ +# .+$", text, re.MULTILINE) for key in keys)


@every_network
def test_quoted_number_of_parameters_is_right(option: str) -> None:
    heading = (FOLDER / f"{option}.yaml").read_text().splitlines()[0]
    quoted = re.search(r"([\d,]+) parameters", heading)
    expected = int(quoted[1].replace(",", "")) if quoted else 0
    assert count_parameters(build(option)).total == expected


@every_network
def test_gives_images_coarse_to_fine_the_last_of_full_size(option: str) -> None:
    network = build(option)
    blurred = images(network)
    outputs = network(blurred)
    sizes = [tuple(output.shape[2:]) for output in outputs]
    assert isinstance(outputs, tuple)
    assert as_outputs(outputs) == outputs
    assert sizes == sorted(set(sizes))
    assert outputs[-1].shape == blurred.shape
    for output in outputs:
        factor = blurred.shape[2] // output.shape[2]
        assert output.shape == (2, 3, blurred.shape[2] // factor, blurred.shape[3] // factor)


@every_network
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_keeps_the_type_of_numbers(option: str, dtype: torch.dtype) -> None:
    network = build(option).to(dtype)
    assert {output.dtype for output in network(images(network, height=1, width=1).to(dtype))} == {dtype}


@every_network
def test_evaluation_is_a_function_of_each_image_alone(option: str) -> None:
    network = build(option).double()
    blurred = images(network).double()
    with torch.inference_mode():
        together, again = network(blurred), network(blurred)
        alone = network(blurred[1:])
    for output, repeated, single in zip(together, again, alone, strict=True):
        assert torch.equal(output, repeated)
        torch.testing.assert_close(output[1:], single, rtol=0, atol=1e-12)


@every_network
def test_gradients_reach_every_parameter_and_the_image(option: str) -> None:
    network = build(option)
    blurred = images(network, count=1).requires_grad_()
    sum((output**2).sum() for output in network(blurred)).backward()
    idle = [
        name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert idle == []
    assert blurred.grad is not None
    assert blurred.grad.isfinite().all()


@every_network
def test_the_image_is_left_as_it_was(option: str) -> None:
    network = build(option)
    blurred = images(network)
    before = blurred.clone()
    network(blurred)
    assert torch.equal(blurred, before)


@every_network
def test_state_dict_carries_the_network(option: str) -> None:
    network = build(option)
    torch.manual_seed(1)
    other = instantiate(node(option)).eval()
    other.load_state_dict(network.state_dict())
    blurred = images(network, height=1, width=1)
    assert torch.equal(network(blurred)[-1], other(blurred)[-1])


@settings(max_examples=20, deadline=None)
@given(height=st.integers(1, 9), width=st.integers(1, 9), count=st.integers(1, 3))
def test_any_multiple_will_do(height: int, width: int, count: int) -> None:
    network = build("mimo_unet_small")
    blurred = images(network, count, height, width)
    with torch.inference_mode():
        outputs = network(blurred)
    assert [tuple(output.shape) for output in outputs] == [
        (count, 3, height * factor, width * factor) for factor in (1, 2, 4)
    ]


def test_identity_gives_back_the_blurred_image() -> None:
    network = build("identity")
    blurred = images(network)
    assert network(blurred)[0] is blurred
