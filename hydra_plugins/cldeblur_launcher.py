"""The launcher of cldeblur under the name that Hydra demands: plug-ins live in the namespace `hydra_plugins`.

What it does is chosen by the group `launcher` of cldeblur's own config. Hydra imports this file whenever it starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class ChosenLauncher(Launcher):
    """Hands the jobs of a sweep to the launcher that `launcher=…` names."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra gives every launcher."""
        self._given = (hydra_context, task_function, config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Work off a batch of jobs; see `cldeblur.sweeps.launches`."""
        from cldeblur.sweeps.launches import launch_jobs

        return launch_jobs(*self._given, job_overrides, initial_job_idx)


@dataclass
class Node:
    """The node of `hydra/launcher=cldeblur`."""

    _target_: str = f"{ChosenLauncher.__module__}.{ChosenLauncher.__name__}"


ConfigStore.instance().store(group="hydra/launcher", name="cldeblur", node=Node, provider="cldeblur")
