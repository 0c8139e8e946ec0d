"""The contrastive term: its gradient, pull and push, and how it hangs on a training."""

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cldeblur.contrast.diagnostics import gradient_norms
from cldeblur.contrast.features import VGG19
from cldeblur.contrast.levels.linear import Linear
from cldeblur.contrast.negatives.blend import Blend
from cldeblur.contrast.negatives.blurred import Blurred
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.objectives.batch_ratio import BatchRatio
from cldeblur.contrast.objectives.bounded_ratio import BoundedRatio
from cldeblur.contrast.objectives.objective import Objective
from cldeblur.contrast.schedules.interval import EpochInterval
from cldeblur.contrast.term import ContrastiveTerm

Images = tuple[Tensor, Tensor, Tensor]
FormulaImages = Callable[[str], tuple[Tensor, Tensor]]


class Several(Generator):
    """K = 2: the blurred images and a mixture."""

    uses = frozenset({"sharp"})
    count = 2

    def make(self, blurred: Tensor, sharp: Tensor, level: float, /) -> Tensor:
        return torch.stack([blurred, (1 - level) * blurred + level * sharp])


class Flipped(Generator):
    """The blurred images, mirrored: the golden values' negatives."""

    def make(self, blurred: Tensor, _sharp: Tensor, _level: float, /) -> Tensor:
        return blurred.flip(-1)[None]


@pytest.mark.parametrize("case", ["1x3x64x64", "2x3x32x48"])
def test_the_whole_way_is_aecr_nets(
    golden: Callable[[str], Any], formula_features: VGG19, formula_images: FormulaImages, case: str
) -> None:
    expected = golden("vgg_formula_values")["cases"][case]
    degraded, sharp = formula_images(case)
    batch = len(sharp)
    term = ContrastiveTerm(formula_features, Flipped(), BatchRatio([1 / 32, 1 / 16, 1 / 8, 1 / 4, 1]))
    result = term.measure(degraded, degraded, sharp)
    assert result.loss.tolist() == pytest.approx([expected["aecr_loss"]] * batch, rel=1e-10)
    found = result.gradient / batch
    assert found.abs().sum().item() == pytest.approx(expected["grad_input"]["abs_sum"], rel=1e-10)
    chosen = found.flatten()[expected["grad_input"]["flat_index"]]
    torch.testing.assert_close(chosen, chosen.new_tensor(expected["grad_input"]["values"]), rtol=1e-10, atol=1e-13)


def test_the_gradient_is_autograds(generator: Generator, objective: Objective, features: VGG19, images: Images) -> None:
    restored, blurred, sharp = images
    result = ContrastiveTerm(features, generator, objective, level=0.3).measure(restored, blurred, sharp)
    image = restored.clone().requires_grad_()
    negatives = generator(blurred, sharp, 0.3)
    references = [feature.unflatten(0, negatives.shape[:2]) for feature in features(negatives.flatten(0, 1))]
    loss = objective(features(image), features(sharp), references, features(blurred)).loss
    torch.testing.assert_close(result.loss, loss.detach())
    torch.testing.assert_close(result.gradient, torch.autograd.grad(loss.sum(), image)[0])
    assert torch.equal(result.negatives, negatives)
    assert (gradient_norms(result.gradient) > 0).all()


def test_each_image_counts_for_itself(objective: Objective, features: VGG19, images: Images) -> None:
    term = ContrastiveTerm(features, Several(), objective, level=0.3)
    together = term.measure(*images)
    singles = zip(*(part.chunk(len(part)) for part in images), strict=True)
    alone = [term.measure(restored, blurred, sharp) for restored, blurred, sharp in singles]
    losses = torch.cat([result.loss for result in alone])
    gradients = torch.cat([result.gradient for result in alone])
    same = torch.allclose(together.loss, losses, rtol=1e-9) and torch.allclose(together.gradient, gradients, rtol=1e-7)
    assert same == objective.per_image


def test_pull_and_push_are_the_whole_gradient(objective: Objective, features: VGG19, images: Images) -> None:
    term = ContrastiveTerm(features, Several(), objective, level=0.3)
    result = term.measure(*images, diagnose=True)
    diagnosis = result.diagnosis
    assert diagnosis is not None
    assert torch.equal(term.measure(*images).gradient, result.gradient), "looking changes nothing"
    torch.testing.assert_close(diagnosis.pull + diagnosis.push, result.gradient)
    assert diagnosis.tap_pull.shape == diagnosis.tap_push.shape == (2, len(images[0]))
    torch.testing.assert_close(diagnosis.pull, slope_of_pull(term, images))
    assert [gradient_norms(part).min() > 0 for part in (diagnosis.pull, diagnosis.push)] == [
        distance in objective.uses for distance in ("d_ap", "d_an")
    ]


def slope_of_pull(term: ContrastiveTerm, images: Images) -> Tensor:
    """Gradient of the loss with the distances to the negatives held, by autograd alone."""
    restored, blurred, sharp = images
    image = restored.clone().requires_grad_()
    negatives = term.generator(blurred, sharp, term.level)
    references = [part.unflatten(0, negatives.shape[:2]) for part in term.features(negatives.flatten(0, 1))]
    terms = term.objective(term.features(image), term.features(sharp), references, term.features(blurred))
    if "d_ap" not in term.objective.uses:
        return torch.zeros_like(restored)
    (slopes,) = torch.autograd.grad(terms.loss.sum(), terms.d_ap, retain_graph=True)
    return torch.autograd.grad(terms.d_ap, image, slopes)[0]


def test_without_negative_distance_there_is_no_push(features: VGG19, images: Images) -> None:
    _, blurred, sharp = images
    result = ContrastiveTerm(features, Blurred(), BoundedRatio([1.0, 1.0])).measure(blurred, blurred, sharp, True)
    assert result.diagnosis is not None
    assert gradient_norms(result.diagnosis.push).max() == 0, "the sign of a zero difference is zero"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_degenerate_images_have_finite_losses_and_gradients(objective: Objective, dtype: torch.dtype) -> None:
    sharp = torch.rand(2, 3, 16, 16, dtype=dtype)
    other = torch.rand(2, 3, 16, 16, dtype=dtype)
    flat = torch.full_like(sharp, 0.5)
    features = VGG19(["relu1_1", "relu2_1"], "random").to(dtype)
    term = ContrastiveTerm(features, Blurred(), objective)
    for restored, blurred, target in [
        (other, other, sharp),
        (sharp, other, sharp),
        (other, sharp, sharp),
        (sharp, sharp, sharp),
        (flat, flat, flat),
        (torch.zeros_like(flat), torch.zeros_like(flat), torch.ones_like(flat)),
    ]:
        result = term.measure(restored, blurred, target, diagnose=True)
        assert result.loss.isfinite().all()
        assert result.gradient.isfinite().all()


def test_the_gradient_changes_where_a_stage_begins(generator: Generator, features: VGG19, images: Images) -> None:
    schedule, curve = EpochInterval(2, 3, max_epochs=6), Linear(top=0.6)
    term = ContrastiveTerm(features, generator, BoundedRatio([1.0, 1.0]))
    gradients = []
    for epoch in range(6):
        term.level = curve.level(schedule.stage(epoch), schedule.stages)
        gradients.append(term.measure(*images).gradient)
    changed = [not torch.equal(before, after) for before, after in pairwise(gradients)]
    assert changed == [False, generator.uses_level, False, generator.uses_level, False]


def test_autocast_around_it_changes_nothing(images: Images) -> None:
    restored, blurred, sharp = (part.float() for part in images)
    term = ContrastiveTerm(VGG19(["relu1_1", "relu2_1"], "random"), Blend(), BoundedRatio([1.0, 1.0]), level=0.3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = term.measure(restored, blurred, sharp, diagnose=True)
    assert inside.gradient.dtype == torch.float32
    assert torch.equal(inside.gradient, term.measure(restored, blurred, sharp).gradient)


def test_convolutions_are_in_full_precision_on_gpus_too(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    allowed = []

    class Watched(VGG19):
        def forward(self, images: Tensor) -> tuple[Tensor, ...]:
            found = super().forward(images)
            if images.requires_grad:
                found[0].register_hook(lambda _: allowed.append(torch.backends.cudnn.allow_tf32))
            allowed.append(torch.backends.cudnn.allow_tf32)
            return found

    term = ContrastiveTerm(Watched(["relu1_1"], "random"), Blend(), BoundedRatio([1.0]))
    term.measure(*(part.float() for part in images))
    assert allowed == [False] * 3
    assert torch.backends.cudnn.allow_tf32


def test_a_module_that_holds_it_neither_saves_nor_copies_it(features: VGG19) -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.term = ContrastiveTerm(features, Blend(), BoundedRatio([1.0, 1.0]))

    holder = Holder()
    assert not holder.state_dict()
    assert not list(holder.parameters())
    assert copy.deepcopy(holder).term is holder.term


def test_it_moves_with_all_its_parts() -> None:
    term = ContrastiveTerm(VGG19(["relu1_1"], "random"), Blend(), BoundedRatio([1.0]))
    assert term.to("meta") is term
    assert term.features.mean.is_meta
    assert term.objective.tap_weights.is_meta
