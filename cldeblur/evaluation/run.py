"""The verb `evaluate`: a checkpoint on a data set, with a run directory of its own; and what `train` ends with."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cldeblur.checkpoints import load_published, origin, our_description, read_checkpoint
from cldeblur.config.schema import Data, EvaluateConfig
from cldeblur.config.targets import build
from cldeblur.data.batch import Item, Split
from cldeblur.data.crops import WholeImages
from cldeblur.data.fingerprint import data_record
from cldeblur.data.loading import whole_image_loader
from cldeblur.data.source import Source
from cldeblur.environment import determinism, peak_memory_mb
from cldeblur.errors import Refused
from cldeblur.evaluation.evaluate import ImageResult, evaluate
from cldeblur.evaluation.pictures import save_picture
from cldeblur.evaluation.protocol import Protocol
from cldeblur.evaluation.results import Summary, summarise, summary_table, write_results
from cldeblur.launching import LOG_FILE, Launch, begin, list_outputs, logged
from cldeblur.networks.cost import count_parameters, multiply_adds
from cldeblur.records import RunRecord
from cldeblur.stopping import interruptible, recorded

logger = logging.getLogger(__name__)
RESULTS = "results"
PICTURES = "pictures"
MACS_SIDE = 256


def evaluate_checkpoint(config: EvaluateConfig, launch: Launch) -> float:
    """Evaluate a checkpoint, or a network without weights of its own, and write a run directory.

    Returns:
        Mean PSNR over the images, in dB.

    Raises:
        Refused: the checkpoint, the network or the data are not to be had.
    """
    with interruptible():
        network = load_network(config)
        protocol: Protocol = build("protocol", config.protocol, config.trust)
        source = make_source(config.data, config.trust)
        items = test_items(source)
        began = time.monotonic()
        with logged(launch.directory):
            record = begin(launch, config.run)
            with recorded(record, launch.directory, launch.directory / LOG_FILE):
                summary = _evaluate(config, launch.directory, network, protocol, source, items)
                describe(record, protocol, config.data.name, "test", summary)
                record.data = [data_record("test", config.data.name, str(config.data.root), items, source.synthetic)]
                record.model = model_record(network, (config.backbone or {}).get("_target_"))
                record.init = origin(Path(config.checkpoint)) if config.checkpoint is not None else None
                record.determinism = determinism(config.data.workers)
                record.cost |= {"wall_s": time.monotonic() - began, "peak_rss_mb": peak_memory_mb()}
                record.outputs = list_outputs(launch.directory)
            record.end(launch.directory, "completed")
    return summary.overall.restored["psnr"].mean


def load_network(config: EvaluateConfig) -> nn.Module:
    """The network of a checkpoint of ours, or the named backbone with the weights of any other."""
    if config.backbone is None:
        return rebuild(config.checkpoint or "", config.trust)
    network: nn.Module = build("backbone", config.backbone, config.trust)
    if config.checkpoint is not None:
        load_published(network, Path(config.checkpoint))
    return network


def rebuild(checkpoint: str | PathLike[str], trust: Sequence[str] = ()) -> nn.Module:
    """The network of a checkpoint of ours, with its weights, averaged ones where the run kept an average.

    Raises:
        Refused: the file is no checkpoint, does not say what network it is of, or names a class that is not trusted.
    """
    description = our_description(read_checkpoint(Path(checkpoint)))
    if description is None:
        raise Refused(f"{checkpoint} does not say what network it is of; name it, as in backbone=mimo_unet")
    network: nn.Module = build("backbone", description["backbone"], trust)
    load_published(network, Path(checkpoint))
    return network


def make_source(data: Data, trust: Sequence[str]) -> Source:
    """The data set of a config."""
    source: Source = build("data.source", data.source, trust, root=data.root, validation=data.validation)
    return source


def test_items(source: Source) -> list[Item]:
    """The test split; everything, and a word about it, where a data set has none."""
    items = source.items("test")
    if not items:
        items = source.everything()
        source.notes.append(f"this data set has no test split: all its {len(items)} images are evaluated")
    return items


def evaluate_items(
    network: nn.Module,
    source: Source,
    items: Sequence[Item],
    protocol: Protocol,
    data: Data,
    device: torch.device,
    directory: Path,
    save_images: bool = False,
) -> Summary:
    """Evaluate a network on items, and write `results/<data option>.csv` and `.json` below a directory."""

    def save(result: ImageResult, restored: Tensor) -> None:
        if save_images:
            save_picture(restored, directory / PICTURES / data.name / f"{result.name}.png")

    batches = whole_image_loader(WholeImages(source, items), data.workers)
    results = evaluate(network, batches, protocol, device, save, progress=True)
    summary = summarise(results)
    write_results(directory / RESULTS, data.name, results, summary)
    return summary


def describe(record: RunRecord, protocol: Protocol, name: str, split: Split, summary: Summary) -> None:
    """Put an evaluation's result into a record; only the test split's may be called test."""
    per_image = f"{RESULTS}/{name}.csv"
    found = {
        **{f"{name}/{metric}": values for metric, values in summary.overall.restored.items()},
        **{f"{name}/blurred_{metric}": values for metric, values in summary.overall.blurred.items()},
    }
    record.metrics["evaluated"] = {"split": split, "data": name, "protocol": protocol.name}
    record.metrics[split] = {key: {**asdict(values), "per_image": per_image} for key, values in found.items()}
    record.metric_defs = protocol.metric_definitions()
    record.cost["inference_s"] = summary.seconds


def model_record(network: nn.Module, target: object) -> dict[str, Any]:
    """Size and cost of a network, for the record."""
    parameters = count_parameters(network)
    try:
        macs: int | None = multiply_adds(network, MACS_SIDE, MACS_SIDE)
    except (RuntimeError, NotImplementedError) as error:
        logger.warning("multiply-adds could not be counted: %s", error)
        macs = None
    return {
        "target": target,
        "params_total": parameters.total,
        "params_trainable": parameters.trainable,
        "macs": macs,
        "macs_input": [1, 3, MACS_SIDE, MACS_SIDE],
        "macs_tool": "torch.utils.flop_counter, convolutions and matrix products, halved",
    }


def _evaluate(
    config: EvaluateConfig,
    directory: Path,
    network: nn.Module,
    protocol: Protocol,
    source: Source,
    items: Sequence[Item],
) -> Summary:
    for note in source.notes:
        logger.info("%s", note)
    device = torch.device("cuda" if config.accelerator != "cpu" and torch.cuda.is_available() else "cpu")
    summary = evaluate_items(network, source, items, protocol, config.data, device, directory, config.save_images)
    logger.info("%s, %d images, protocol %s\n%s", config.data.name, len(items), protocol.name, summary_table(summary))
    logger.info("written to %s", directory / RESULTS)
    return summary
