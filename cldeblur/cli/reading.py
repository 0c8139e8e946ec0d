"""Verbs that read what runs have left: they take a path and options, and start neither Hydra nor PyTorch."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from cldeblur.cli.verbs import READERS
from cldeblur.config.typos import did_you_mean
from cldeblur.errors import Failed, Refused

DONE, FAILED = 0, 1
EXAMPLES = {
    "compare": (
        "cldeblur compare runs/sweeps/quickstart",
        "cldeblur compare runs/sweeps/levels --baseline negatives=blend,levels.top=0.37 --output paper",
    ),
}


class _Parser(argparse.ArgumentParser):
    """Refuses in one sentence what it does not know."""

    def error(self, message: str) -> NoReturn:
        raise Refused(message)


def run_reader(verb: str, words: Sequence[str]) -> int:
    """Run a verb of `READERS`.

    Returns:
        The exit code: 0 done, 1 begun and failed.

    Raises:
        Refused: a word that the verb does not know, or a path that does not hold what it reads.
    """
    parser = _parser(verb)
    arguments, unknown = parser.parse_known_args(words)
    if unknown:
        options = re.findall(r"--\w+", parser.format_usage())
        raise Refused(f"{verb} takes no '{unknown[0]}'{did_you_mean(unknown[0], options)}")
    try:
        for line in WORK[verb](arguments):
            print(line)
    except Failed as error:
        print(f"cldeblur: failed: {error}", file=sys.stderr)
        return FAILED
    return DONE


def reader_help(verb: str) -> str:
    """What `cldeblur VERB --help` prints for a verb of `READERS`."""
    return _parser(verb).format_help().rstrip()


def _parser(verb: str) -> argparse.ArgumentParser:
    """The words that a verb takes."""
    examples = "\n".join(f"  {line}" for line in EXAMPLES[verb])
    parser = _Parser(
        prog=f"cldeblur {verb}",
        description=f"cldeblur {verb}: {READERS[verb]}",
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    ARGUMENTS[verb](parser)
    return parser


def _compare_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", metavar="SWEEP_DIR", type=Path, help="a sweep's directory, or any that holds runs")
    words = "the arm that all others are compared with (default: the one with negatives=none)"
    parser.add_argument("--baseline", metavar="KEY=VALUE[,…]", help=words)
    words = "where comparison.md, results.csv and figures/ are written (default: SWEEP_DIR)"
    parser.add_argument("--output", metavar="DIR", type=Path, help=words)


def _compare(arguments: argparse.Namespace) -> list[str]:
    from cldeblur.study.writing import compare

    return compare(arguments.directory, arguments.baseline, arguments.output)


ARGUMENTS: dict[str, Callable[[argparse.ArgumentParser], None]] = {"compare": _compare_arguments}
WORK: dict[str, Callable[[argparse.Namespace], list[str]]] = {"compare": _compare}
