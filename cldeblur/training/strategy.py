"""DDP whose processes start from the job's own config file.

Lightning starts the other ranks by repeating the command line. In a sweep that starts the sweep again, once a rank;
with another launcher it starts that launcher's worker. Here a rank is told one thing: the run's directory.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch.distributed
from lightning.fabric.utilities.distributed import _set_num_threads_if_needed
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher

from cldeblur.errors import Failed
from cldeblur.training.watch import GRACE_SECONDS, RankWatch, lost_rank

VARIABLES = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")
PATIENCE_SECONDS = 60


class RankLauncher(_SubprocessScriptLauncher):
    """Starts the other ranks of one job, and leaves nothing of it behind for the next job of the process."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        super().__init__(**settings)
        self._directory = directory

    def launch(
        self,
        function: Callable[..., Any],
        *args: Any,
        trainer: lightning.Trainer | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run `function` in every rank, wait for them, and restore the environment.

        Lightning's own way kills the first rank as soon as another fails, and the run's record stays "running".

        Raises:
            Failed: another rank ended before its time.
        """
        before = {name: os.environ.get(name) for name in VARIABLES}
        self.cluster_environment.validate_settings(num_devices=self.num_processes, num_nodes=self.num_nodes)
        self._call_children_scripts()
        _set_num_threads_if_needed(num_processes=self.num_processes)
        try:
            with RankWatch(self.procs, self._directory):
                return function(*args, **kwargs)
        except Failed:
            raise
        except RuntimeError as error:
            # Without the other rank the first one fails too, at its next word to it: often before that has ended.
            if lost := lost_rank(self.procs, patience=GRACE_SECONDS):
                raise Failed(lost) from error
            raise
        finally:
            self._end(before)

    def _end(self, before: dict[str, str | None]) -> None:
        """Leave no process group, no rank and no variable behind."""
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        for process in self.procs:
            if lost_rank(self.procs):
                process.kill()
            _await(process)
        _restore(before)

    def _call_children_scripts(self) -> None:
        self._check_can_spawn_children()
        cluster = self.cluster_environment
        shared = {
            "MASTER_ADDR": cluster.main_address,
            "MASTER_PORT": str(cluster.main_port),
            "NODE_RANK": str(cluster.node_rank()),
            "WORLD_SIZE": str(self.num_processes * self.num_nodes),
        }
        os.environ.update(shared, LOCAL_RANK=str(cluster.local_rank()))
        command = [sys.executable, "-m", "cldeblur.training.rank", str(self._directory)]
        self.procs = [
            subprocess.Popen(command, env={**os.environ, "LOCAL_RANK": str(rank)})
            for rank in range(1, self.num_processes)
        ]


class JobDDPStrategy(DDPStrategy):
    """Lightning's DDP with ranks that start from `directory`."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory

    def _configure_launcher(self) -> None:
        cluster = self.cluster_environment
        if cluster is not None and not cluster.creates_processes_externally:
            self._launcher = RankLauncher(
                self._directory,
                cluster_environment=cluster,
                num_processes=self.num_processes,
                num_nodes=self.num_nodes,
            )


def _await(process: subprocess.Popen[bytes]) -> None:
    """Wait for a rank to end; one that hangs because the first has failed is ended."""
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _restore(before: dict[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
