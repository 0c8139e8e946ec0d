"""What a network costs: parameters and multiply-adds."""

import copy
from typing import NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


class ParameterCount(NamedTuple):
    """Numbers of parameters."""

    total: int
    trainable: int


def count_parameters(network: nn.Module) -> ParameterCount:
    """All parameters of a network, and those that are trained."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in network.parameters()]
    return ParameterCount(sum(size for size, _ in sizes), sum(size for size, trained in sizes if trained))


def multiply_adds(network: nn.Module, height: int = 256, width: int = 256) -> int:
    """Multiply-adds of the convolutions and matrix products of one image (1,3,height,width).

    MIMO-UNet has 63,732,842,496 at 256x256 and MIMO-UNet+ 150,705,930,240. The 67.17 and 154.41 G that its paper
    quotes count transposed convolutions at their output positions (four times too many), and one for each bias
    that is added and each ReLU.
    """
    image = next(network.parameters(), torch.empty(0)).new_zeros(1, 3, height, width)
    # A copy, because some parts may be meant to stay in evaluation mode while the rest is trained.
    copied = copy.deepcopy(network).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        copied(image)
    return int(counter.get_total_flops()) // 2
