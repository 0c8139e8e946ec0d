"""Curves over epochs: the validation, and how the negatives act."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes

from cldeblur.study.arms import Arm
from cldeblur.study.figures.canvas import Style, charts, over_epochs, png, styles

VALIDATION = "val/psnr"
STAGE = "contrast/stage"
# Column, label, and what it is multiplied by.
ACTION = (
    ("contrast/push", "push, times the\npixel loss's gradient", 1.0),
    ("contrast/pull", "pull, times the\npixel loss's gradient", 1.0),
    ("contrast/overtaken", "overtaken\nnegatives, %", 100.0),
)
HEIGHT = 2.4  # inches
# Bands of more arms than these hide one another.
MOST_BANDS = 6
STAGE_COLOUR = "#999999"
Curve = Mapping[int, float]


def validation_figure(arms: Sequence[Arm]) -> bytes:
    """PSNR of the validation over epochs, and what each arm has over the baseline with the same seed, as a PNG.

    Args:
        arms: the baseline first.
    """
    figure, (above, below) = charts([1.5 * HEIGHT, HEIGHT], _explained(arms), [arm.name for arm in arms])
    looks = styles([arm.name for arm in arms])
    for arm in arms:
        _draw(above, arm, [run.curve(VALIDATION) for run in arm.runs], looks, arms)
        _draw(below, arm, _gains(arms[0], arm), looks, arms)
    _draw_stages([above, below], arms)
    above.set_ylabel("PSNR of the validation, dB")
    below.set_ylabel("minus the baseline's\nwith the same seed, dB")
    over_epochs(figure, [above, below])
    return png(figure)


def action_figure(arms: Sequence[Arm]) -> bytes | None:
    """Push, pull and the share of overtaken negatives over epochs, as a PNG; None where no arm has negatives.

    Args:
        arms: the baseline first, whether it has negatives or not.
    """
    acting = [arm for arm in arms if any(run.curve(ACTION[0][0]) for run in arm.runs)]
    if not acting:
        return None
    figure, axes = charts([HEIGHT] * len(ACTION), _explained(acting), [arm.name for arm in acting])
    looks = styles([arm.name for arm in arms])
    for one, (column, label, scale) in zip(axes, ACTION, strict=True):
        for arm in acting:
            curves = [{epoch: scale * value for epoch, value in run.curve(column).items()} for run in arm.runs]
            _draw(one, arm, curves, looks, acting)
        one.set_ylabel(label)
        one.set_ylim(bottom=0)
    _draw_stages(axes, acting)
    over_epochs(figure, axes)
    return png(figure)


def _gains(baseline: Arm, arm: Arm) -> list[Curve]:
    """Curves of an arm minus those of the baseline, for each seed that both have."""
    pairs = [(run, other) for run in arm.runs for other in baseline.runs if run.seed == other.seed]
    curves = [(run.curve(VALIDATION), other.curve(VALIDATION)) for run, other in pairs]
    return [{epoch: own[epoch] - other[epoch] for epoch in own if epoch in other} for own, other in curves]


def _draw(axes: Axes, arm: Arm, curves: Sequence[Curve], looks: Mapping[str, Style], shown: Sequence[Arm]) -> None:
    """An arm's mean over the seeds, at epochs that all of them have measured, and the range of its seeds."""
    epochs = sorted(set.intersection(*map(set, curves))) if curves else []
    if not epochs:
        return
    values = np.array([[curve[epoch] for epoch in epochs] for curve in curves])
    mean, (colour, dashes) = values.mean(axis=0), looks[arm.name]
    axes.plot(epochs, mean, color=colour, linestyle=dashes, linewidth=1.8, label=arm.name)
    if len(curves) > 1 and len(shown) <= MOST_BANDS:
        axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.15, linewidth=0)
    if len(_schedules(shown)) > 1:
        begin = [epoch for epoch in _beginnings(arm) if epochs[0] <= epoch <= epochs[-1]]
        places = np.interp(begin, epochs, mean)
        axes.plot(begin, places, "D", color=colour, markersize=6, markeredgecolor="white", markeredgewidth=0.7)


def _draw_stages(axes: Sequence[Axes], arms: Sequence[Arm]) -> None:
    """A line where a stage begins, if it is the same epoch for all arms."""
    for epoch in _schedules(arms)[0] if len(_schedules(arms)) == 1 else ():
        for one in axes:
            one.axvline(epoch, color=STAGE_COLOUR, linestyle=(0, (4, 3)), linewidth=0.9, zorder=1)


def _schedules(arms: Sequence[Arm]) -> list[tuple[int, ...]]:
    """The different schedules of the arms that have any: epochs at which stages begin."""
    return list(dict.fromkeys(begin for arm in arms if (begin := _beginnings(arm))))


def _beginnings(arm: Arm) -> tuple[int, ...]:
    """Epochs at which a seed of the arm enters another stage, the first one left out."""
    found = set()
    for run in arm.runs if arm.staged else ():
        stages = sorted(run.curve(STAGE).items())
        found |= {epoch for (_, before), (epoch, stage) in pairwise(stages) if stage != before}
    return tuple(sorted(found))


def _explained(arms: Sequence[Arm]) -> str:
    """What a line, a band and a mark are; only what there is."""
    parts = ["lines: means over seeds"]
    if any(len(arm.runs) > 1 for arm in arms) and len(arms) <= MOST_BANDS:
        parts.append("bands: lowest to highest seed")
    if schedules := _schedules(arms):
        parts.append("dashes: a stage begins" if len(schedules) == 1 else "diamonds: a stage of the arm begins")
    return "; ".join(parts)
