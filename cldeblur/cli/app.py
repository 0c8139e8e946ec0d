"""Runs a verb under Hydra, after everything that can be refused has been."""

import argparse
from collections.abc import Sequence
from typing import NoReturn

from hydra._internal.utils import get_args_parser

from cldeblur.cli import jobs as tasks
from cldeblur.cli.sweep import hand_over, run_sweep
from cldeblur.errors import Refused
from cldeblur.sweeps.directories import choose_directory, none_left_empty
from cldeblur.sweeps.joining import refuse_strangers
from cldeblur.sweeps.naming import quoted
from cldeblur.sweeps.preflight import Job, jobs, sweep_words


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
        return hand_over(verb, words)
    shown = bool(arguments.cfg or arguments.info)
    own = (arguments.config_dir, arguments.config_name)
    overrides = sweep_words(verb, arguments.overrides, *own) if arguments.multirun else arguments.overrides
    found = jobs(verb, overrides, arguments.multirun, *own, complete=not shown)
    if shown:
        return hand_over(verb, words)
    if verb == "preview":
        return _without_directory(verb, words)
    return run_sweep(verb, words, overrides, found) if arguments.multirun else _single(verb, words, found[0])


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
    hand_over(verb, words)
    return max(tasks.EXIT_CODES, default=tasks.FAILED)
