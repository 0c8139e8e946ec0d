"""The sweeper `hydra/sweeper=search`: a thin door, because Hydra takes plug-ins from `hydra_plugins` alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class SearchSweeperConfig:
    """The node that `hydra/sweeper=search` chooses."""

    _target_: str = "hydra_plugins.cldeblur_search.SearchSweeper"
    params: dict[str, str] = field(default_factory=dict)


ConfigStore.instance().store(group="hydra/sweeper", name="search", node=SearchSweeperConfig, provider="cldeblur")


class SearchSweeper(Sweeper):
    """Launches trial after trial; what each is given is decided by `cldeblur.sweeps.search`.

    Args:
        params: axes that a config file names, by their keys.
    """

    def __init__(self, params: Mapping[str, str]) -> None:
        self.params = dict(params)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra gives, and the launcher that it has been told to use."""
        self.hydra_context, self.config = hydra_context, config
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: Sequence[str]) -> None:
        """Make the trials that are still to be made, as many at once as `launcher.jobs`."""
        from cldeblur.config.identity import config_hash
        from cldeblur.config.loading import resolved
        from cldeblur.config.schema import Search as Settings
        from cldeblur.sweeps.search import Search

        def identify(words: Sequence[str]) -> str:
            return config_hash(resolved(self.hydra_context.config_loader.load_sweep_config(self.config, list(words))))

        axes = [f"{key}={value}" for key, value in self.params.items()]
        search = Search(Path(self.config.hydra.sweep.dir), [*axes, *arguments], Settings(**self.config.search))
        search.run(self.config.launcher.get("jobs", 1), self.config.seed, identify, self.launcher.launch)
