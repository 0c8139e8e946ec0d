"""How an output becomes a score: padding, rounding, and which metrics."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from torch import Tensor

from cldeblur.errors import Refused
from cldeblur.evaluation.metrics import METRICS
from cldeblur.evaluation.restoration import PADDINGS


@dataclass(frozen=True)
class Protocol:
    """Whole images are restored, clamped to [0, 1] and scored one by one; the mean over images counts.

    Attributes:
        name: the name it goes by in a record.
        metrics: names out of `METRICS`.
        padding: how an image is brought to the network's multiple, `reflect` or `replicate`.
        rounding: round to 8 bits before scoring, as one does who scores saved PNG files. It costs
            0.01 dB at 32.5 dB and 0.05 dB at 40 dB.

    Raises:
        Refused: a metric or a padding does not exist.
    """

    name: str
    metrics: list[str]
    padding: str = "reflect"
    rounding: bool = False

    def __post_init__(self) -> None:
        for metric in self.metrics:
            _require("metrics", metric, METRICS)
        _require("padding", self.padding, PADDINGS)

    def score(self, image: Tensor, sharp: Tensor) -> dict[str, float]:
        """The value of every metric for one image (3,H,W) in [0, 1] beside its sharp twin."""
        if self.rounding:
            image, sharp = _to_8_bits(image), _to_8_bits(sharp)
        return {metric: METRICS[metric](image, sharp) for metric in self.metrics}

    def metric_definitions(self) -> dict[str, str]:
        """What each metric means under this protocol, in words for a record."""
        values = "rounded to 8 bits" if self.rounding else "not rounded"
        common = f"RGB, whole image padded by {self.padding} and cut back, clamped, {values}, mean over images"
        return {metric: f"{METRICS[metric].definition}; {common}" for metric in self.metrics}


def _require(key: str, word: str, known: Iterable[str]) -> None:
    """Refuse a word that is not known, naming the nearest one that is."""
    words = list(known)
    if word not in words:
        nearest = get_close_matches(word, words, n=1)
        hint = f"did you mean '{nearest[0]}'?" if nearest else f"there are {', '.join(words)}"
        raise Refused(f"no '{word}' for 'protocol.{key}'; {hint}")


def _to_8_bits(image: Tensor) -> Tensor:
    """The nearest multiples of 1/255, in float64 so that an 8-bit file's values are met exactly."""
    return (image.double() * 255).round() / 255
