"""What a finished training ends with: the last checkpoint's score, a contact sheet, and where everything is."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cldeblur.checkpoints import load_published
from cldeblur.data.batch import Batch, Item, Split
from cldeblur.data.crops import WholeImages
from cldeblur.data.loading import whole_image_loader
from cldeblur.evaluation.metrics import METRICS
from cldeblur.evaluation.pictures import Cell, contact_sheet, to_picture
from cldeblur.evaluation.restoration import restore
from cldeblur.evaluation.results import Summary, summary_table
from cldeblur.evaluation.run import PICTURES, describe, evaluate_items
from cldeblur.history import METRICS_FILE, read_history
from cldeblur.records import RunRecord
from cldeblur.training.checkpointing import BEST, FOLDER, LAST
from cldeblur.training.prepared import PreparedRun
from cldeblur.training.wandb import RunLogger

if TYPE_CHECKING:
    from cldeblur.contrast.negatives.generator import Generator
    from cldeblur.training.attachment import Attachment

logger = logging.getLogger(__name__)
CONTACT_SHEET = "contact_sheet.png"
ROWS = 4
LARGEST_SIDE = 256


def finish(run: PreparedRun, record: RunRecord, loggers: Sequence[RunLogger], device: torch.device) -> None:
    """Evaluate the last checkpoint on the test split, or on validation where there is none, and show it."""
    network = run.module.network
    load_published(network, run.directory / FOLDER / LAST)
    network.eval()
    protocol = run.parts.protocol
    split: Split = "test"
    items = run.source.items("test")
    if items:
        record.data.append(run.describe_split(split, items))
    else:
        items, split = run.data.images.items, "validation"
    if run.config.trainer.fast_dev_run:
        items = items[:1]
    summary = evaluate_items(network, run.source, items, protocol, run.config.data, device, run.directory)
    describe(record, protocol, run.config.data.name, split, summary)
    sheet = run.directory / PICTURES / CONTACT_SHEET
    draw_contact_sheet(run, items, device, sheet)
    for destination in loggers:
        _tell(destination, run, summary, split, device)
    for line in _closing_words(run, summary, split, sheet, loggers):
        logger.info("%s", line)


def draw_contact_sheet(run: PreparedRun, items: Sequence[Item], device: torch.device, path: Path) -> None:
    """Draw, for a few images, blurred, the negatives of each stage, restored and sharp, with the PSNR of each."""
    loader = whole_image_loader(WholeImages(run.source, items[:ROWS]), workers=0)
    attachment = run.module.attachment
    steps = [] if attachment is None else _steps(run.directory, attachment.term.generator)
    rows = [_row(run, attachment, [level for _, level in steps], batch, device) for batch in loader]
    titles = [] if attachment is None else [_title(attachment.term.generator, *step) for step in steps]
    contact_sheet(rows, ["blurred", *titles, "restored", "sharp"], path)


def _steps(directory: Path, generator: "Generator") -> list[tuple[int, float]]:
    """Stages that the training has been at, each with the last level there.

    The latest one alone, where negatives do not follow the level: those of others cannot be made again.
    """
    rows = read_history(directory / METRICS_FILE)
    steps = [(int(row["contrast/stage"] or 0), row["contrast/level"] or 0.0) for row in rows]
    return sorted(dict(steps).items()) if generator.uses_level else steps[-1:]


def _title(generator: "Generator", stage: int, level: float) -> str:
    negative = f"negative 1 of {generator.count}" if generator.count > 1 else "negative"
    return negative if generator.fixed else f"{negative}, stage {stage}, level {level:.2f}"


def _row(
    run: PreparedRun, attachment: "Attachment | None", levels: Sequence[float], batch: Batch, device: torch.device
) -> list[Cell]:
    """One image: the middle of it, at its own size."""
    restored = _middle(restore(run.module.network, batch.blurred.to(device)).cpu())
    blurred, sharp = _middle(batch.blurred), _middle(batch.sharp)
    negatives = []
    if attachment is not None:
        made = [attachment.term.generator(blurred.to(device), sharp.to(device), level) for level in levels]
        negatives = [images[0].cpu() for images in made]
    scored = [
        Cell(image[0], f"{METRICS['psnr'](image[0], sharp[0]):.2f} dB") for image in (blurred, *negatives, restored)
    ]
    return [*scored, Cell(sharp[0], batch.names[0])]


def _middle(images: Tensor) -> Tensor:
    """The middle of images (N,3,H,W), at most 256 pixels high and wide."""
    height, width = images.shape[-2:]
    top, left = max(0, height - LARGEST_SIDE) // 2, max(0, width - LARGEST_SIDE) // 2
    return images[..., top : top + LARGEST_SIDE, left : left + LARGEST_SIDE]


def _tell(destination: RunLogger, run: PreparedRun, summary: Summary, split: str, device: torch.device) -> None:
    """Give a logger the final scores and pictures."""
    name = run.config.data.name
    scores = {f"{split}/{name}/{metric}": values.mean for metric, values in summary.overall.restored.items()}
    destination.log_metrics(scores)
    sheet = run.directory / PICTURES / CONTACT_SHEET
    destination.show_file("contact sheet", sheet)
    loader = whole_image_loader(WholeImages(run.source, run.data.images.items[: destination.panels]), workers=0)
    for batch in loader:
        restored = restore(run.module.network, batch.blurred.to(device)).cpu()
        triple = {"blurred": batch.blurred, "restored": restored, "sharp": batch.sharp}
        destination.show(batch.names[0], {word: to_picture(_middle(image)[0]) for word, image in triple.items()})


def _closing_words(
    run: PreparedRun, summary: Summary, split: str, sheet: Path, loggers: Sequence[RunLogger]
) -> list[str]:
    """What the user reads at the end."""
    folder = run.directory
    lines = [
        "",
        f"{run.config.data.name}, {split}, last checkpoint:",
        summary_table(summary),
        "",
        f"checkpoints    {folder / FOLDER / LAST}{f' and {BEST}' * (folder / FOLDER / BEST).is_file()}",
        f"metrics        {folder / METRICS_FILE}",
        f"contact sheet  {sheet}",
    ]
    return lines + [line for destination in loggers for line in destination.whereabouts()]
