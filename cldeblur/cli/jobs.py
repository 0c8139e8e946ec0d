"""What Hydra calls for each job. Launchers that work in other processes import these by name."""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from cldeblur.cli.table import ladder_table
from cldeblur.config.checks import checked
from cldeblur.config.folder import PACKAGE
from cldeblur.config.identity import code_fingerprint
from cldeblur.config.loading import resolved
from cldeblur.config.schema import PreviewConfig, TrainConfig
from cldeblur.environment import external_rank
from cldeblur.errors import Failed, Refused
from cldeblur.launching import Launch
from cldeblur.stopping import Interrupted
from cldeblur.sweeps.directories import claim, locked
from cldeblur.sweeps.joining import await_first_rank
from cldeblur.sweeps.naming import register_resolvers

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 75
MOST_NAMED = 5
EXIT_CODES: list[int] = []

register_resolvers()


def train_job(config: DictConfig) -> float | None:
    """Train one network; gives a sweeper the best validation PSNR in dB."""
    return _job("train", config)


def evaluate_job(config: DictConfig) -> float | None:
    """Evaluate one checkpoint; gives a sweeper the mean PSNR in dB."""
    return _job("evaluate", config)


def preview_job(config: DictConfig) -> float | None:
    """Draw the negatives and the schedule of a run that has not begun."""
    return _ended(lambda: _draw(resolved(config)), "nothing was drawn")


TASKS: dict[str, Callable[[DictConfig], float | None]] = {
    "train": train_job,
    "evaluate": evaluate_job,
    "preview": preview_job,
}


def _job(verb: str, config: DictConfig) -> float | None:
    """Run one job that has a directory of its own; see `_ended`."""
    directory = Path(HydraConfig.get().runtime.output_dir)

    def work() -> float | None:
        if verb == "train" and external_rank():
            return _join(resolved(config), directory)
        with locked(directory):
            return _run(verb, resolved(config), directory)

    return _ended(work, f"go on with resume={directory}")


def _ended(work: Callable[[], float | None], interrupted: str) -> float | None:
    """Do a job's work; its exit code goes into `EXIT_CODES`, so that a failing job stops no other.

    Args:
        work: gives a sweeper the job's figure.
        interrupted: what to say to a user who has stopped it.

    Raises:
        SystemExit: the user stopped it, and with it whatever launched it.
    """
    try:
        result = work()
        EXIT_CODES.append(DONE)
        return result
    except Refused as error:
        print(f"cldeblur: {error}", file=sys.stderr)
        EXIT_CODES.append(REFUSED)
    except Exception as error:
        _report(error)
        EXIT_CODES.append(FAILED)
    except BaseException as error:
        if not _is_interruption(error):
            raise
        print(f"cldeblur: interrupted ({error or type(error).__name__}); {interrupted}", file=sys.stderr)
        EXIT_CODES.append(INTERRUPTED)
        raise SystemExit(INTERRUPTED) from None
    return None


def _join(content: dict[str, Any], directory: Path) -> float | None:
    """Take part, as another rank, in the run that the first one begins; it has no figure of its own to give."""
    await_first_rank(directory, content)
    from cldeblur.training.rank import main

    main(str(directory))
    return None


def _run(verb: str, content: dict[str, Any], directory: Path) -> float | None:
    """Take up the directory, and work in it unless its run is finished."""
    state = HydraConfig.get()
    sweeping = state.mode == RunMode.MULTIRUN
    config = checked(verb, content)
    taken = claim(directory, content, resume=sweeping or content.get("resume") is not None)
    if taken.earlier is not None:
        _warn_of_other_code(taken.earlier.code)
    if taken.finished:
        print(f"already finished: {directory}")
        return None
    launch = Launch(
        task=verb,
        directory=directory,
        content=content,
        overrides=list(state.overrides.task),
        argv=sys.argv,
        experiment=state.runtime.choices.get("experiment"),
        sweep={
            "id": str(content["run"]["group"]),
            "job": state.job.num,
            "overrides": list(state.overrides.task),
        }
        if sweeping
        else None,
        earlier=taken.earlier,
    )
    if isinstance(config, TrainConfig):
        from cldeblur.training.run import train

        return train(config, launch)
    from cldeblur.evaluation.run import evaluate_checkpoint

    return evaluate_checkpoint(config, launch)


def _draw(content: dict[str, Any]) -> None:
    """Draw a preview, and say what is in it."""
    config = checked("preview", content)
    if isinstance(config, PreviewConfig):
        from cldeblur.study.preview import preview

        print(ladder_table(preview(config)))
        print(f"drawn: {config.output}")


def _warn_of_other_code(code: dict[str, str]) -> None:
    """Say which files of the code are not those that a run was made with."""
    present = code_fingerprint(PACKAGE)
    other = sorted(name for name in {*code, *present} if code.get(name) != present.get(name))
    if code and other:
        named = ", ".join(other[:MOST_NAMED]) + (
            f" and {len(other) - MOST_NAMED} more" if len(other) > MOST_NAMED else ""
        )
        print(f"cldeblur: warning: the run was made with other code: {named}", file=sys.stderr)


def _report(error: Exception) -> None:
    """Tell of a job's failure; with a traceback where it is a defect of ours, or asked for."""
    if not isinstance(error, Failed) or os.environ.get("HYDRA_FULL_ERROR") == "1":
        traceback.print_exc()
    print(f"cldeblur: failed: {error}", file=sys.stderr)


def _is_interruption(error: BaseException) -> bool:
    return isinstance(error, KeyboardInterrupt | SystemExit | Interrupted)
