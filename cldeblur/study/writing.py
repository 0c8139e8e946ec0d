"""A comparison as files: `comparison.md`, `results.csv`, and the figures that the first one shows."""

from collections.abc import Callable
from pathlib import Path

from cldeblur.errors import Failed, Refused
from cldeblur.files import write_bytes, write_text
from cldeblur.study.comparison import Comparison, make_comparison
from cldeblur.study.document import comparison_text, summary
from cldeblur.study.figures.curves import action_figure, validation_figure
from cldeblur.study.figures.forest import forest_figure
from cldeblur.study.text import results_table

DOCUMENT = "comparison.md"
RESULTS = "results.csv"
FIGURES: tuple[tuple[str, str, Callable[[Comparison], bytes | None]], ...] = (
    ("Differences", "figures/differences.png", forest_figure),
    ("Validation over epochs", "figures/validation.png", lambda comparison: validation_figure(comparison.arms)),
    ("How the negatives act", "figures/negatives.png", lambda comparison: action_figure(comparison.arms)),
)


def compare(folder: Path, baseline: str | None = None, output: Path | None = None) -> list[str]:
    """Compare the arms of the runs below a folder, and write what was found.

    Args:
        folder: a sweep's directory, or any other that holds runs.
        baseline: `key=value,…` that selects the arm to compare with; None: the arm without negatives.
        output: where to write; None: into `folder`.

    Returns:
        What to tell the user: a line an arm, and where the files are.

    Raises:
        Refused: the runs cannot be compared, or `output` is a file.
        Failed: the files cannot be written.
    """
    place = output or folder
    if place.exists() and not place.is_dir():
        raise Refused(f"--output {place} is not a directory")
    comparison = make_comparison(folder, baseline)
    try:
        _write(place, comparison)
    except OSError as error:
        raise Failed(f"{place} cannot be written to: {error.strerror}") from error
    return [*summary(comparison), *(f"left out: {sentence}" for sentence in comparison.left_out), _written(place)]


def _write(place: Path, comparison: Comparison) -> None:
    """Write the figures first: the text names only pictures that are there."""
    drawn = []
    for title, name, draw in FIGURES:
        content = draw(comparison)
        if content is not None:
            write_bytes(place / name, content)
            drawn.append((title, name))
    write_text(place / RESULTS, results_table(comparison))
    write_text(place / DOCUMENT, comparison_text(comparison, drawn))


def _written(place: Path) -> str:
    return f"written to {place / DOCUMENT}, {place / RESULTS} and {place / 'figures'}"
