"""What the charts of a comparison share: axes, colours an arm, and becoming a file's content."""

import io
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib import color_sequences
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

DPI = 150
WIDTH = 8.0  # inches
# Petroff (2021): ten colours that are told apart with any colour vision; dashes tell further arms apart.
COLOURS = [to_hex(colour) for colour in color_sequences["petroff10"]]
DASHES = ("-", "--", ":", "-.")
BASELINE_COLOUR = "#202020"
GRID_COLOUR = "#DDDDDD"


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


def charts(rows: int, height: float) -> tuple[Figure, list[Axes]]:
    """A figure with charts below one another that share their epochs; `height` of each is in inches."""
    figure = Figure(figsize=(WIDTH, rows * height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    for one in axes:
        one.grid(color=GRID_COLOUR, linewidth=0.6)
        one.set_axisbelow(True)
        one.spines[["top", "right"]].set_visible(False)
        one.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    return figure, list(axes)


def explain(figure: Figure, words: str) -> None:
    """A line of small print above the charts."""
    figure.suptitle(words, fontsize=8, x=0.01, horizontalalignment="left")


def legend(figure: Figure, axes: Axes) -> None:
    """A legend of one chart below all charts, where it hides no line."""
    handles, words = axes.get_legend_handles_labels()
    columns = 1 if max(map(len, words)) > 40 else 2 if max(map(len, words)) > 22 else 4
    figure.legend(handles, words, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)


def png(figure: Figure) -> bytes:
    """The figure as a PNG file's content, the same for the same figure."""
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
