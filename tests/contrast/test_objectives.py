"""What holds for every objective, at every distance; a new file in `conf/objective/` brings its own tests."""

from typing import Any

import pytest
import torch
from torch import Tensor

from cldeblur.config.loading import read_option
from cldeblur.config.targets import build
from cldeblur.contrast.objectives.distances import DISTANCES
from cldeblur.contrast.objectives.objective import Objective
from cldeblur.contrast.objectives.terms import Terms
from cldeblur.errors import Refused

Maps = list[Tensor]
SHAPES = [(3, 4, 6, 5), (3, 2, 3, 2)]
TAP_WEIGHTS = [0.25, 1.0]


@pytest.fixture(params=DISTANCES)
def measured(request: pytest.FixtureRequest, objective_node: dict[str, Any]) -> Objective:
    """Every objective with every distance."""
    node = {**objective_node, "distance": request.param}
    found: Objective = build("objective", node, tap_weights=TAP_WEIGHTS)
    return found


def close(found: Tensor, expected: Tensor) -> None:
    """Equal but for the rounding of float64."""
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


def maps(seed: int) -> Maps:
    """Features of two taps for 3 images."""
    random = torch.Generator().manual_seed(seed)
    return [torch.rand(*shape, generator=random, dtype=torch.float64) for shape in SHAPES]


def scene() -> tuple[Maps, Maps, Maps, Maps]:
    """An anchor somewhat nearer to two negatives than to the positive, these, and the blurred image beside them."""
    positive, blurred = maps(1), maps(2)
    near = [[0.95 * b + 0.05 * n for b, n in zip(blurred, maps(seed), strict=True)] for seed in (3, 4)]
    anchor = [0.35 * p + 0.6 * b + 0.05 * n for p, b, n in zip(positive, blurred, maps(5), strict=True)]
    return anchor, positive, stacked(*near), blurred


def stacked(*each: Maps) -> Maps:
    """K negatives at each tap."""
    return [torch.stack(taps) for taps in zip(*each, strict=True)]


def leaves(features: Maps) -> Maps:
    return [feature.clone().requires_grad_() for feature in features]


def slope(terms: Terms, anchor: Maps) -> tuple[Tensor, ...]:
    return torch.autograd.grad(terms.loss.sum(), anchor, retain_graph=True)


def test_only_the_anchor_gets_a_gradient_and_each_image_of_it_does(measured: Objective) -> None:
    groups = [leaves(group) for group in scene()]
    loss = measured(*groups).loss
    found = torch.autograd.grad(loss.sum(), [feature for group in groups for feature in group], allow_unused=True)
    for gradient in found[: len(SHAPES)]:
        assert gradient is not None
        assert gradient.flatten(1).abs().sum(1).min() > 0
    assert all(gradient is None for gradient in found[len(SHAPES) :])


def test_the_loss_is_a_function_of_the_distances(measured: Objective) -> None:
    features, *others = scene()
    anchor = leaves(features)
    terms = measured(anchor, *others)
    distances = [part for part in (terms.d_ap, terms.d_an) if part.requires_grad]
    assert len(distances) == len({"d_ap", "d_an"} & measured.uses)
    slopes = torch.autograd.grad(terms.loss.sum(), distances, retain_graph=True)
    for distance, found in zip(distances, slopes, strict=True):
        nearer_is_better = distance is terms.d_ap
        assert (found > 0).all() if nearer_is_better else (found < 0).all()
    through = torch.autograd.grad(distances, anchor, slopes, retain_graph=True)
    for whole, part in zip(slope(terms, anchor), through, strict=True):
        close(whole, part)


def test_each_image_counts_for_itself(measured: Objective) -> None:
    groups = scene()
    together = measured(*groups)
    for place in range(3):
        one = slice(place, place + 1)
        alone = measured(*([feature[..., one, :, :, :] for feature in group] for group in groups))
        assert torch.allclose(alone.loss, together.loss[one], rtol=1e-9) == measured.per_image
        close(alone.d_ap, together.d_ap[:, one])
        close(alone.d_an, together.d_an[..., one])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_degenerate_features_have_finite_losses_and_gradients(measured: Objective, dtype: torch.dtype) -> None:
    one, other = ([feature.to(dtype) for feature in maps(seed)] for seed in (0, 1))
    flat, black = ([torch.full_like(feature, value) for feature in one] for value in (0.5, 0.0))
    anchor_is_blurred, anchor_is_sharp, nothing_to_restore = (other, one, other), (one, one, other), (other, one, one)
    cases = [anchor_is_blurred, anchor_is_sharp, nothing_to_restore, (one, one, one), (flat, flat, flat)]
    for features, positive, blurred in [*cases, (black, black, black), (black, flat, black), (flat, black, black)]:
        anchor = leaves(features)
        terms = measured(anchor, positive, stacked(blurred, blurred), blurred)
        assert terms.loss.isfinite().all()
        assert all(gradient.isfinite().all() for gradient in slope(terms, anchor))
        assert min([*terms.d_ap.flatten(), *terms.d_an.flatten()]) >= 0


def test_without_anything_to_restore_pull_and_push_cancel(measured: Objective) -> None:
    features, _, _, blurred = scene()
    anchor = leaves(features)
    whole = slope(measured(anchor, blurred, stacked(blurred), blurred), anchor)
    usual = slope(measured(anchor, *scene()[1:]), anchor)
    is_still = max(gradient.abs().max() for gradient in whole) < 1e-5 * max(part.abs().max() for part in usual)
    assert is_still != (measured.uses in ({"d_ap"}, {"d_an"})), "one that only pulls or pushes has nothing to cancel it"


def test_equal_negatives_count_like_one(measured: Objective) -> None:
    anchor, positive, _, blurred = scene()
    one, three = (measured(anchor, positive, stacked(*[blurred] * count), blurred).loss for count in (1, 3))
    is_a_choice_among_all = type(measured).__name__ == "InfoNCE"
    assert torch.allclose(one, three, rtol=1e-9) != is_a_choice_among_all


@pytest.mark.parametrize("given", ["positive", "negatives", "blurred"])
def test_what_is_not_needed_is_not_looked_at(given: str, measured: Objective) -> None:
    anchor, *others = scene()
    named = dict(zip(("positive", "negatives", "blurred"), others, strict=True))
    whole = measured(anchor, **named).loss
    named[given] = [torch.full_like(feature, torch.nan) for feature in named[given]]
    assert torch.equal(whole, measured(anchor, **named).loss) == (given not in measured.needs)


def test_a_tap_counts_by_its_weight(objective_node: dict[str, Any]) -> None:
    both, first, second = (
        build("objective", objective_node, tap_weights=weights)(*scene()).loss
        for weights in (TAP_WEIGHTS, [1.0, 0.0], [0.0, 1.0])
    )
    close(both, TAP_WEIGHTS[0] * first + TAP_WEIGHTS[1] * second)


def test_tap_weights_are_one_a_tap_and_not_negative(objective_node: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="2 taps for 3 tap weights"):
        build("objective", objective_node, tap_weights=[1.0] * 3)(*scene())
    with pytest.raises(Refused, match=r"features\.tap_weights"):
        build("objective", objective_node, tap_weights=[1.0, -1.0])


REFUSED: dict[str, list[object]] = {
    "distance": ["l3", None],
    "combine": ["product", "means"],
    "epsilon": [0, -1e-7, float("nan"), "small"],
    "margin": [0, -1.0, float("inf")],
    "temperature": [0, -0.1, None],
    "curriculum": [-0.1, 1.1, "steep"],
}


def test_every_key_refuses_what_makes_no_sense(objective_node: dict[str, Any]) -> None:
    keys = [key for key in objective_node if key != "_target_"]
    for key, wrong in [(name, value) for name in keys for value in REFUSED[name]]:
        with pytest.raises(Refused, match=rf"objective\.{key} .*{wrong}"):
            build("objective", {**objective_node, key: wrong}, tap_weights=TAP_WEIGHTS)


@pytest.mark.parametrize("option", ["log_ratio", "triplet", "margin"])
def test_a_sum_that_would_say_nothing_new_is_refused(option: str) -> None:
    with pytest.raises(Refused, match=r"objective\.combine must be one of mean, mean_distance, not sum"):
        build("objective", {**read_option("objective", option), "combine": "sum"}, tap_weights=TAP_WEIGHTS)
