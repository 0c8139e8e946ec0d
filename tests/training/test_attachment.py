"""One walk back through the network gives the gradient of the ordinary sum of both terms."""

import subprocess
import sys
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from cldeblur.contrast.features import VGG19
from cldeblur.contrast.levels.linear import Linear
from cldeblur.contrast.negatives.blend import Blend
from cldeblur.contrast.objectives.bounded_ratio import BoundedRatio
from cldeblur.contrast.schedules.interval import EpochInterval
from cldeblur.contrast.term import ContrastiveTerm
from cldeblur.contrast.weighting import ConstantWeight, HeldRatio, Weighting
from cldeblur.data.batch import Batch
from cldeblur.losses.multi_scale import MultiScaleLoss
from cldeblur.networks.mimo_unet import MIMOUNet
from cldeblur.training.attachment import Attachment
from cldeblur.training.meters import EpochMeter

WEIGHT = 0.7


@pytest.fixture(scope="module")
def batch() -> Batch:
    """Four pairs of 32x32 pixels."""
    random = torch.Generator().manual_seed(0)
    sharp = torch.rand(4, 3, 32, 32, generator=random)
    blurred = torch.nn.functional.avg_pool2d(sharp, 5, stride=1, padding=2, count_include_pad=False)
    return Batch(blurred, sharp, ["a", "b", "c", "d"], torch.arange(4))


@pytest.fixture(scope="module")
def network() -> MIMOUNet:
    torch.manual_seed(0)
    return MIMOUNet(channels=4, blocks=1)


@pytest.fixture
def loss() -> MultiScaleLoss:
    return MultiScaleLoss(0.1)


def attach(weighting: Weighting, epoch: int = 1) -> Attachment:
    """An attachment with three stages of one epoch each, at an epoch's stage."""
    term = ContrastiveTerm(VGG19(["relu1_1", "relu2_1"], "random"), Blend(), BoundedRatio(tap_weights=[0.25, 1.0]))
    attachment = Attachment(
        term, weighting, EpochInterval(interval=1, stages=3, max_epochs=3), Linear(0.5), diagnosed_batches=1
    )
    attachment.enter(epoch)
    return attachment


def part(batch: Batch, start: int, stop: int) -> Batch:
    """Some pairs of a batch."""
    blurred, sharp, names, indices = batch
    return Batch(blurred[start:stop], sharp[start:stop], names[start:stop], indices[start:stop])


def gradients(network: MIMOUNet, loss: Tensor) -> Tensor:
    """All parameters' gradients as one vector, float64."""
    found = torch.autograd.grad(loss, list(network.parameters()))
    return torch.cat([gradient.flatten().double() for gradient in found])


def ordinary(network: MIMOUNet, attachment: Attachment, loss: MultiScaleLoss, batch: Batch) -> Tensor:
    """The mean over the images of pixel loss and weighted objective, as anyone would write it."""
    outputs, term = network(batch.blurred), attachment.term
    negatives = term.generator(batch.blurred, batch.sharp, term.level)
    with torch.no_grad():
        positive, negative = term.features(batch.sharp), [feature[None] for feature in term.features(negatives[0])]
    objective = term.objective(term.features(outputs[-1]), positive, negative).loss
    found: Tensor = (loss(outputs, batch.sharp).total + WEIGHT * objective).mean()
    return found


@pytest.mark.parametrize("diagnose", [False, True])
@pytest.mark.parametrize("size", [4, 2, 1])
def test_surrogate_is_the_two_term_loss(
    size: int, diagnose: bool, network: MIMOUNet, loss: MultiScaleLoss, batch: Batch
) -> None:
    attachment = attach(ConstantWeight(WEIGHT, 0, None))
    expected = ordinary(network, attachment, loss, batch)
    steps = [
        attachment.step(network(piece.blurred), piece, loss, 0, diagnose, EpochMeter()).loss * size / 4
        for piece in (part(batch, start, start + size) for start in range(0, 4, size))
    ]
    torch.testing.assert_close(sum(steps), expected, rtol=1e-6, atol=0)
    found, wanted = sum(gradients(network, step) for step in steps), gradients(network, expected)
    assert torch.linalg.vector_norm(found - wanted) < 1e-6 * torch.linalg.vector_norm(wanted)


def test_surrogate_without_weight_is_the_pixel_loss(network: MIMOUNet, loss: MultiScaleLoss, batch: Batch) -> None:
    step = attach(ConstantWeight(0.0, 0, None)).step(network(batch.blurred), batch, loss, 0, False, EpochMeter())
    plain = loss(network(batch.blurred), batch.sharp).total.mean()
    torch.testing.assert_close(step.loss, plain, rtol=1e-6, atol=0)
    torch.testing.assert_close(gradients(network, step.loss), gradients(network, plain), rtol=1e-4, atol=1e-7)


def test_bfloat16_outputs_get_their_gradient(network: MIMOUNet, loss: MultiScaleLoss, batch: Batch) -> None:
    attachment = attach(ConstantWeight(WEIGHT, 0, None))
    with torch.autocast("cpu", torch.bfloat16):
        step = attachment.step(network(batch.blurred), batch, loss, 0, False, EpochMeter())
    wanted = gradients(network, ordinary(network, attachment, loss, batch))
    found = gradients(network, step.loss)
    assert step.loss.dtype == torch.float32
    assert torch.cosine_similarity(found, wanted, dim=0) > 0.99


def test_ratio_is_held(network: MIMOUNet, loss: MultiScaleLoss, batch: Batch) -> None:
    attachment, meters = attach(HeldRatio(0.1, 0, None)), [EpochMeter() for _ in range(4)]
    for number, meter in enumerate(meters):
        attachment.step(network(batch.blurred), batch, loss, number, False, meter)
        attachment.finish_step()
    weights = [meter.results()["contrast/weight"] for meter in meters]
    assert weights[0] == 0
    assert weights[1:] == pytest.approx([weights[1]] * 3, rel=1e-9)
    middle = meters[-1].results()["contrast/gradient_ratio_q50"]
    assert 0.03 < middle < 0.3


def test_anchor_gradient_changes_at_stages_only(batch: Batch) -> None:
    attachment = attach(ConstantWeight(WEIGHT, 0, None), epoch=0)
    found = []
    for epoch in range(5):
        attachment.enter(epoch)
        result = attachment.term.measure(0.5 * (batch.blurred + batch.sharp) + 0.01, batch.blurred, batch.sharp)
        found.append((attachment.stage, attachment.level, result.gradient))
    assert [stage for stage, _, _ in found] == [0, 1, 2, 2, 2]
    assert [level for _, level, _ in found] == [0, 0.25, 0.5, 0.5, 0.5]
    same = [torch.equal(before[2], after[2]) for before, after in pairwise(found)]
    assert same == [False, False, True, True]


def test_state_goes_on() -> None:
    one, other = attach(HeldRatio(0.1, 0, None), epoch=2), attach(HeldRatio(0.1, 0, None), epoch=0)
    one.weighting.observe(torch.tensor([2.0]), torch.tensor([0.5]))
    one.finish_step()
    other.load_state_dict(one.state_dict())
    assert other.state_dict() == one.state_dict()
    assert (other.stage, other.weighting.weight(1)) == (2, one.weighting.weight(1))


def test_meter_means_do_not_depend_on_a_resume() -> None:
    values = torch.rand(12, generator=torch.Generator().manual_seed(0))
    straight, resumed = EpochMeter(), EpochMeter()
    for place, value in enumerate(values):
        if place == 5:
            state = resumed.state_dict()
            resumed = EpochMeter()
            resumed.load_state_dict(state)
        for meter in (straight, resumed):
            meter.add("mean", value)
            meter.add_spread("spread", value)
    assert straight.results() == resumed.results()
    assert straight.results()["spread_q50"] == pytest.approx(float(values.double().quantile(0.5)), rel=1e-7)
    assert straight.results()["mean"] == pytest.approx(float(values.double().mean()), rel=1e-7)


def test_meter_leaves_out_what_is_not_finite() -> None:
    meter = EpochMeter()
    meter.add("mean", torch.tensor([1.0, float("nan"), float("inf"), 3.0]))
    meter.add("nothing", torch.tensor([float("nan")]))
    meter.add_spread("nothing", torch.tensor([float("nan")]))
    assert meter.results() == {"mean": 2.0}
    meter.reset()
    assert meter.results() == {}


def test_a_plain_run_imports_nothing_of_the_contrastive_part() -> None:
    program = "import cldeblur.training.run, sys; print(*(m for m in sys.modules if m.startswith('cldeblur.contrast')))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
