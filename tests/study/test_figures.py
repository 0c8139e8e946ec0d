"""The charts of a comparison: what is drawn, and that any comparison can be."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from cldeblur.study.comparison import Comparison, make_comparison
from cldeblur.study.figures import curves, forest
from cldeblur.study.figures.canvas import COLOURS, charts, over_epochs, png, styles

Sweep = Any  # FakeSweep of conftest.py
GAINS = {"blend": [0.11, 0.12, 0.14], "blurred": [0.02, -0.03, 0.04], "unsharp": [-0.1, -0.12, -0.13]}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Axes]]:
    """Give `drawn()`, the axes of the figure that was drawn last."""
    figures: list[Figure] = []

    def keep(figure: Figure) -> bytes:
        figures.append(figure)
        return png(figure)

    for module in (curves, forest):
        monkeypatch.setattr(module, "png", keep)
    return lambda: figures[-1].axes


@pytest.fixture
def comparison(sweep: Sweep) -> Comparison:
    """Three arms beside the baseline, three seeds each."""
    sweep.arms(GAINS)
    return make_comparison(sweep.folder)


def size(content: bytes | None) -> tuple[int, int]:
    assert content is not None
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("RGB").getcolors(2**20) or []) > 10  # not an empty sheet
        return picture.size


def lines(axes: Axes) -> dict[str, np.ndarray]:
    """Heights of the labelled lines."""
    return {str(line.get_label()): np.asarray(line.get_ydata()) for line in axes.lines if line.get_label()[0] != "_"}


def test_validation_is_drawn_with_and_without_the_baseline(
    comparison: Comparison, drawn: Callable[[], list[Axes]]
) -> None:
    assert size(curves.validation_figure(comparison.arms))[0] == 1200
    above, below = drawn()
    assert list(lines(above)) == [arm.name for arm in comparison.arms]
    baseline = np.mean([list(run.curve("val/psnr").values()) for run in comparison.baseline.runs], axis=0)
    assert lines(above)["negatives=none"] == pytest.approx(baseline)
    assert lines(below)["negatives=none"] == pytest.approx(np.zeros(4))
    assert lines(below)["negatives=blend"] == pytest.approx(np.full(4, np.mean(GAINS["blend"])))
    assert len(above.collections) == 4  # a band an arm


def stage_lines(axes: Axes) -> list[float]:
    return [float(np.asarray(line.get_xdata())[0]) for line in axes.lines if line.get_linestyle() == "--"]


def test_stages_begin_at_a_line_where_all_arms_agree(comparison: Comparison, drawn: Callable[[], list[Axes]]) -> None:
    curves.validation_figure(comparison.arms)
    assert [stage_lines(axes) for axes in drawn()] == [[2.0], [2.0]]


def test_stages_of_arms_that_do_not_agree_are_marked_on_their_lines(
    comparison: Comparison, drawn: Callable[[], list[Axes]]
) -> None:
    for run in next(arm for arm in comparison.arms if arm.name == "negatives=unsharp").runs:
        run.history[2]["contrast/stage"] = 0
    curves.validation_figure(comparison.arms)
    above = drawn()[0]
    assert stage_lines(above) == []
    marks = {line.get_color(): np.asarray(line.get_xdata()) for line in above.lines if line.get_marker() == "D"}
    assert [epochs.tolist() for epochs in marks.values() if len(epochs)] == [[2], [3]]


def test_negatives_are_drawn_for_the_arms_that_have_them(
    comparison: Comparison, drawn: Callable[[], list[Axes]]
) -> None:
    size(curves.action_figure(comparison.arms))
    push, pull, overtaken = drawn()
    assert [list(lines(axes)) for axes in (push, pull, overtaken)] == [
        ["negatives=blend", "negatives=blurred", "negatives=unsharp"]
    ] * 3
    assert lines(overtaken)["negatives=blend"] == pytest.approx([0, 2, 4, 6])  # per cent
    looks = styles([arm.name for arm in comparison.arms])
    assert {str(line.get_label()): line.get_color() for line in push.lines}["negatives=blend"] == looks[
        "negatives=blend"
    ].colour


def test_without_negatives_there_is_nothing_to_draw(sweep: Sweep) -> None:
    sweep.run("none", 1)
    sweep.run("none", 1, levels={"top": 0.1}, backbone={"channels": 16}, name="narrow")
    comparison = make_comparison(sweep.folder, "backbone.channels=32")
    assert curves.action_figure(comparison.arms) is None


def test_the_forest_shows_means_and_intervals(comparison: Comparison, drawn: Callable[[], list[Axes]]) -> None:
    size(forest.forest_figure(comparison))
    (axes,) = drawn()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [
        "negatives=blend\n+0.123 dB, n = 3: better",
        "negatives=blurred\n+0.010 dB, n = 3: no verdict",
        "negatives=unsharp\n-0.117 dB, n = 3: worse",
    ]
    interval = comparison.others[0].differences["psnr"].evidence.interval  # type: ignore[union-attr]
    ends = [tuple(np.asarray(line.get_xdata())) for line in axes.lines if line.get_linewidth() == 3.6]
    assert ends[0] == pytest.approx(interval)
    low, high = axes.get_xlim()
    assert low < min(end for pair in ends for end in pair)
    assert high > max(end for pair in ends for end in pair)


def test_intervals_of_two_seeds_do_not_dwarf_the_forest(sweep: Sweep, drawn: Callable[[], list[Axes]]) -> None:
    sweep.arms({"blend": [0.1, 0.2]})
    size(forest.forest_figure(make_comparison(sweep.folder)))
    (axes,) = drawn()
    assert axes.get_xlim()[1] < 0.25
    assert {line.get_marker() for line in axes.lines} >= {"<", ">"}  # arrows: they go on


@pytest.mark.parametrize("seeds", [1, 2])
def test_any_number_of_seeds_can_be_drawn(seeds: int, sweep: Sweep) -> None:
    sweep.arms({"blend": [0.1] * seeds, "blurred": [0.2] * seeds})
    sweep.run("unsharp", 9)  # shares no seed
    comparison = make_comparison(sweep.folder)
    size(forest.forest_figure(comparison))
    size(curves.validation_figure(comparison.arms))
    size(curves.action_figure(comparison.arms))


def test_many_arms_with_long_names_get_room(sweep: Sweep) -> None:
    for place in range(14):
        sweep.run("blend", 1, levels={"top": 0.01 * place}, contrast={"gradient_ratio": 0.1 * place}, name=str(place))
    sweep.run("none", 1)
    comparison = make_comparison(sweep.folder)
    looks = styles([arm.name for arm in comparison.arms])
    assert len(set(looks.values())) == 15 > len(COLOURS)
    names = [arm.name for arm in comparison.arms]
    figure, (axes,) = charts([2.0], "words", names)
    for name in names:
        axes.plot([0, 1], [0, 1], label=name)
    over_epochs(figure, [axes])
    figure.canvas.draw()
    assert axes.get_window_extent().height > 100  # pixels; the legend has its own room
    assert size(forest.forest_figure(comparison))[1] > 1500
