"""A network of the user's own may give a tensor, a list or a tuple."""

import pytest
import torch

from cldeblur.networks.outputs import as_outputs

COARSE, FINE = torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 4, 4)


@pytest.mark.parametrize("result", [(COARSE, FINE), [COARSE, FINE]])
def test_sequences_keep_their_order(result: object) -> None:
    outputs = as_outputs(result)
    assert isinstance(outputs, tuple)
    assert outputs[0] is COARSE
    assert outputs[1] is FINE


def test_a_tensor_becomes_one_output() -> None:
    (output,) = as_outputs(FINE)
    assert output is FINE


@pytest.mark.parametrize(
    ("result", "named"),
    [(None, "NoneType"), ((), "tuple"), ([], "list"), ({"restored": FINE}, "dict"), ([FINE, None], "list")],
)
def test_anything_else_is_named(result: object, named: str) -> None:
    with pytest.raises(TypeError, match=f"a tensor or a sequence of tensors, coarse to fine, not {named}"):
        as_outputs(result)
