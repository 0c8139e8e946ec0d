"""Axes: keys that are given several values, and what a search makes of them."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from cldeblur.errors import Refused

LOGARITHMIC = "log"
# Hydra itself makes real numbers of both; float(interval(0,1)) means them.
WHOLE = re.compile(r"(?<!float\()interval\(\s*-?\d+\s*,\s*-?\d+\s*\)")
Value = float | int | str


@dataclass(frozen=True)
class Interval:
    """A key whose values lie between two ends, which both belong to it.

    Attributes:
        key: dotted.
        low: lower end.
        high: upper end.
        log: whether equal quotients count alike, not equal differences.
        whole: whether its values are whole numbers: both ends are written as such.
    """

    key: str
    low: float
    high: float
    log: bool
    whole: bool

    def value(self, drawn: Value) -> str:
        """A value as the run gets it: four digits, for a directory's name should be readable."""
        number = float(drawn)
        return str(int(number)) if self.whole else str(min(max(float(f"{number:.4g}"), self.low), self.high))

    def ends(self) -> list[str]:
        """Both ends as the run gets them."""
        return [self.value(self.low), self.value(self.high)]

    def __str__(self) -> str:
        low, high = self.ends()
        kind = "whole numbers" if self.whole else "real numbers"
        return f"{self.key}: {kind} from {low} to {high}{', on a logarithmic scale' if self.log else ''}"


@dataclass(frozen=True)
class Choice:
    """A key whose value is one of several, written as Hydra reads them."""

    key: str
    values: tuple[str, ...]

    def value(self, drawn: Value) -> str:
        """The value itself."""
        return str(drawn)

    def __str__(self) -> str:
        return f"{self.key}: one of {', '.join(self.values)}"


Axis = Interval | Choice


def values_of(override: Override) -> list[str]:
    """The single-value overrides that a swept one stands for; a continuous one stands for its own ends."""
    if not override.is_sweep_override():
        return [str(override.input_line)]
    axis = _axis(override)
    return [f"{axis.key}={value}" for value in (axis.ends() if isinstance(axis, Interval) else axis.values)]


def refuse_repeated(parsed: Sequence[Override]) -> None:
    """Refuse several values of a key beside others of the same key: the last ones alone would count, unsaid."""
    named = Counter(override.key_or_group for override in parsed)
    for override in parsed:
        if override.is_sweep_override() and named[override.key_or_group] > 1:
            raise Refused(f"{override.key_or_group} is given twice; name all its values at one place")


def refuse_several(parsed: Sequence[Override]) -> None:
    """Refuse several values of any key: one run is asked for."""
    for override in parsed:
        if override.is_sweep_override():
            raise Refused(f"{override.input_line} gives several values; add -m for a sweep")


def refuse_intervals(parsed: Sequence[Override]) -> None:
    """Refuse continuous axes: nobody is there to choose values from them."""
    for override in parsed:
        if override.is_interval_sweep():
            raise Refused(f"{override.input_line} is for a search; add sweep=search, or give the values to try")


def searched(words: Sequence[str]) -> tuple[list[Axis], list[str]]:
    """The axes of a search, and the overrides that all its trials share; of two for one key the last counts.

    Raises:
        Refused: no axis is continuous, or one cannot be searched over.
    """
    parsed = {item.get_key_element(): item for item in OverridesParser.create().parse_overrides(list(words))}
    axes = [_axis(override) for override in parsed.values() if override.is_sweep_override()]
    if not any(isinstance(axis, Interval) for axis in axes):
        raise Refused("a search has no interval to search; give it one, 'levels.top=interval(0.1,0.6)' for example")
    if any(axis.key == "seed" for axis in axes):
        raise Refused("a search that may choose the seed finds the luckiest; give it one seed")
    return axes, [str(item.input_line) for item in parsed.values() if not item.is_sweep_override()]


def _axis(override: Override) -> Axis:
    key = str(override.get_key_element())
    return _interval(key, override) if override.is_interval_sweep() else Choice(key, tuple(_listed(override)))


def _listed(override: Override) -> list[str]:
    return [str(value) for value in override.sweep_string_iterator()]


def _interval(key: str, override: Override) -> Interval:
    """A continuous axis, if it is one that can be searched."""
    interval, line = cast(Any, override.value()), str(override.input_line)
    unknown = set(interval.tags) - {LOGARITHMIC}
    if unknown:
        raise Refused(f"{line}: there is no tag '{min(unknown)}', only log")
    whole = isinstance(interval.start, int) and isinstance(interval.end, int)
    logarithmic = LOGARITHMIC in interval.tags
    axis = Interval(key, interval.start, interval.end, logarithmic, whole or WHOLE.search(line) is not None)
    if axis.low >= axis.high:
        raise Refused(f"{line}: the upper end is not above the lower one")
    if axis.log and axis.low <= 0:
        raise Refused(f"{line}: a logarithmic scale begins above 0")
    return axis
