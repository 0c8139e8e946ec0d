"""How jobs that work at the same time share the cores and the GPUs of one machine."""

import os


def job_environment(place: int, at_once: int) -> dict[str, str]:
    """The environment of a job.

    Several share the cores, because threads of all of them on each would hinder. Each still sees every GPU, those
    first that fall to it: the first ones are what a trainer takes, as many as it is told to.

    Args:
        place: the job's among those that work, below `at_once`.
        at_once: how many there can be.
    """
    if at_once == 1:
        return dict(os.environ)
    cores = max(1, (os.cpu_count() or 1) // at_once)
    return {"OMP_NUM_THREADS": str(cores), **os.environ, **_gpus_in_turn(place, at_once)}


def _gpus_in_turn(place: int, at_once: int) -> dict[str, str]:
    """`CUDA_VISIBLE_DEVICES`, turned to begin with the job's share; nothing where there is no choice."""
    import torch

    count = torch.cuda.device_count()
    if count < 2:
        return {}
    named = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(count)))
    visible = [name.strip() for name in named.split(",")][:count]
    first = place * count // at_once
    return {"CUDA_VISIBLE_DEVICES": ",".join(visible[first:] + visible[:first])}
