"""Snapshots: whose network makes the negatives, and that nothing changes it."""

import pytest
import torch
from torch import Tensor, nn

from cldeblur.contrast.negatives.snapshot import Snapshot

Images = tuple[Tensor, Tensor, Tensor]


class Network(nn.Module):
    """One output, and what acts in training only."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor, dtype=torch.float64))
        self.normalise = nn.BatchNorm2d(3).double()
        self.dropout = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> Tensor:
        return self.dropout(self.normalise(self.factor * images))


@pytest.mark.parametrize("stages", [(0, 1, 2, 3), (4, 3, 2, 1), (2, 0, 2, 1)])
def test_it_is_the_network_at_the_start_of_the_stage_before(stages: tuple[int, ...], images: Images) -> None:
    _, blurred, sharp = images
    snapshot, network = Snapshot(), Network(1.0)
    means = []
    for stage, factor in zip(stages, (0.9, 0.8, 0.7, 0.6), strict=True):
        network.factor.data.fill_(factor)
        snapshot.enter(stage, network)
        network.factor.data.fill_(0.1)  # training goes on
        means.append((snapshot(blurred, sharp, 0.3).mean() / blurred.mean()).item())
        assert torch.equal(snapshot(blurred, sharp, 0.0)[0], blurred)
    assert means == pytest.approx([1.0, 1.0, 0.8, 0.7], rel=1e-4)


def test_it_is_frozen_and_leaves_the_network_alone(images: Images) -> None:
    _, blurred, sharp = images
    network = Network(0.5).train()
    network(blurred).sum().backward()
    snapshot = Snapshot()
    for stage in range(3):
        snapshot.enter(stage, network)
    first = snapshot(blurred, sharp, 0.3)
    assert torch.equal(first, snapshot(blurred, sharp, 0.3)), "no dropout"
    assert network.training
    assert network.factor.requires_grad
    assert network.factor.grad is not None
    copies = [module for module in snapshot.modules() if isinstance(module, Network)]
    assert len(copies) == 2
    for found in copies:
        assert not any(part.training for part in found.modules())
        assert all(parameter.grad is None and not parameter.requires_grad for parameter in found.parameters())
        assert found.factor.data_ptr() != network.factor.data_ptr()


@pytest.mark.parametrize("entered", range(4))
def test_its_state_goes_on(entered: int, images: Images) -> None:
    _, blurred, sharp = images
    one, other = Snapshot(), Snapshot()
    for stage in range(entered):
        one.enter(stage, Network(0.9 - 0.1 * stage))
    other.load_stage_state(one.stage_state(), Network(0.0))
    for stage in (entered, entered + 1):
        assert torch.equal(one(blurred, sharp, 0.3), other(blurred, sharp, 0.3))
        for snapshot in (one, other):
            snapshot.enter(stage, Network(0.5 - 0.1 * stage))
    torch.testing.assert_close(one.stage_state(), other.stage_state(), rtol=0, atol=0)
