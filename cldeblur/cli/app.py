"""Runs a verb under Hydra, after everything that can be refused has been."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import hydra
from hydra._internal.utils import get_args_parser

from cldeblur.cli import jobs as tasks
from cldeblur.cli.table import sweep_table
from cldeblur.config.folder import conf_folder
from cldeblur.environment import external_rank
from cldeblur.errors import Refused
from cldeblur.records import RECORD_FILE
from cldeblur.sweeps.directories import choose_directory, none_left_empty
from cldeblur.sweeps.joining import refuse_strangers
from cldeblur.sweeps.naming import job_folder, quoted
from cldeblur.sweeps.preflight import Job, fixed_keys, jobs, sweep_words, swept_keys

COPY_OF_HYDRA = "multirun.yaml"


def run(verb: str, words: Sequence[str]) -> int:
    """Run one job, or a sweep.

    Returns:
        The exit code.

    Raises:
        Refused: the command line asks for something that does not exist or cannot work.
    """
    words = _options_first(words)
    arguments = _parser().parse_args(words)
    _refuse_options(arguments)
    if verb == "preview" and arguments.multirun:
        raise Refused("preview draws one run at a time: leave out -m, and give every key one value")
    if arguments.hydra_help or arguments.shell_completion:
        return _hydra(verb, words)
    shown = bool(arguments.cfg or arguments.info)
    own = (arguments.config_dir, arguments.config_name)
    overrides = sweep_words(verb, arguments.overrides, *own) if arguments.multirun else arguments.overrides
    found = jobs(verb, overrides, arguments.multirun, *own, complete=not shown)
    if shown:
        return _hydra(verb, words)
    if verb == "preview":
        return _without_directory(verb, words)
    return _sweep(verb, words, overrides, found) if arguments.multirun else _single(verb, words, found[0])


def _options_first(words: Sequence[str]) -> list[str]:
    """The same words with overrides last: Hydra does not read options that stand between overrides."""
    overrides = [word for word in words if word.startswith("~") or ("=" in word and not word.startswith("-"))]
    return [*(word for word in words if word not in overrides), *overrides]


def _parser() -> argparse.ArgumentParser:
    """Hydra's parser, which refuses in one sentence what it does not know."""

    def refuse(message: str) -> NoReturn:
        raise Refused(message)

    parser: argparse.ArgumentParser = get_args_parser()
    parser.error = refuse  # type: ignore[method-assign]
    return parser


def _refuse_options(arguments: argparse.Namespace) -> None:
    """Refuse options of Hydra's that contradict each other, or that would leave our config files behind."""
    if arguments.config_path or arguments.experimental_rerun:
        raise Refused("--config-path and --experimental-rerun are not offered; --config-dir adds a folder of yours")
    if arguments.resolve and not arguments.cfg:
        raise Refused("--resolve goes with --cfg")
    if sum(map(bool, (arguments.run, arguments.multirun, arguments.cfg, arguments.info))) > 1:
        raise Refused("give one of --run, --multirun, --cfg and --info")


def _single(verb: str, words: Sequence[str], job: Job) -> int:
    """One job in its own directory."""
    if verb == "train":
        refuse_strangers(job.content)
    group = "evaluate" if verb == "evaluate" else job.choices.get("experiment") or "custom"
    directory, word = choose_directory(job.content, group)
    if word:
        print(word)
    with none_left_empty([directory]):
        return _without_directory(verb, [*words, f"hydra.run.dir={quoted(str(directory))}"])


def _without_directory(verb: str, words: Sequence[str]) -> int:
    """One job, as its words are; Hydra works in the directory that they name."""
    tasks.EXIT_CODES.clear()
    _hydra(verb, words)
    return max(tasks.EXIT_CODES, default=tasks.FAILED)


def _sweep(verb: str, words: Sequence[str], overrides: Sequence[str], found: Sequence[Job]) -> int:
    """Every job of a sweep, each in its own directory below the sweep's."""
    run_section = found[0].content["run"]
    if external_rank() is not None:
        raise Refused("-m starts its own processes; start it once, not under torchrun or as several tasks of srun")
    if run_section["dir"] is not None:
        raise Refused("run.dir names one run's directory; a sweep lives in <run.root>/sweeps/<run.group>")
    if found[0].content.get("resume") not in (None, "auto"):
        raise Refused("resume names one run's directory; a sweep goes on with its own runs when it is repeated")
    experiment = found[0].choices.get("experiment") or "custom"
    group = run_section["group"] or ("custom" if "experiment" in swept_keys(overrides) else experiment)
    folder = Path(run_section["root"]) / "sweeps" / group
    directories = [_job_directory(folder, job, overrides) for job in found]
    excluded = ",".join(quoted(key) for key in (*fixed_keys(overrides), "run.group"))
    settings = f"hydra.job.config.override_dirname.exclude_keys=[{excluded}]"
    with none_left_empty(directories):
        try:
            _hydra(verb, [*words, f"run.group={quoted(group)}", settings])
        finally:
            (folder / COPY_OF_HYDRA).unlink(missing_ok=True)
    if not any((directory / RECORD_FILE).is_file() for directory in directories):
        return tasks.REFUSED
    table, complete = sweep_table(folder, directories)
    print(table)
    return tasks.DONE if complete else tasks.FAILED


def _job_directory(folder: Path, job: Job, overrides: Sequence[str]) -> Path:
    """Where a job of a sweep works."""
    swept = swept_keys(overrides)
    differs = ",".join(sorted(word for word in job.overrides if word.partition("=")[0].lstrip("+") in swept))
    return folder / job_folder(differs, {**job.content, "run": {**job.content["run"], "group": folder.name}})


def _hydra(verb: str, words: Sequence[str]) -> int:
    """Hand over to Hydra, which reads the command line from `sys.argv`."""
    before = sys.argv
    sys.argv = [f"cldeblur {verb}", *words]
    try:
        hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=verb)(tasks.TASKS[verb])()
    finally:
        sys.argv = before
    return 0
