"""Each job of a sweep a job of a Slurm cluster, by way of submitit."""

import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import FrameType
from typing import Any

from cldeblur.errors import Refused
from cldeblur.launching import Launch
from cldeblur.stopping import INTERRUPTED, Interrupted, impatient, noted

LOGS = "slurm"
CLUSTERS = ("slurm", "local")
PERIOD_SECONDS = 1.0
# What Slurm gives a job between saying that its time is over and ending it; a batch and a checkpoint must fit in.
NOTICE_SECONDS = 300


class SlurmLauncher:
    """Hands the jobs in as one array, and waits for them.

    A job whose time is over, or that the cluster needs to stop, saves and leaves; it is handed in again and goes on.
    Asked to stop, the launcher cancels what waits, and what runs saves and leaves. What jobs print is in `slurm/` in
    the sweep's directory, which all machines must see.

    Args:
        partition: Slurm's; None takes the cluster's default.
        time: minutes that a job may take at a time.
        gpus: GPUs a job, on one machine.
        cpus: CPU cores a job.
        memory: main memory a job, in GB.
        jobs: how many work at the same time, at most.
        restarts: how often a job that was stopped is handed in again.
        settings: more of what sbatch takes, by its long names.
        cluster: `slurm`, or `local` for processes of this machine.

    Raises:
        Refused: submitit is not installed, this machine belongs to no Slurm cluster, or a number is not above 0.
    """

    def __init__(
        self,
        partition: str | None,
        time: int,
        gpus: int,
        cpus: int,
        memory: float,
        jobs: int,
        restarts: int,
        settings: Mapping[str, Any],
        cluster: str,
    ) -> None:
        _refuse_small_numbers(time=(time, 1), gpus=(gpus, 0), cpus=(cpus, 1), jobs=(jobs, 1), restarts=(restarts, 0))
        if not isinstance(memory, int | float) or memory <= 0:
            raise Refused(f"launcher.memory must be above 0; it is {memory}")
        if cluster not in CLUSTERS:
            raise Refused(f"launcher.cluster must be slurm or local, not {cluster}")
        if find_spec("submitit") is None:
            raise Refused("launcher=slurm needs submitit; install it with pip install 'cldeblur[slurm]'")
        if cluster == "slurm" and shutil.which("srun") is None:
            raise Refused("launcher=slurm finds no srun; start the sweep on a machine of a Slurm cluster")
        self._cluster, self._restarts = cluster, restarts
        self._parameters = {
            "name": "cldeblur",
            "timeout_min": time,
            "gpus_per_node": gpus,
            "cpus_per_task": cpus,
            "mem_gb": memory,
            "stderr_to_stdout": True,
            "slurm_partition": partition,
            "slurm_array_parallelism": jobs,
            "slurm_signal_delay_s": NOTICE_SECONDS,
            "slurm_additional_parameters": dict(settings) or None,
        }

    def run(self, launches: Sequence[Launch], module: str) -> None:
        """Work off all jobs; see `Launcher`."""
        if not launches:
            return
        executor, work = self._executor(launches[0]), Work(module)
        left = Counter({launch.directory: self._restarts for launch in launches})
        with noted() as asked:
            jobs = list(zip(launches, executor.map_array(work, launches), strict=True))
            while jobs and not asked:
                ended = [pair for pair in jobs if pair[1].done()]
                again = [launch for launch, job in ended if left[launch.directory] and _wants_to_go_on(job)]
                left.subtract(launch.directory for launch in again)
                jobs = [pair for pair in jobs if pair not in ended]
                jobs += [(launch, executor.submit(work, launch)) for launch in again]
                time.sleep(PERIOD_SECONDS)
            _cancel([job for _, job in jobs], asked)
        if asked:
            raise Interrupted(asked[0].name)

    def _executor(self, launch: Launch) -> Any:
        """submitit's, which writes what it needs beside the jobs' directories."""
        from submitit import AutoExecutor

        folder = launch.directory.parent / LOGS
        sys.stdout.write(f"what the jobs print: {folder}\n")
        executor = AutoExecutor(folder=folder, cluster=self._cluster)
        executor.update_parameters(**self._parameters)
        return executor


@dataclass(frozen=True)
class Work:
    """What submitit calls on the machine that does a job.

    Attributes:
        module: the one that does it; see `Launcher`.
    """

    module: str

    def __call__(self, launch: Launch) -> bool:
        """Do the job; tells whether it was stopped because its time was over, and is to go on."""
        told: list[int] = []

        def stop(number: int, frame: FrameType | None) -> None:
            del frame
            told.append(number)
            os.kill(os.getpid(), signal.SIGUSR1)

        # Slurm's word that the time is nearly over; submitit would raise an error in the middle of the training.
        signal.signal(signal.SIGUSR2, stop)
        code: int = import_module(self.module).perform(launch)
        return code == INTERRUPTED and bool(told)


def _refuse_small_numbers(**values: tuple[int, int]) -> None:
    """Refuse a key whose value is not a whole number, or smaller than its least."""
    for name, (value, least) in values.items():
        if type(value) is not int or value < least:
            raise Refused(f"launcher.{name} must be a whole number, at least {least}; it is {value}")


def _wants_to_go_on(job: Any) -> bool:
    """Whether a job that has ended asks to be handed in again; one that died does not, its record tells of it."""
    from submitit.core.utils import FailedJobError, UncompletedJobError

    try:
        answer: bool = job.result()
    except (FailedJobError, UncompletedJobError):
        return False
    return answer


def _cancel(jobs: Sequence[Any], asked: Sequence[signal.Signals]) -> None:
    """Cancel jobs, and wait until those that work have saved and left, or somebody cannot wait."""
    for job in jobs:
        job.cancel(check=False)
    while not impatient(asked) and not all(job.done() for job in jobs):
        time.sleep(PERIOD_SECONDS)
