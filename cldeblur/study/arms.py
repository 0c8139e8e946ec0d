"""Arms: the runs that differ only by seed, and which of them is the baseline."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cldeblur.config.identity import canonical
from cldeblur.config.typos import did_you_mean
from cldeblur.errors import Refused
from cldeblur.study.naming import Method, names
from cldeblur.study.runs import Run

USUAL_BASELINE = "negatives=none"
# A value may hold commas of its own, in brackets; a new pair begins with a key.
BETWEEN_PAIRS = re.compile(r",(?=[\w.]+=)")


@dataclass(frozen=True)
class Arm:
    """The runs of one method, one a seed, by seed.

    Attributes:
        name: what the method has otherwise than the other arms'.
        facts: every option and key of the method, in words.
    """

    name: str
    runs: tuple[Run, ...]
    facts: dict[str, str]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Ascending."""
        return tuple(run.seed for run in self.runs)

    @property
    def staged(self) -> bool:
        """Whether its negatives follow a schedule."""
        return "schedule" in self.facts

    def means(self, metric: str) -> dict[int, float]:
        """The mean over all images, by seed."""
        return {run.seed: float(run.scores.columns[metric].mean()) for run in self.runs}

    def recorded(self, section: str, key: str) -> list[float]:
        """A number out of the runs' records, `cost` or `model` for example; runs without it are left out."""
        values = (getattr(run.record, section).get(key) for run in self.runs)
        return [float(value) for value in values if value is not None]


def make_arms(runs: Sequence[Run]) -> tuple[list[Arm], list[str]]:
    """Group runs by their method.

    Of several runs of one method and seed the first that was begun counts: a training must not be repeated
    until it pleases.

    Returns:
        The arms, by name, and a sentence for each run that is a repetition.
    """
    by_method: dict[str, dict[int, Run]] = {}
    repeated = []
    for run in sorted(runs, key=lambda run: (run.record.started, run.name)):
        first = by_method.setdefault(run.method, {}).setdefault(run.seed, run)
        if first is not run:
            repeated.append(f"{run.name}: it repeats {first.name}, which was begun before it and counts")
    groups = [tuple(found[seed] for seed in sorted(found)) for found in by_method.values()]
    methods = [_method(group[0]) for group in groups]
    arms = [
        Arm(name, group, method.facts()) for name, group, method in zip(names(methods), groups, methods, strict=True)
    ]
    return sorted(arms, key=lambda arm: arm.name), sorted(repeated)


def _method(run: Run) -> Method:
    content: dict[str, Any] = {key: value for key, value in canonical(run.content).items() if key != "seed"}
    return Method(content, run.record.overrides, run.method)


def choose_baseline(arms: Sequence[Arm], words: str | None) -> Arm:
    """The arm that `key=value,…` selects; without words the arm without negatives.

    Raises:
        Refused: a word is no `key=value` or names no key; no arm, or more than one, is selected.
    """
    pairs = [_pair(word) for word in BETWEEN_PAIRS.split(words or USUAL_BASELINE)]
    known = {key for arm in arms for key in arm.facts}
    for key, _ in pairs:
        if key not in known:
            raise Refused(f"--baseline: no arm has a key '{key}'{did_you_mean(key, known)}")
    found = [arm for arm in arms if all(_same(arm.facts.get(key), value) for key, value in pairs)]
    if len(found) == 1:
        return found[0]
    selected = f"--baseline {words}" if words else f"without --baseline the arm {USUAL_BASELINE} is taken, which"
    listed = "; ".join(arm.name for arm in found or arms)
    if found:
        raise Refused(f"{selected} matches {len(found)} arms: {listed}")
    raise Refused(f"{selected} matches no arm; there are {listed}")


def _pair(word: str) -> tuple[str, str]:
    key, sign, value = word.partition("=")
    if not sign or not key or not value:
        raise Refused(f"--baseline: cannot read '{word}'; write KEY=VALUE, as in {USUAL_BASELINE}")
    return key, value


def _same(word: str | None, other: str) -> bool:
    """Whether two values in words are equal, as numbers where they are numbers."""
    if word is None:
        return False
    try:
        return bool(np.isclose(float(word), float(other), rtol=1e-12, atol=0))
    except ValueError:
        return word == other
