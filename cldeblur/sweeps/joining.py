"""Runs whose processes were all started from outside, by torchrun or srun: the first begins, the others join it."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cldeblur.config.identity import config_hash
from cldeblur.config.loading import read_config
from cldeblur.environment import external_rank
from cldeblur.errors import Refused
from cldeblur.launching import CONFIG_FILE

PATIENCE_SECONDS = 300.0
PERIOD_SECONDS = 0.5


def refuse_strangers(content: Mapping[str, Any]) -> None:
    """Refuse a command that was started several times by something that the config does not know of.

    Raises:
        Refused: the config asks for one process, or names no directory that all of them can know.
    """
    rank = external_rank()
    if rank is None:
        return
    size = content["trainer"]["devices"] * content["trainer"]["num_nodes"]
    if rank >= size:
        raise Refused(f"this is process {rank}, and trainer.devices x trainer.num_nodes is {size}: start as many")
    if size > 1 and content["run"]["dir"] is None and content["resume"] in (None, "auto"):
        raise Refused("run.dir is needed where several processes are started from outside: they meet in it")


def await_first_rank(directory: Path, content: Mapping[str, Any], patience: float = PATIENCE_SECONDS) -> None:
    """Wait until the first rank has begun the run in `directory`.

    The config of an earlier attempt at the same run may lie there already: it is the same, and will do.

    Raises:
        Refused: that takes longer than `patience` seconds.
    """
    end = time.monotonic() + patience
    while not _begun(directory, content):
        if time.monotonic() > end:
            raise Refused(f"the first rank has not begun the run in {directory} within {patience:.0f} s")
        time.sleep(PERIOD_SECONDS)


def _begun(directory: Path, content: Mapping[str, Any]) -> bool:
    path = directory / CONFIG_FILE
    return path.is_file() and config_hash(read_config(path)) == config_hash(content)
