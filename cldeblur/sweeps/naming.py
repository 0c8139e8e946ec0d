"""Names of run directories: words that a person can read, and a hash that tells runs apart."""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cldeblur.config.identity import config_hash
from cldeblur.config.loading import resolved
from cldeblur.records import SWEEP_FILE, read_sweep

LONGEST_NAME = 120


def register_resolvers() -> None:
    """Make `${cldeblur.job_folder:…}` known to OmegaConf: a job's folder within its sweep."""
    OmegaConf.register_new_resolver("cldeblur.job_folder", _job_folder_of, replace=True)


def job_folder(differs: str, content: Mapping[str, Any]) -> str:
    """`<what differs>-<hash8>`; characters that a file name should not have become underscores."""
    readable = re.sub(r"[^A-Za-z0-9=,.+-]+", "_", differs)[:LONGEST_NAME].strip("_")
    return f"{readable or 'job'}-{config_hash(content)[:8]}"


def quoted(text: str) -> str:
    """A text, a path for example, as the value that Hydra's grammar reads back as it was."""
    # Hydra keeps backslashes as they are, except those before a quotation mark.
    escaped = re.sub(r"(\\*)(')", r"\1\1\\\2", text)
    return "'" + re.sub(r"(\\+)$", r"\1\1", escaped) + "'"


def new_run_directory(root: str, group: str, content: Mapping[str, Any]) -> Path:
    """`<root>/<group>/<date>_<time>-<hash8>`, with a number behind it where that exists already."""
    stem = f"{datetime.now().astimezone():%Y-%m-%d_%H-%M-%S}-{config_hash(content)[:8]}"
    folder = Path(root) / group
    names = (stem, *(f"{stem}-{count}" for count in range(2, 1000)))
    return next(folder / name for name in names if not (folder / name).exists())


def _job_folder_of(differs: str, *, _root_: DictConfig) -> str:
    """A job's folder: the one that the sweep has for runs of its hash, however they were asked for, or a new name."""
    content = resolved(_root_)
    folder, identity = Path(content["run"]["root"]) / "sweeps" / str(content["run"]["group"]), config_hash(content)
    jobs = read_sweep(folder).jobs if (folder / SWEEP_FILE).is_file() else []
    return next((job.directory for job in jobs if job.hash == identity), job_folder(differs, content))
