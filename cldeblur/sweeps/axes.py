"""What a search varies: keys, each with an interval or a list to choose from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from cldeblur.errors import Refused

LOGARITHMIC = "log"
Value = float | int | str


@dataclass(frozen=True)
class Interval:
    """A key whose values lie between two ends; whole numbers if both ends are written as such.

    Attributes:
        key: dotted.
        low: lower end.
        high: upper end.
        log: whether equal quotients count alike, not equal differences.
    """

    key: str
    low: float
    high: float
    log: bool

    @property
    def whole(self) -> bool:
        """Whether its values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def value(self, drawn: Value) -> str:
        """A value as the run gets it: four digits, for a directory's name should be readable."""
        return str(drawn) if self.whole else str(min(max(float(f"{drawn:.4g}"), self.low), self.high))

    def __str__(self) -> str:
        kind = "whole numbers" if self.whole else "real numbers"
        return f"{self.key}: {kind} from {self.low} to {self.high}{', on a logarithmic scale' if self.log else ''}"


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


def axes_of(words: Sequence[str]) -> list[Axis]:
    """The axes among the overrides of a search.

    Raises:
        Refused: none of them is continuous, or one cannot be searched over.
    """
    parsed = OverridesParser.create().parse_overrides(list(words))
    found = [_axis(override) for override in parsed if override.is_sweep_override()]
    if not any(isinstance(axis, Interval) for axis in found):
        raise Refused("a search has no interval to search; give it one, 'levels.top=interval(0.1,0.6)' for example")
    if any(axis.key == "seed" for axis in found):
        raise Refused("a search that may choose the seed finds the luckiest; give it one seed")
    return found


def fixed_words(words: Sequence[str]) -> list[str]:
    """The overrides that all trials share."""
    parsed = OverridesParser.create().parse_overrides(list(words))
    return [str(override.input_line) for override in parsed if not override.is_sweep_override()]


def _axis(override: Override) -> Axis:
    key = str(override.get_key_element())
    if not override.is_interval_sweep():
        return Choice(key, tuple(override.sweep_string_iterator()))
    interval = cast(Any, override.value())
    unknown = set(interval.tags) - {LOGARITHMIC}
    if unknown:
        raise Refused(f"{override.input_line}: there is no tag '{min(unknown)}', only log")
    axis = Interval(key, interval.start, interval.end, LOGARITHMIC in interval.tags)
    if axis.low >= axis.high:
        raise Refused(f"{override.input_line}: the upper end is not above the lower one")
    if axis.log and axis.low <= 0:
        raise Refused(f"{override.input_line}: a logarithmic scale begins above 0")
    return axis
