"""The types of every key. Defaults and meanings stand in `conf/`, one file an option.

A section of type `Node` holds a `_target_`, the class it builds, and that class's own parameters.
"""

from dataclasses import dataclass
from typing import Any

Node = dict[str, Any]


@dataclass
class Data:
    """A data set, its split and its crops."""

    name: str
    source: Node
    root: str | None
    validation: list[str]
    crop: int
    flips: str
    crops_per_image: int
    global_batch: int
    workers: int


@dataclass
class Contrast:
    """How strongly the contrastive term acts, and on what."""

    gradient_ratio: float | None
    weight: float | None
    warmup_epochs: float
    max_ratio: float | None
    anchors: str
    mask: str
    diagnosed_batches: int


@dataclass
class Trainer:
    """How long, on what, and how exactly."""

    accelerator: str
    devices: int
    num_nodes: int
    max_epochs: int
    precision: int | str
    accumulate: int
    gradient_clip: float | None
    ema: float | None
    deterministic: bool
    validate_every: int
    fast_dev_run: bool


@dataclass
class Run:
    """Where the run lives, and words for people."""

    root: str
    dir: str | None
    name: str | None
    group: str | None
    tags: list[str]
    notes: str


@dataclass
class Search:
    """How a search (`sweep=search`) goes about it."""

    trials: int
    startup: int
    prune_from: float


@dataclass
class TrainConfig:
    """Everything that `cldeblur train` may be told."""

    seed: int
    data: Data
    backbone: Node
    loss: Node
    negatives: Node
    schedule: Node
    levels: Node
    objective: Node
    features: Node
    contrast: Contrast
    optimizer: Node
    trainer: Trainer
    logger: Node
    protocol: Node
    launcher: Node
    run: Run
    resume: str | None
    initial_weights: str | None
    detect: str
    trust: list[str]
    search: Search | None


@dataclass
class PreviewConfig(TrainConfig):
    """Everything that `cldeblur preview` may be told: how to draw, and the run to draw before it begins."""

    output: str
    images: int
    finished_psnr: float | None


@dataclass
class EvaluateConfig:
    """Everything that `cldeblur evaluate` may be told."""

    checkpoint: str | None
    backbone: Node | None
    data: Data
    protocol: Node
    accelerator: str
    save_images: bool
    run: Run
    trust: list[str]
