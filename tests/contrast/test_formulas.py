"""What each objective computes: published values, its formula by plain arithmetic, and what follows from it."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cldeblur.config.folder import options
from cldeblur.config.loading import read_option
from cldeblur.config.targets import build
from cldeblur.contrast.objectives.batch_ratio import BatchRatio
from cldeblur.contrast.objectives.curricular import Curricular
from cldeblur.contrast.objectives.info_nce import InfoNCE
from cldeblur.contrast.objectives.objective import Objective
from cldeblur.contrast.objectives.pairwise import Pairwise
from cldeblur.contrast.objectives.pull import Pull
from cldeblur.contrast.objectives.ratio import Ratio
from cldeblur.contrast.objectives.terms import Distances
from cldeblur.contrast.objectives.triplet import Triplet

Golden = Callable[[str], Any]
Maps = list[Tensor]
TAPS = list(zip([4, 6, 8, 10, 12], [12, 6, 3, 2, 1], [16, 8, 4, 2, 1], strict=True))
CASES = ["B=1,K=1", "B=3,K=1", "B=1,K=3", "B=3,K=3"]

LENGTHS = st.floats(1e-3, 10)
SEVERAL = st.lists(st.tuples(LENGTHS, LENGTHS), min_size=1, max_size=4)


def waves(batch: int, phase: float, step: float = 0.8) -> Maps:
    """The features of five taps that the golden values were computed with."""
    taps = []
    for tap, shape in enumerate(TAPS):
        b, c, y, x = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in (batch, *shape)), indexing="ij")
        taps.append((0.3 * y + 0.2 * x + 0.5 * c + step * b + 0.6 * tap + phase).sin().clamp_min(0))
    return taps


def aecrs(batch: int) -> tuple[Maps, Maps, Maps]:
    """Anchor, positive and one negative of each image."""
    anchor = [feature.requires_grad_() for feature in waves(batch, 0.0)]
    return anchor, waves(batch, 0.25), [feature[None] for feature in waves(batch, 1.1)]


def csds(case: str) -> tuple[Maps, Maps, Maps]:
    """The same with K negatives that all images share."""
    batch, count = (int(word.partition("=")[2]) for word in case.split(","))
    shared = [feature[:, None].expand(-1, batch, -1, -1, -1) for feature in waves(count, 1.1, step=0.7)]
    return aecrs(batch)[0], waves(batch, 0.25), shared


def close(found: Tensor, expected: object) -> None:
    """Equal but for the rounding of float64."""
    torch.testing.assert_close(found, torch.as_tensor(expected, dtype=found.dtype), rtol=1e-10, atol=1e-14)


def assert_gradient(loss: Tensor, anchor: Maps, expected: list[dict[str, Any]]) -> None:
    for found, summary in zip(torch.autograd.grad(loss, anchor), expected, strict=True):
        assert found.abs().sum().item() == pytest.approx(summary["abs_sum"], rel=1e-10)
        close(found.flatten()[summary["flat_index"]], summary["values"])


@pytest.mark.parametrize("batch", [1, 3])
def test_batch_ratio_is_aecr_nets(golden: Golden, batch: int) -> None:
    values = golden("contrastive_values")
    expected = values["aecr"][f"B={batch}"]
    features = aecrs(batch)
    loss = BatchRatio(values["weights"])(*features).loss
    close(loss, [expected["aecr_batch_level_loss"]] * batch)
    assert_gradient(loss[0], features[0], expected["grad_anchor_per_tap"])
    close(Pull(values["weights"])(*features).loss.mean(), expected["aecr_ablation_true_loss"])


@pytest.mark.parametrize("batch", [1, 3])
def test_ratio_is_the_same_image_by_image(golden: Golden, batch: int) -> None:
    values = golden("contrastive_values")
    expected = values["aecr"][f"B={batch}"]
    loss, d_ap, d_an = Ratio(values["weights"])(*aecrs(batch))
    close(loss, expected["per_sample_loss_per_image"])
    close(d_ap.mean(1), expected["d_ap_per_tap"])
    close(d_an.mean((1, 2)), expected["d_an_per_tap"])
    close(d_ap / (d_an[:, 0] + 1e-7), expected["per_sample_ratio_per_tap"])


@pytest.mark.parametrize("case", CASES)
def test_batch_ratio_of_a_sum_is_csds(golden: Golden, case: str) -> None:
    values = golden("contrastive_values")
    expected = values["csd"][case]
    features = csds(case)
    loss, d_ap, d_an = BatchRatio(values["weights"], combine="sum")(*features)
    close(loss, [expected["loss"]] * len(loss))
    close(d_ap.mean(1), expected["d_ts_per_tap"])
    close(d_an.sum(1).mean(1), expected["d_sn_per_tap_sum_over_K"])
    assert_gradient(loss[0], features[0], expected["grad_student_per_tap"])
    close(Ratio(values["weights"], combine="sum")(*features).loss.mean(), expected["loss_if_per_sample_ratio"])
    mean = BatchRatio(values["weights"], combine="mean_distance")(*features).loss[0]
    # The golden value is K times the sum's, in which epsilon is K times as large.
    assert mean.item() == pytest.approx(expected["loss_if_mean_over_K_instead"], rel=1e-6)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def curricular(d_ap: float, d_an: list[float], _unit: float, d_np: list[float]) -> float:
    weights = [1.25 if sharp >= d_ap else 0.75 for sharp in d_np]
    shares = [weight / sum(weights) for weight in weights]
    return sum(share * d_ap / (d_ap + q + 1e-7) for share, q in zip(shares, d_an, strict=True))


def info_nce(d_ap: float, d_an: list[float], unit: float, _d_np: list[float]) -> float:
    """Shifted by the largest exponent, as is usual."""
    exponents = [-distance / unit / 0.5 for distance in (d_ap, *d_an)]
    most = max(exponents)
    return most + math.log(sum(math.exp(exponent - most) for exponent in exponents)) - exponents[0]


# Of d_ap, the d_an, d(B, S) and the negatives' distances to the positive, with the defaults of `conf/`.
FORMULAS: dict[str, Callable[[float, list[float], float, list[float]], float]] = {
    "batch_ratio": lambda p, qs, *_: mean([p / (q + 1e-7) for q in qs]),
    "bounded_ratio": lambda p, qs, *_: mean([p / (p + q + 1e-7) for q in qs]),
    "curricular": curricular,
    "info_nce": info_nce,
    "log_ratio": lambda p, qs, *_: mean([math.log((p + 1e-7) / (q + 1e-7)) for q in qs]),
    "margin": lambda p, qs, u, _: mean([(p / u) ** 2 / 2 + max(0.0, 1 - q / u) ** 2 / 2 for q in qs]),
    "pull": lambda p, *_: p,
    "push": lambda _, qs, *__: -mean(qs),
    "ratio": lambda p, qs, *_: mean([p / (q + 1e-7) for q in qs]),
    "triplet": lambda p, qs, u, _: mean([max(0.0, (p - q) / u + 0.5) for q in qs]),
}


@cache
def made(option: str, **keys: object) -> Objective:
    """An option of `conf/objective`, for one tap."""
    found: Objective = build("objective", {**read_option("objective", option), **keys}, tap_weights=[1.0])
    return found


def distances(d_ap: float, several: list[tuple[float, float]], unit: float = 1.0) -> Distances:
    """Those of one image at one tap; `several` holds d_an and d_np of each negative."""
    d_an, d_np = torch.tensor(several, dtype=torch.float64).view(-1, 2).T
    one = torch.tensor([[d_ap]], dtype=torch.float64, requires_grad=True)
    return Distances(
        one, d_an[None, :, None].clone().requires_grad_(), torch.full_like(one, unit).detach(), d_np[None, :, None]
    )


def slopes(objective: Objective, found: Distances) -> tuple[Tensor, Tensor]:
    """How steep the loss is in `d_ap`, a number, and in the `d_an`, (K,)."""
    loss = objective.tap_losses(found).sum()
    parts = torch.autograd.grad(loss, (found.d_ap, found.d_an), allow_unused=True, materialize_grads=True)
    return parts[0].squeeze(), parts[1].flatten()


def test_every_option_has_its_formula() -> None:
    assert set(options("objective")) == set(FORMULAS)


@pytest.mark.parametrize("option", FORMULAS)
@given(d_ap=LENGTHS, several=SEVERAL, unit=LENGTHS)
def test_formula(option: str, d_ap: float, several: list[tuple[float, float]], unit: float) -> None:
    found = made(option).tap_losses(distances(d_ap, several, unit)).item()
    d_an, d_np = (list(part) for part in zip(*several, strict=True))
    assert found == pytest.approx(FORMULAS[option](d_ap, d_an, unit, d_np), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("option", FORMULAS)
@given(d_ap=LENGTHS, several=SEVERAL, unit=LENGTHS)
def test_nearer_to_sharp_and_farther_from_negatives_is_better(
    option: str, d_ap: float, several: list[tuple[float, float]], unit: float
) -> None:
    objective = made(option)
    pull, push = slopes(objective, distances(d_ap, several, unit))
    assert pull >= 0
    assert (push <= 0).all()
    ends = option in ("info_nce", "margin", "triplet")
    assert ends or (pull > 0) == ("d_ap" in objective.uses)
    assert ends or (push < 0).all() == ("d_an" in objective.uses)


@pytest.mark.parametrize("option", ["bounded_ratio", "curricular"])
@given(d_ap=st.floats(0, 1e9), several=st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)), min_size=1))
def test_bounded(option: str, d_ap: float, several: list[tuple[float, float]]) -> None:
    assert -1e-12 <= made(option).tap_losses(distances(d_ap, several)).item() <= 1 + 1e-12


@pytest.mark.parametrize("option", ["bounded_ratio", "log_ratio", "ratio", "batch_ratio"])
@given(d_ap=LENGTHS, d_an=LENGTHS)
def test_ratios_push_by_the_share_of_d_ap(option: str, d_ap: float, d_an: float) -> None:
    pull, push = slopes(made(option), distances(d_ap, [(d_an, 1.0)]))
    assert (-push / (pull - push)).item() == pytest.approx(d_ap / (d_ap + d_an), rel=1e-3)


@given(d_ap=LENGTHS, d_an=LENGTHS)
def test_log_ratio_is_the_logarithm_of_the_ratio(d_ap: float, d_an: float) -> None:
    logarithm, ratio = (made(name).tap_losses(distances(d_ap, [(d_an, 1.0)])).item() for name in ("log_ratio", "ratio"))
    assert logarithm == pytest.approx(math.log(ratio), abs=2e-4)


@given(d_ap=LENGTHS, beyond=LENGTHS, unit=LENGTHS, margin=LENGTHS)
def test_triplet_ends_at_its_margin(d_ap: float, beyond: float, unit: float, margin: float) -> None:
    objective = Triplet([1.0], margin=margin)
    outside, inside = (distances(d_ap, [(d_ap + unit * reach, 1.0)], unit) for reach in (margin + beyond, 0.9 * margin))
    assert objective.tap_losses(outside).item() == 0
    assert [part.abs().max().item() for part in slopes(objective, outside)] == [0, 0]
    pull, push = slopes(objective, inside)
    assert pull.item() == pytest.approx(-push.item()) == pytest.approx(1 / unit)


@given(d_ap=LENGTHS, several=SEVERAL, unit=LENGTHS, temperature=st.floats(0.05, 5))
def test_info_nce_pushes_as_it_pulls(
    d_ap: float, several: list[tuple[float, float]], unit: float, temperature: float
) -> None:
    objective = InfoNCE([1.0], temperature=temperature)
    pull, push = slopes(objective, distances(d_ap, several, unit))
    assert pull.item() == pytest.approx(-push.sum().item(), rel=1e-6, abs=1e-12)
    d_an, scale = several[0][0], temperature * unit
    one = objective.tap_losses(distances(d_ap, several[:1], unit))
    expected = torch.nn.functional.softplus(torch.tensor((d_ap - d_an) / scale, dtype=torch.float64))
    # Its two exponents, of up to some hundreds, cancel.
    torch.testing.assert_close(one.squeeze(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("option", ["info_nce", "margin", "triplet"])
@given(d_ap=LENGTHS, several=SEVERAL, unit=LENGTHS, scale=st.floats(0.01, 1000))
def test_units_of_blur(option: str, d_ap: float, several: list[tuple[float, float]], unit: float, scale: float) -> None:
    objective = made(option)
    larger = distances(scale * d_ap, [(scale * d_an, d_np) for d_an, d_np in several], scale * unit)
    found = objective.tap_losses(distances(d_ap, several, unit)).item()
    assert objective.tap_losses(larger).item() == pytest.approx(found, rel=1e-6, abs=1e-9)
    assert [part.abs().max().item() for part in slopes(objective, distances(d_ap, several, 0.0))] == [0, 0]


@pytest.mark.parametrize("option", [name for name in FORMULAS if "combine" in read_option("objective", name)])
@given(d_ap=LENGTHS, several=SEVERAL)
def test_negatives_combine(option: str, d_ap: float, several: list[tuple[float, float]]) -> None:
    objective = made(option)
    assert isinstance(objective, Pairwise)
    of_each = [objective.tap_losses(distances(d_ap, [one])).item() for one in several]
    middle, total = mean([d_an for d_an, _ in several]), sum(d_an for d_an, _ in several)
    expected = {
        "mean": mean(of_each),
        "mean_distance": objective.tap_losses(distances(d_ap, [(middle, 1.0)])).item(),
        "sum": objective.tap_losses(distances(d_ap, [(total, 1.0)])).item(),
    }
    for combine in objective.combines:
        found = made(option, combine=combine).tap_losses(distances(d_ap, several)).item()
        assert found == pytest.approx(expected[combine], rel=1e-9, abs=1e-9)


@given(d_ap=LENGTHS, d_an=LENGTHS, share=st.floats(0.01, 0.99))
def test_curricular_weighs_what_is_behind(d_ap: float, d_an: float, share: float) -> None:
    behind, overtaking = (d_an, d_ap * (1 + share)), (d_an, d_ap * (1 - share))
    pull, push = slopes(Curricular([1.0], curriculum=0.5), distances(d_ap, [behind, overtaking]))
    assert (push[0] / push[1]).item() == pytest.approx(1.5 / 0.5)
    assert pull.item() == pytest.approx(slopes(made("bounded_ratio"), distances(d_ap, [behind]))[0].item())
    only = slopes(Curricular([1.0], curriculum=1), distances(d_ap, [overtaking, overtaking]))
    assert [part.abs().max().item() for part in only] == [0, 0]


@given(d_ap=LENGTHS, one=st.tuples(LENGTHS, LENGTHS))
def test_curricular_with_one_negative_is_the_bounded_ratio(d_ap: float, one: tuple[float, float]) -> None:
    found, expected = (made(name).tap_losses(distances(d_ap, [one])) for name in ("curricular", "bounded_ratio"))
    assert torch.equal(found, expected)
