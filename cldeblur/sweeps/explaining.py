"""Hydra's errors, several lines long and about Hydra's own words, as one sentence about the user's."""

import re
from collections.abc import Sequence

from hydra.errors import MissingConfigException

from cldeblur.config.typos import did_you_mean
from cldeblur.errors import Refused


def explained(error: Exception, known: Sequence[str]) -> Refused:
    """The refusal that an error met in composing stands for.

    Args:
        error: of Hydra, of OmegaConf or of the YAML parser.
        known: keys and groups that exist, to suggest the nearest.
    """
    if isinstance(error, MissingConfigException):
        return _no_such_option(error)
    text = str(error)
    if match := re.search(r"You must specify '([^']+)'", text):
        return Refused(f"{match[1]} is needed; give {match[1]}=…")
    if match := re.search(r"Could not override '([^']+)'", text):
        return Refused(f"no key '{match[1]}'{did_you_mean(match[1], known)}")
    return Refused(_first_cause(error))


def _no_such_option(error: MissingConfigException) -> Refused:
    """The refusal of a group option, or of a primary config, that does not exist."""
    group, _, option = str(error.missing_cfg_file).rpartition("/")
    offered = [str(item) for item in error.options or []]
    if not group:
        return Refused(f"no config '{option}'{did_you_mean(option, offered)}")
    nearest = did_you_mean(f"{group}={option}", [f"{group}={item}" for item in offered])
    return Refused(f"no option '{group}={option}'{nearest or '; there are ' + ', '.join(offered)}")


def _first_cause(error: BaseException) -> str:
    """What went wrong first, with the key or the line of a file that it is about."""
    while error.__cause__ is not None:
        error = error.__cause__
    first_line = str(error).partition("\n")[0]
    if mark := getattr(error, "problem_mark", None):
        return f"{mark.name}, line {mark.line + 1}, is no YAML: {getattr(error, 'problem', first_line)}"
    key = getattr(error, "full_key", None)
    return f"{key}: {first_line}" if key else first_line
