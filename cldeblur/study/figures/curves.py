"""Curves over epochs: the validation, and how the negatives act."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes

from cldeblur.study.arms import Arm
from cldeblur.study.figures.canvas import Style, charts, explain, legend, png, styles

VALIDATION = "val/psnr"
STAGE = "contrast/stage"
# Column, label, and what it is multiplied by.
ACTION = (
    ("contrast/push", "push, times the\npixel loss's gradient", 1.0),
    ("contrast/pull", "pull, times the\npixel loss's gradient", 1.0),
    ("contrast/overtaken", "overtaken\nnegatives, %", 100.0),
)


def validation_figure(arms: Sequence[Arm]) -> bytes:
    """PSNR of the validation over epochs, as a PNG: an arm's mean over seeds, its range, and where stages begin.

    Args:
        arms: the baseline first.
    """
    figure, (axes,) = charts(1, 4.6)
    for arm in arms:
        _draw(axes, arm, VALIDATION, _style(arms, arm))
    axes.set_ylabel("PSNR of the validation, dB")
    axes.set_xlabel("epoch")
    explain(figure, _explained(arms))
    legend(figure, axes)
    return png(figure)


def action_figure(arms: Sequence[Arm]) -> bytes | None:
    """Push, pull and the share of overtaken negatives over epochs, as a PNG; None where no arm has negatives.

    Args:
        arms: the baseline first, whether it has negatives or not.
    """
    acting = [arm for arm in arms if any(run.curve(ACTION[0][0]) for run in arm.runs)]
    if not acting:
        return None
    figure, axes = charts(len(ACTION), 2.4)
    for one, (column, label, scale) in zip(axes, ACTION, strict=True):
        for arm in acting:
            _draw(one, arm, column, _style(arms, arm), scale)
        one.set_ylabel(label)
        one.set_ylim(bottom=0)
    axes[-1].set_xlabel("epoch")
    explain(figure, _explained(acting))
    legend(figure, axes[0])
    return png(figure)


def _style(arms: Sequence[Arm], arm: Arm) -> Style:
    return styles([one.name for one in arms])[arm.name]


def _explained(arms: Sequence[Arm]) -> str:
    """What a line, a band and a diamond are; only what there is."""
    parts = ["lines: means over seeds"]
    if any(len(arm.runs) > 1 for arm in arms):
        parts.append("bands: lowest to highest seed")
    if any(_beginnings(arm) for arm in arms):
        parts.append("diamonds: a stage begins")
    return "; ".join(parts)


def _draw(axes: Axes, arm: Arm, column: str, style: Style, scale: float = 1.0) -> None:
    """An arm's mean over the seeds, at epochs that all of them have measured, and the range of its seeds."""
    curves = [run.curve(column) for run in arm.runs]
    epochs = sorted(set.intersection(*map(set, curves)))
    if not epochs:
        return
    values = scale * np.array([[curve[epoch] for epoch in epochs] for curve in curves])
    mean, colour = values.mean(axis=0), style.colour
    axes.plot(epochs, mean, color=colour, linestyle=style.dashes, linewidth=1.8, label=arm.name)
    if len(curves) > 1:
        axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.15, linewidth=0)
    begin = [epoch for epoch in _beginnings(arm) if epochs[0] <= epoch <= epochs[-1]]
    axes.plot(begin, np.interp(begin, epochs, mean), "D", color=colour, markersize=6, markeredgecolor="white")


def _beginnings(arm: Arm) -> list[int]:
    """Epochs at which a seed of the arm enters another stage, the first one left out."""
    found = set()
    for run in arm.runs if arm.staged else ():
        stages = sorted(run.curve(STAGE).items())
        found |= {epoch for (_, before), (epoch, stage) in pairwise(stages) if stage != before}
    return sorted(found)
