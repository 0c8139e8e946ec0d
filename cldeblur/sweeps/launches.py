"""From Hydra's launcher interface to a launcher of ours: the jobs as data, and what came of them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.types import HydraContext, RunMode, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from cldeblur.config.loading import resolved
from cldeblur.config.targets import build
from cldeblur.launching import Launch
from cldeblur.sweeps.states import finished


class Launcher(Protocol):
    """What `conf/launcher/` chooses: how the jobs of a sweep are worked off."""

    def run(self, launches: Sequence[Launch], module: str) -> None:
        """Work off all jobs; one that fails stops no other.

        Args:
            launches: the jobs.
            module: name of the one whose `perform(launch)` does a job and gives its exit code, and which does the
                job on its standard input when it is started as a program.

        Raises:
            Interrupted: the sweep was asked to stop, and its jobs have stopped.
        """


def launch_jobs(
    context: HydraContext, task: TaskFunction, config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int
) -> list[JobReturn]:
    """Do what Hydra asks of a launcher, with the one that `config.launcher` chooses.

    Jobs that share a directory are one run, and are done once. A job that fails gives None and no error, because an
    error would end the sweep.

    Args:
        context: Hydra's.
        task: the task function; its module is where the jobs are done.
        config: the sweep's.
        job_overrides: what differs, for each job.
        first: the number of the first job.
    """
    setup_globals()
    jobs = [_composed(context, config, list(words), first + place) for place, words in enumerate(job_overrides)]
    launches = [_launch(task.__name__.removesuffix("_job"), job) for job in jobs]
    chosen = build("launcher", resolved(config)["launcher"], config.trust)
    distinct = {launch.directory: launch for launch in reversed(launches)}
    chosen.run([launch for launch in launches if distinct[launch.directory] is launch], task.__module__)
    return [_returned(job, launch) for job, launch in zip(jobs, launches, strict=True)]


def launch_of(verb: str, content: dict[str, Any], hydra: Any, directory: Path) -> Launch:
    """A job as data.

    Args:
        verb: `train` or `evaluate`.
        content: the job's resolved config.
        hydra: Hydra's own node of it.
        directory: where the job works.
    """
    overrides = [str(word) for word in hydra.overrides.task]
    sweep = None
    if hydra.mode == RunMode.MULTIRUN:
        sweep = {"id": str(content["run"]["group"]), "job": hydra.job.num, "overrides": overrides}
    experiment = hydra.runtime.choices.get("experiment")
    return Launch(verb, directory, content, overrides, list(sys.argv), experiment, sweep)


def _composed(context: HydraContext, config: DictConfig, words: list[str], number: int) -> DictConfig:
    """The config of one job, as Hydra's own launchers make it."""
    job = context.config_loader.load_sweep_config(config, words)
    with open_dict(job):
        job.hydra.job.id = job.hydra.job.num = number
    return job


def _launch(verb: str, job: DictConfig) -> Launch:
    directory = Path.cwd() / str(job.hydra.sweep.dir) / str(job.hydra.sweep.subdir)
    return launch_of(verb, resolved(job), job.hydra, directory)


def _returned(job: DictConfig, launch: Launch) -> JobReturn:
    """What Hydra's sweepers want to know of a job."""
    return JobReturn(
        overrides=launch.overrides,
        cfg=OmegaConf.masked_copy(job, [str(key) for key in job if key != "hydra"]),
        hydra_cfg=OmegaConf.masked_copy(job, "hydra"),
        working_dir=str(launch.directory),
        task_name=launch.task,
        status=JobStatus.COMPLETED,
        _return_value=finished(launch.directory),
    )
