"""What builds Lightning's Trainer."""

import os
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.loggers import Logger

from cldeblur.config.schema import Trainer as TrainerConfig
from cldeblur.environment import external_rank
from cldeblur.errors import Refused
from cldeblur.training.averaging import AveragedWeights
from cldeblur.training.checkpointing import AtomicCheckpointIO, checkpoint_callbacks
from cldeblur.training.strategy import JobDDPStrategy


def make_trainer(
    config: TrainerConfig, directory: Path, callbacks: list[lightning.Callback], loggers: list[Logger]
) -> lightning.Trainer:
    """The Trainer of a run.

    Args:
        config: the `trainer` section, checked.
        directory: the run's own.
        callbacks: those that come before averaging and checkpoints, in this order.
        loggers: what is told each epoch's metrics.
    """
    if config.deterministic:
        # cuBLAS reads it when CUDA starts, and is not deterministic without it.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    averaging = [AveragedWeights(decay=config.ema)] if config.ema is not None else []
    settings: dict[str, Any] = {
        "accelerator": accelerator(config),
        "devices": config.devices,
        "num_nodes": config.num_nodes,
        "strategy": JobDDPStrategy(directory) if config.devices * config.num_nodes > 1 else "auto",
        "precision": _precision(config.precision),
        "max_epochs": config.max_epochs,
        "accumulate_grad_batches": config.accumulate,
        "gradient_clip_val": config.gradient_clip,
        "deterministic": config.deterministic,
        "benchmark": not config.deterministic,
        "check_val_every_n_epoch": min(config.validate_every, config.max_epochs),
        "callbacks": [*averaging, *callbacks, *_progress(), *checkpoint_callbacks(directory)],
        "plugins": [AtomicCheckpointIO(), *_cluster()],
        "logger": loggers,
        "default_root_dir": directory,
        "num_sanity_val_steps": 0,
        "enable_model_summary": False,
        "enable_progress_bar": sys.stderr.isatty(),
        "use_distributed_sampler": False,
        "log_every_n_steps": 1,
    }
    if config.fast_dev_run:
        # Lightning's own switch leaves out checkpoints and loggers, which are to be seen working too.
        settings |= {
            "max_epochs": 1,
            "limit_train_batches": 1,
            "limit_val_batches": 1,
            "check_val_every_n_epoch": 1,
        }
    return lightning.Trainer(**settings)


def accelerator(config: TrainerConfig) -> str:
    """`gpu` or `cpu`, where `auto` takes GPUs if there are any.

    Raises:
        Refused: a GPU is asked for and there are too few.
    """
    found = torch.cuda.device_count()
    chosen = ("gpu" if found else "cpu") if config.accelerator == "auto" else config.accelerator
    if chosen == "gpu" and found < config.devices:
        raise Refused(f"trainer asks for {config.devices} GPU(s), and {found} are there; choose trainer=cpu")
    return chosen


def _precision(word: int | str) -> Any:
    return 32 if str(word) == "32" else word


def _progress() -> list[lightning.Callback]:
    """A progress bar where someone is watching."""
    return [TQDMProgressBar(leave=False)] if sys.stderr.isatty() else []


def _cluster() -> list[ClusterEnvironment]:
    """Under Slurm, leave requeueing to who launched the job: two answers to one signal requeue it twice.

    A job of one task starts its ranks itself, where Lightning would wait for Slurm to have started them.
    """
    if "SLURM_NTASKS" not in os.environ:
        return []
    return [SLURMEnvironment(auto_requeue=False) if external_rank() is not None else LightningEnvironment()]
