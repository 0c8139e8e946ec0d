"""Weights & Biases: a view on a run. The record of truth is the run's own directory."""

import logging
import netrc
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import wandb
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import WandbLogger
from PIL import Image

from cldeblur.errors import Refused
from cldeblur.records import RunRecord

logger = logging.getLogger(__name__)
DEFAULT_SERVER = "https://api.wandb.ai"
PROBE_SECONDS = 2.0
INIT_SECONDS = 15.0
MODES = ("auto", "online", "offline")


class RunLogger(WandbLogger):
    """One W&B run: metrics, the whole config, pictures.

    Args:
        project: W&B project.
        entity: W&B user or team; None takes the account's own.
        mode: `online`, `offline`, or `auto`: online where a key and the server are there.
        panels: validation images to show.
        directory: the run's own; W&B's files go into `wandb/` below it.
        record: the run's own; its id lets a resume continue the same W&B run.
        group: name that runs share, a sweep's for example.
        content: the resolved config.

    Raises:
        Refused: an unknown mode.
    """

    def __init__(
        self,
        project: str,
        entity: str | None,
        mode: str,
        panels: int,
        directory: Path,
        record: RunRecord,
        group: str | None,
        content: Mapping[str, Any],
    ) -> None:
        if mode not in MODES:
            raise Refused(f"logger.mode must be one of {', '.join(MODES)}, not {mode}")
        self.panels = panels
        self.mode = ("online" if _reachable() else "offline") if mode == "auto" else mode
        # mode= and not offline=: the latter sets a variable that W&B reads once in a process.
        super().__init__(
            save_dir=directory,
            project=project,
            id=record.id,
            name=record.name,
            mode=self.mode,
            entity=entity,
            group=group,
            tags=record.tags,
            notes=record.notes,
            config=dict(content),
            resume="allow",
            settings=wandb.Settings(init_timeout=INIT_SECONDS, silent=True, console="off"),
        )
        # Lightning always passes it on, and W&B warns of it at every start.
        self._wandb_init.pop("anonymous", None)

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The W&B run, offline if the server will not have it: a view on a training is not worth the training."""
        try:
            return super().experiment
        except wandb.Error as error:
            if self.mode == "offline":
                raise
            logger.warning("W&B cannot go online (%s): the run is kept offline", str(error).partition("\n")[0])
            self.mode = self._wandb_init["mode"] = "offline"
            # Its service still holds the id of the run that it could not start.
            wandb.teardown()
            return super().experiment

    def show(self, name: str, pictures: Mapping[str, Image.Image]) -> None:
        """Log pictures under one name, each with its caption.

        They come as 8-bit pictures: W&B casts float arrays without scaling, and shows them black.
        """
        panels = [wandb.Image(picture, caption=caption) for caption, picture in pictures.items()]
        self.experiment.log({name: panels})

    def show_file(self, name: str, path: Path) -> None:
        """Log a picture file as it is."""
        self.experiment.log({name: wandb.Image(str(path))})

    def whereabouts(self) -> list[str]:
        """Where to look at the run."""
        if self.mode == "online":
            return [f"W&B            {self.experiment.url}"]
        folder = Path(self.experiment.dir).parent
        return [
            f"W&B, offline   {folder}",
            f"               look: wandb leet {folder}   upload: wandb sync {folder}",
        ]

    def close(self, failed: bool) -> None:
        """End the W&B run, so that the next run of this process does not write into it."""
        wandb.finish(exit_code=int(failed))


def _reachable() -> bool:
    """Whether there is a key, and a server that answers."""
    server = urlsplit(os.environ.get("WANDB_BASE_URL", DEFAULT_SERVER))
    host, port = server.hostname or "", server.port or (443 if server.scheme == "https" else 80)
    if not (os.environ.get("WANDB_API_KEY") or _has_stored_key(host)):
        return False
    try:
        socket.create_connection((host, port), timeout=PROBE_SECONDS).close()
    except OSError:
        return False
    return True


def _has_stored_key(host: str) -> bool:
    """Whether `wandb login` has left a key for the server."""
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
