"""Where a sweep lives, and how its jobs are named."""

from collections.abc import Sequence

from cldeblur.sweeps.naming import quoted
from cldeblur.sweeps.preflight import Job, fixed_keys, swept_keys


def sweep_group(job: Job, words: Sequence[str]) -> str:
    """The name that the runs of a sweep share: `run.group`, or the experiment's, with that of a ready sweep behind it.

    Args:
        job: any of its jobs.
        words: the sweep's overrides.
    """
    if given := job.content["run"]["group"]:
        return str(given)
    experiment = "custom" if "experiment" in swept_keys(words) else job.choices.get("experiment") or "custom"
    ready = job.choices.get("sweep")
    return f"{experiment}-{ready}" if ready else experiment


def sweep_settings(group: str, words: Sequence[str]) -> list[str]:
    """The overrides that put a sweep's jobs into its directory, each under the name of what differs."""
    excluded = ",".join(quoted(key) for key in (*fixed_keys(words), "run.group"))
    return [f"run.group={quoted(group)}", f"hydra.job.config.override_dirname.exclude_keys=[{excluded}]"]
