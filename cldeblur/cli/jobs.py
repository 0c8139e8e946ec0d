"""What Hydra and launchers call for each job; `python -m cldeblur.cli.jobs` does the one on its standard input."""

import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from cldeblur.cli.table import ladder_table
from cldeblur.config.checks import checked
from cldeblur.config.folder import PACKAGE
from cldeblur.config.identity import code_fingerprint, config_hash
from cldeblur.config.loading import resolved
from cldeblur.config.schema import PreviewConfig, TrainConfig
from cldeblur.environment import external_rank
from cldeblur.errors import Failed, Refused
from cldeblur.launching import Launch
from cldeblur.records import SWEEP_FILE, RunRecord, read_sweep
from cldeblur.stopping import INTERRUPTED, Interrupted, interruptible
from cldeblur.sweeps.directories import claim, is_locked, locked
from cldeblur.sweeps.joining import await_first_rank
from cldeblur.sweeps.launches import launch_of
from cldeblur.sweeps.naming import register_resolvers
from cldeblur.sweeps.orders import received
from cldeblur.sweeps.states import finished, note_refusal

DONE, FAILED, REFUSED = 0, 1, 2
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
    """Do what Hydra calls for; see `_ended`."""
    state = HydraConfig.get()
    return _perform(launch_of(verb, resolved(config), state, Path(state.runtime.output_dir)))


def perform(launch: Launch) -> int:
    """Do a job that a launcher has handed over, in a process of its own; gives its exit code."""
    EXIT_CODES.clear()
    try:
        with interruptible():
            _perform(launch)
    except (SystemExit, Interrupted):
        return INTERRUPTED
    return max(EXIT_CODES, default=FAILED)


def _perform(launch: Launch) -> float | None:
    """Do one job in its directory; see `_ended`."""
    first = _first_of_its_kind(launch)
    if first is not None:
        print(f"job {launch.sweep and launch.sweep['job']} is the same run as job {first}: {launch.directory}")
        return None

    def work() -> float | None:
        if launch.task == "train" and external_rank():
            return _join(launch.content, launch.directory)
        if launch.sweep and is_locked(launch.directory):
            print(f"waiting for another process that works on {launch.directory}")
        with locked(launch.directory, wait=launch.sweep is not None):
            return _run(launch)

    again = "the same command goes on with it" if launch.sweep else f"go on with resume={launch.directory}"
    return _ended(work, again, launch.directory if launch.sweep else None)


def _first_of_its_kind(launch: Launch) -> int | None:
    """The number of the job that does the run of this one, if another does."""
    folder = launch.directory.parent
    if launch.sweep is None or not (folder / SWEEP_FILE).is_file():
        return None
    for job in read_sweep(folder).jobs:
        if launch.sweep["job"] in job.numbers[1:] and job.hash == config_hash(launch.content):
            return job.numbers[0]
    return None


def _ended(work: Callable[[], float | None], interrupted: str, noted: Path | None = None) -> float | None:
    """Do a job's work; its exit code goes into `EXIT_CODES`, so that a failing job stops no other.

    Args:
        work: gives a sweeper the job's figure.
        interrupted: what to say to a user who has stopped it.
        noted: directory of a sweep's job; why it is refused is noted there for the sweep's table.

    Raises:
        SystemExit: the user stopped it, and with it whatever launched it.
    """
    try:
        result = work()
        EXIT_CODES.append(DONE)
        return result
    except Refused as error:
        print(f"cldeblur: {error}", file=sys.stderr)
        if noted is not None:
            note_refusal(noted, str(error))
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


def _run(launch: Launch) -> float | None:
    """Take up the directory, and work in it unless its run is finished."""
    directory, content = launch.directory, launch.content
    config = checked(launch.task, content)
    taken = claim(directory, content, resume=launch.sweep is not None or content.get("resume") is not None)
    if taken.earlier is not None:
        _warn_of_other_code(taken.earlier.code)
    if taken.finished:
        if isinstance(config, TrainConfig) and taken.earlier is not None:
            _refuse_other_data(config, taken.earlier)
        print(f"already finished: {directory}")
        return finished(directory)
    launch = replace(launch, earlier=taken.earlier)
    if isinstance(config, TrainConfig):
        from cldeblur.training.run import train

        return train(config, launch)
    from cldeblur.evaluation.run import evaluate_checkpoint

    return evaluate_checkpoint(config, launch)


def _refuse_other_data(config: TrainConfig, earlier: RunRecord) -> None:
    """Refuse to take a finished run for one on the data of another folder, unless these are the same."""
    root = str(config.data.root)
    if all(entry["root"] == root for entry in earlier.data):
        return
    from cldeblur.data.fingerprint import data_record, refuse_other_data
    from cldeblur.evaluation.run import make_source

    items = make_source(config.data, config.trust).items("train")
    refuse_other_data(earlier.data, [data_record("train", config.data.name, root, items, None)])


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


def main() -> int:
    """Do the job on standard input, and give its exit code."""
    return perform(received())


if __name__ == "__main__":
    sys.exit(main())
