"""The picture of a preview: the ladder of negatives, and the stages over the epochs."""

from dataclasses import dataclass
from statistics import mean

from cldeblur.study.figures.course import CHART_HEIGHT, draw_course
from cldeblur.study.figures.sheet import LINE, TITLE_POINTS, Sheet
from cldeblur.study.ladder import Ladder, Version, evenly

# All in pixels.
MARGIN = 24
GAP = 8
LARGEST_SIDE = 256
NARROWEST_COLUMN = 176
WIDEST_LADDER = 2400
NARROWEST_SHEET = 1000

MOST_STAGES = 10
MOST_ROWS = 64
TITLE_LINES = 3
EXPLAINED = (
    "under a picture: PSNR to sharp, and energy: mean squared difference between neighbouring pixels, over the sharp's",
    "above a column: level, and PSNR to sharp gained over the blurred crops, the mean over crops and negatives",
)


@dataclass(frozen=True)
class Grid:
    """Where the pictures of a ladder stand: columns, and square pictures of a side, in pixels."""

    columns: int
    side: int

    @property
    def column(self) -> int:
        """From one column to the next."""
        return max(self.side, NARROWEST_COLUMN) + GAP

    @property
    def row(self) -> int:
        """From one row to the next: name, picture and caption."""
        return self.side + 2 * LINE + GAP

    @property
    def width(self) -> int:
        """From the left of the first column to the right of the last one."""
        return self.columns * self.column - GAP

    def left(self, column: int) -> int:
        """Left edge of a column's pictures."""
        return MARGIN + column * self.column + (self.column - GAP - self.side) // 2


def ladder_figure(ladder: Ladder, images: int) -> bytes:
    """Draw a ladder: one row an image and negative, blurred, every stage (at most ten) and sharp; below, the course.

    Args:
        ladder: what to draw.
        images: how many of its crops to draw, the first ones; fewer where that would make more than 64 rows.

    Returns:
        A PNG file's content.
    """
    shown = evenly(len(ladder.stages), MOST_STAGES)
    grid = Grid(len(shown) + 2, _side(len(shown) + 2, len(ladder.blurred.pictures[0])))
    count = _negatives(ladder)
    drawn = min(images, len(ladder.names), max(1, MOST_ROWS // count))
    rows = [(image, number) for image in range(drawn) for number in range(count)]
    notes = _notes(ladder, shown)
    width = max(NARROWEST_SHEET, grid.width + 2 * MARGIN)
    first = MARGIN + (TITLE_LINES + 3) * LINE + GAP
    chart = first + len(rows) * grid.row + LINE
    footer = chart + CHART_HEIGHT + GAP
    sheet = Sheet(width, footer + len(notes) * LINE + MARGIN)
    sheet.write(MARGIN, MARGIN, ladder.method, size=TITLE_POINTS, bold=True)
    sheet.write(MARGIN, MARGIN + 1.4 * LINE, f"{drawn} of {ladder.data}")
    _write_titles(sheet, grid, ladder, shown)
    for place, (image, number) in enumerate(rows):
        _draw_row(sheet, grid, ladder, shown, first + place * grid.row, image, number)
    draw_course(sheet, ladder, MARGIN, chart, width - 2 * MARGIN)
    for place, note in enumerate(notes):
        sheet.write(MARGIN, footer + place * LINE, note)
    return sheet.png()


def _side(columns: int, crop: int) -> int:
    """Side of a picture: crops are shown pixel by pixel, or each pixel as a square, where there is room for it."""
    room = min(LARGEST_SIDE, WIDEST_LADDER // columns - GAP)
    return crop * (room // crop) if crop <= room else room


def _negatives(ladder: Ladder) -> int:
    """Rows an image: the number of negatives, and one where there are none to draw."""
    return max(1, len(ladder.stages[0].negatives))


def _notes(ladder: Ladder, shown: list[int]) -> list[str]:
    """What is written at the foot."""
    left_out = len(ladder.stages) - len(shown)
    return [*EXPLAINED, *([f"{left_out} stages in between are not drawn"] if left_out else []), *ladder.notes]


def _write_titles(sheet: Sheet, grid: Grid, ladder: Ladder, shown: list[int]) -> None:
    """Write above each column which stage it is."""
    titles = ["blurred", *(_stage_title(ladder, number) for number in shown), "sharp"]
    for column, title in enumerate(titles):
        sheet.write(grid.left(column) + grid.side / 2, MARGIN + 3 * LINE, title, centred=True)


def _stage_title(ladder: Ladder, number: int) -> str:
    """Number, level with the gain that was measured, and epochs of a stage, a line each."""
    stage = ladder.stages[number]
    gains = [made.psnr - ladder.blurred.psnr for made in stage.negatives]
    measured = f", {mean(gains):+.2f} dB" if gains else ""
    return f"stage {number}\nlevel {stage.level:.3f}{measured}\n{ladder.epochs_of(stage)}"


def _draw_row(sheet: Sheet, grid: Grid, ladder: Ladder, shown: list[int], top: int, image: int, number: int) -> None:
    """Draw one image's blurred and sharp crops, and one negative of it at every stage between them."""
    count = len(ladder.stages[0].negatives)
    name = ladder.names[image] + (f", negative {number + 1} of {count}" if count > 1 else "")
    sheet.write(grid.left(0), top, name)
    stages = [ladder.stages[stage].negatives[number] for stage in shown] if count else [None for _ in shown]
    for column, version in enumerate([ladder.blurred, *stages, ladder.sharp]):
        if version is None:
            _write_why(sheet, grid, column, top)
        else:
            sheet.picture(grid.left(column), top + LINE, version.pictures[image], grid.side)
            words = _caption(version, image, sharp=version is ladder.sharp)
            sheet.write(grid.left(column) + grid.side / 2, top + LINE + grid.side + 2, words, centred=True)


def _write_why(sheet: Sheet, grid: Grid, column: int, top: int) -> None:
    """Write in the place of a picture why there is none."""
    words = "made by the network\nof the stage before:\nnothing to draw\nbefore training"
    sheet.write(grid.left(column) + grid.side / 2, top + grid.side / 2 - LINE, words, centred=True)


def _caption(version: Version, image: int, sharp: bool) -> str:
    """PSNR to sharp and gradient energy of one crop."""
    energy = f"energy {version.energies[image]:.2f}"
    return energy if sharp else f"{version.psnrs[image]:.2f} dB, {energy}"
