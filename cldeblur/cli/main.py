"""The `cldeblur` command. Imports nothing heavy: help must answer at once."""

import os
import sys
from collections.abc import Sequence

from cldeblur import __version__
from cldeblur.cli.help import overview, verb_help
from cldeblur.cli.reading import reader_help, run_reader
from cldeblur.cli.verbs import READERS, VERBS
from cldeblur.config.typos import did_you_mean
from cldeblur.errors import Refused
from cldeblur.stopping import INTERRUPTED

REFUSED = 2


def main(words: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        words: what follows `cldeblur`; what this process was called with if None.

    Returns:
        The exit code: 0 done, 1 begun and failed, 2 refused before work began, 75 interrupted.
    """
    words = list(sys.argv[1:] if words is None else words)
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if words[0] == "--version":
        print(f"cldeblur {__version__}")
        return 0
    try:
        return _run(words[0], words[1:])
    except Refused as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        print(f"cldeblur: {error}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        # Work that has begun ends in its own way; this is the time before it.
        print("cldeblur: interrupted", file=sys.stderr)
        return INTERRUPTED


def _run(verb: str, words: list[str]) -> int:
    if verb not in {*VERBS, *READERS}:
        raise Refused(f"no verb '{verb}'{did_you_mean(verb, {*VERBS, *READERS})}")
    if any(word in ("-h", "--help") for word in words):
        print(reader_help(verb) if verb in READERS else verb_help(verb))
        return 0
    if verb in READERS:
        return run_reader(verb, words)
    from cldeblur.cli.app import run

    return run(verb, words)
