"""What the charts of a comparison share: axes, styles of arms, small print, and becoming a file's content."""

import io
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib import color_sequences
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

DPI = 150
# Inches.
WIDTH = 8.0
LEGEND_LINE = 0.2
SMALL_PRINT = 8.0
SMALL_PRINT_LETTERS = 120
# Petroff (2021): ten colours that are told apart with any colour vision; dashes tell further arms apart.
COLOURS = [to_hex(colour) for colour in color_sequences["petroff10"]]
DASHES = ("-", "--", ":", "-.")
BASELINE_COLOUR = "#202020"
GRID_COLOUR = "#DDDDDD"
# Letters of the longest name with which so many columns fit below a chart.
LEGEND_COLUMNS = {20: 4, 32: 3, 52: 2}


class Style(NamedTuple):
    """How the lines of an arm look."""

    colour: str
    dashes: str


def styles(names: Sequence[str]) -> dict[str, Style]:
    """A style for each arm: black for the first, the baseline."""
    rest = {
        name: Style(COLOURS[place % len(COLOURS)], DASHES[place // len(COLOURS) % len(DASHES)])
        for place, name in enumerate(names[1:])
    }
    return {names[0]: Style(BASELINE_COLOUR, "-"), **rest}


def charts(heights: Sequence[float], words: str, names: Sequence[str] = ()) -> tuple[Figure, list[Axes]]:
    """A figure with charts below one another.

    Args:
        heights: of each chart, inches.
        words: small print above the charts, that says what the marks are.
        names: of arms; room is left for a legend of them.
    """
    room = LEGEND_LINE * -(-len(names) // _columns(names)) if names else 0.0
    figure = Figure(figsize=(WIDTH, sum(heights) + room), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(textwrap.fill(words, SMALL_PRINT_LETTERS), fontsize=SMALL_PRINT, x=0.01, horizontalalignment="left")
    axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for one in axes:
        one.grid(color=GRID_COLOUR, linewidth=0.6)
        one.set_axisbelow(True)
        one.spines[["top", "right"]].set_visible(False)
    return figure, list(axes)


def over_epochs(figure: Figure, axes: Sequence[Axes]) -> None:
    """Label the epochs below the last chart, and the lines of the first one at the foot of the figure."""
    axes[-1].set_xlabel("epoch")
    axes[-1].xaxis.set_major_locator(MaxNLocator(10, integer=True, steps=[1, 2, 5, 10]))
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=_columns(names), frameon=False, fontsize=9)


def png(figure: Figure) -> bytes:
    """The figure as a PNG file's content, the same for the same figure."""
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _columns(names: Sequence[str]) -> int:
    """Columns of a legend."""
    longest = max(map(len, names), default=0)
    return next((columns for letters, columns in LEGEND_COLUMNS.items() if longest <= letters), 1)
