"""A forest plot: the difference of every arm to the baseline, with what luck leaves open."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cldeblur.study.comparison import PRIMARY, Comparison, Contrasted
from cldeblur.study.figures.canvas import BASELINE_COLOUR, charts, png
from cldeblur.study.statistics import FEWEST_SEEDS, Interval
from cldeblur.study.text import decimals, number
from cldeblur.study.verdict import Verdict, decide

# From the colour-blind safe palette of Okabe and Ito; the words beside the rows say the same.
COLOURS = {"better": "#0072B2", "worse": "#D55E00", "no verdict": "#767676"}
# Inches.
LINE = 0.19
AROUND = 1.2
# The chart's least half width, dB, and the margin on either side as a share of it.
SMALLEST_REACH = 1e-3
MARGIN = 0.06
LONGEST_LINE = 36  # letters of a name
EXPLAINED = (
    "dot: mean; rings: seeds; thick line: 95\u00a0% interval; thin line: 95\u00a0% for all arms at once; arrow: goes on"
)


def forest_figure(comparison: Comparison) -> bytes:
    """Draw, a row an arm, the mean difference in PSNR, both intervals and the difference of every seed, as a PNG."""
    others = comparison.others
    verdicts = [decide(other.differences[PRIMARY], len(others)) for other in others]
    labels = [_label(*pair) for pair in zip(others, verdicts, strict=True)]
    height = AROUND + sum(LINE * max(3, 1 + label.count("\n")) for label in labels)
    figure, (axes,) = charts([height], f"PSNR minus that of {comparison.baseline.name} with the same seed; {EXPLAINED}")
    limits = _limits(others)
    for row, (other, verdict) in enumerate(zip(others, verdicts, strict=True)):
        _draw(axes, row, other, COLOURS[verdict.word], limits)
    axes.axvline(0, color=BASELINE_COLOUR, linewidth=1)
    axes.set_xlim(*limits)
    axes.set_ylim(len(others) - 0.5, -0.5)
    axes.set_yticks(range(len(others)), labels, fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("PSNR minus the baseline's, dB")
    return png(figure)


def _label(other: Contrasted, verdict: Verdict) -> str:
    paired = other.differences[PRIMARY]
    mean = number(paired.mean, decimals(PRIMARY), signed=True)
    name = other.arm.name if len(other.arm.name) <= LONGEST_LINE else other.arm.name.replace(",", ",\n")
    return f"{name}\n{mean} dB, n = {len(paired.values)}: {verdict.word}"


def _limits(others: Sequence[Contrasted]) -> tuple[float, float]:
    """Room for every seed and for the intervals that may earn a verdict; those of two seeds would dwarf the rest."""
    places = [0.0, SMALLEST_REACH, -SMALLEST_REACH]
    for other in others:
        paired = other.differences[PRIMARY]
        places += paired.values
        if paired.evidence is not None and len(paired.values) >= FEWEST_SEEDS:
            places += paired.evidence.interval
    margin = MARGIN * (max(places) - min(places))
    return min(places) - margin, max(places) + margin


def _draw(axes: Axes, row: int, other: Contrasted, colour: str, limits: tuple[float, float]) -> None:
    paired = other.differences[PRIMARY]
    if paired.evidence is not None:
        _line(axes, row, paired.evidence.joint, colour, 1.2, limits)
        _line(axes, row, paired.evidence.interval, colour, 3.6, limits)
    below = [row + 0.24] * len(paired.values)
    axes.plot(paired.values, below, "o", markerfacecolor="white", markeredgecolor=colour, markersize=5)
    if paired.values:
        axes.plot([paired.mean], [row], "o", color=colour, markersize=9, markeredgecolor="white")


def _line(axes: Axes, row: int, interval: Interval, colour: str, width: float, limits: tuple[float, float]) -> None:
    """An interval as far as the chart goes, with an arrow where it goes on."""
    low, high = max(interval.low, limits[0]), min(interval.high, limits[1])
    axes.plot([low, high], [row, row], color=colour, linewidth=width, solid_capstyle="butt")
    for end, place, arrow in ((interval.low, low, "<"), (interval.high, high, ">")):
        if end != place:
            axes.plot([place], [row], arrow, color=colour, markersize=7, clip_on=False)
