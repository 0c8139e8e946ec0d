"""Whether runs can stand side by side: the same images, scored in the same way, and the same training data."""

from collections.abc import Sequence

import numpy as np

from cldeblur.errors import Refused
from cldeblur.study.runs import Run
from cldeblur.study.scores import BLURRED

# Other machines compute a metric differently in its last digits; another blurred picture is off by far more.
SAME_PICTURE = 1e-4


def refuse_unlike(runs: Sequence[Run]) -> None:
    """Refuse runs that were not scored alike on the same images, or not trained on the same data.

    Raises:
        Refused: names two runs and the first difference between them.
    """
    for other in runs[1:]:
        difference = _scoring(runs[0], other) or _images(runs[0], other) or _data(runs[0], other)
        if difference:
            raise Refused(f"{runs[0].name} and {other.name} cannot be compared: {difference}")


def _scoring(first: Run, second: Run) -> str | None:
    """How the scoring of two runs differs."""
    one, other = first.scores, second.scores
    if (one.split, one.data) != (other.split, other.data):
        return f"the one was scored on {one.data}, {one.split}, the other on {other.data}, {other.split}"
    if one.protocol != other.protocol:
        return f"the one was scored by protocol={one.protocol}, the other by protocol={other.protocol}"
    if tuple(one.columns) != tuple(other.columns):
        return f"the one has the metrics {', '.join(one.metrics)}, the other {', '.join(other.metrics)}"
    definitions, others = first.record.metric_defs, second.record.metric_defs
    unlike = [metric for metric in one.metrics if definitions.get(metric) != others.get(metric)]
    return f"{unlike[0]} is defined in two ways, see metric_defs in their run.json" if unlike else None


def _images(first: Run, second: Run) -> str | None:
    """How the images that two runs were scored on differ; a blurred image is known by its own scores."""
    one, other = first.scores, second.scores
    alone = sorted(set(one.names) ^ set(other.names))
    if alone:
        return f"they were scored on {len(one.names)} and {len(other.names)} images, and only one of them on {alone[0]}"
    for column in (name for name in one.columns if name.startswith(BLURRED)):
        values, others = one.by_image(column), other.by_image(column)
        for name in one.names:
            if not np.isclose(values[name], others[name], rtol=0, atol=SAME_PICTURE):
                return f"{name} is not the same picture: its {column} is {values[name]:.4f} and {others[name]:.4f}"
    return None


def _data(first: Run, second: Run) -> str | None:
    """How the data of two runs differ."""
    one, other = ({entry["split"]: entry for entry in run.record.data} for run in (first, second))
    for split in sorted(set(one) | set(other)):
        entry, counterpart = one.get(split, {}), other.get(split, {})
        if entry.get("fingerprint") != counterpart.get("fingerprint"):
            counts = f"{entry.get('n', 'no')} and {counterpart.get('n', 'no')} images"
            return f"their {split} data are not the same ({counts}), by the fingerprints in their run.json"
        # The seed of synthetic blur is the run's own.
        made, counterpart_made = ({**(item.get("synthetic") or {}), "seed": None} for item in (entry, counterpart))
        if made != counterpart_made:
            return f"their {split} data are blurred differently, see data.synthetic in their run.json"
    return None
