"""The course of a schedule: stage and level over the epochs."""

from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from cldeblur.study.figures.sheet import POINTS, Sheet
from cldeblur.study.ladder import Ladder

# From the colour-blind safe palette of Okabe and Ito.
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#EEEEEE"
# All in pixels.
BESIDE = 56
STAGE_HEIGHT = 100
BETWEEN = 34
LEVEL_HEIGHT = 190
BELOW = 44
CHART_HEIGHT = STAGE_HEIGHT + BETWEEN + LEVEL_HEIGHT + BELOW
NARROWEST_LABELLED = 80

LOWEST_TOP = 0.1
MOST_TICKS = 6
SMALLEST_DISTANCE = 0.08
MOST_SHADED = 60


def draw_course(sheet: Sheet, ladder: Ladder, left: int, top: int, width: int) -> None:
    """Draw a panel with the stage and one with the level, over the same epochs, `CHART_HEIGHT` pixels high."""
    place, inner = left + BESIDE, width - 2 * BESIDE
    edges, numbers = _steps(ladder)
    stages = sheet.axes(place, top, inner, STAGE_HEIGHT)
    stages.stairs(numbers, edges, baseline=None, color=BLUE, lw=2)
    _label_lengths(stages, ladder, edges, numbers, inner)
    levels = sheet.axes(place, top + STAGE_HEIGHT + BETWEEN, inner, LEVEL_HEIGHT)
    levels.stairs([ladder.stages[number].level for number in numbers], edges, baseline=None, color=BLUE, lw=2)
    _scale_levels(levels, ladder)
    for axes in (stages, levels):
        _shade(axes, edges, ladder.foreseen)
    stages.tick_params(labelbottom=False)
    words = "epoch" if ladder.foreseen else "the stages in turn; at which epochs they begin, the training decides"
    levels.set_xlabel(words, fontsize=POINTS)


def _steps(ladder: Ladder) -> tuple[list[int], list[int]]:
    """The epochs at which stages begin and the last one ends, and the stages; without epochs, one after the other."""
    if not ladder.foreseen:
        return list(range(len(ladder.stages) + 1)), list(range(len(ladder.stages)))
    begins = sorted((span.start, number) for number, stage in enumerate(ladder.stages) for span in stage.epochs)
    return [*(epoch for epoch, _ in begins), ladder.max_epochs], [number for _, number in begins]


def _label_lengths(axes: Axes, ladder: Ladder, edges: list[int], numbers: list[int], width: int) -> None:
    """Scale the axes to stages, and write above the steps that are wide enough how many epochs they last."""
    most = max(len(ladder.stages) - 1, 1)
    axes.set_ylim(-0.1 * most, 1.4 * most)
    axes.set_ylabel("stage", fontsize=POINTS)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    narrowest = NARROWEST_LABELLED / width * (edges[-1] - edges[0])
    for number, (start, stop) in zip(numbers, pairwise(edges), strict=True):
        if ladder.foreseen and stop - start >= narrowest:
            words = f"{stop - start} epoch{'s' * (stop - start > 1)}"
            axes.text((start + stop) / 2, number + 0.05 * most, words, ha="center", fontsize=POINTS)


def _scale_levels(axes: Axes, ladder: Ladder) -> None:
    """Levels on the left, the same in dB on the right, and a line where the finished network stands."""
    finished = ladder.finished
    highest = max(LOWEST_TOP, *(stage.level for stage in ladder.stages), finished.level if finished else 0)
    # A level is below 1, and so must the axes' end be, for its gain to be finite.
    limits = (-0.05 * highest, highest + 0.15 * highest * (1 - highest))
    axes.set_ylim(*limits)
    axes.set_ylabel("level", fontsize=POINTS)
    decibels = axes.twinx()
    ticks = _gains_apart(limits[1])
    decibels.set_yticks(list(ticks), list(ticks.values()), fontsize=POINTS)
    decibels.set_ylim(*limits)
    decibels.set_ylabel("gain of the level, dB", fontsize=POINTS)
    if finished is not None:
        axes.axhline(finished.level, color=VERMILION, ls="--")
        words = f"a finished network, {finished.psnr:.2f} dB: level {finished.level:.3f}"
        axes.set_title(words, loc="right", fontsize=POINTS, color=VERMILION, pad=3)


def _gains_apart(end: float) -> dict[float, str]:
    """Levels up to `end` that are round gains, and these in words; the higher, the nearer to each other they lie."""
    from cldeblur.contrast.levels.scale import gain, level_of_gain

    kept = {0.0: "0"}
    for decibels in MaxNLocator(MOST_TICKS, steps=[1, 2, 5, 10]).tick_values(0, gain(end)):
        level = level_of_gain(decibels)
        if max(kept) + SMALLEST_DISTANCE * end < level <= end:
            kept[level] = f"{decibels:g}"
    return kept


def _shade(axes: Axes, edges: list[int], foreseen: bool) -> None:
    """Shade every second step, unless there are too many; the axes end where the training does."""
    axes.set_xlim(edges[0], edges[-1])
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True) if foreseen else NullLocator())
    axes.tick_params(labelsize=POINTS)
    for start, stop in list(pairwise(edges))[1::2] if len(edges) <= MOST_SHADED else []:
        axes.axvspan(start, stop, color=GREY, lw=0, zorder=0)
