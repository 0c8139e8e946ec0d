"""What the arms cost: the networks themselves, and the training."""

from collections.abc import Sequence

import numpy as np

from cldeblur.study.arms import Arm
from cldeblur.study.comparison import Comparison
from cldeblur.study.text import NOTHING, markdown_table, mean_and_spread, number

MILLISECONDS = 1000
BILLION = 10**9


def cost_section(comparison: Comparison) -> str:
    """Size and speed of the networks, and time and memory of the training beside the baseline's."""
    header = ["arm", "parameters", "multiply-adds, G", "inference, ms an image", "training, s", "images a second"]
    rows = [_row(arm, comparison.baseline) for arm in comparison.arms]
    table = markdown_table([*header, "memory, MiB", "GPU memory, MiB"], rows)
    return f"## Cost\n\n{_sizes(comparison)}\n\n{table}\n\n{_explained(comparison)}"


def _sizes(comparison: Comparison) -> str:
    """Whether a gain can come from a larger network."""
    found = {(run.record.model.get("params_total"), run.record.model.get("macs")) for run in comparison.runs}
    if len(found) == 1:
        return "The networks of all arms have equally many parameters and multiply-adds."
    return "**The networks are not of one size**: a difference may come from that."


def _row(arm: Arm, baseline: Arm) -> list[str]:
    model = arm.runs[0].record.model
    parameters, macs = model.get("params_total"), model.get("macs")
    inference = [seconds * MILLISECONDS for seconds in arm.recorded("cost", "inference_s")]
    return [
        arm.name,
        NOTHING if parameters is None else f"{parameters:,}",
        NOTHING if macs is None else f"{macs / BILLION:.2f}",
        mean_and_spread(inference, 1),
        *(_beside(arm, baseline, key) for key in ("train_s", "images_per_s", "peak_rss_mb", "peak_gpu_mb")),
    ]


def _beside(arm: Arm, baseline: Arm, key: str) -> str:
    """A cost's mean over runs, and how many times the baseline's it is."""
    own, other = _mean(arm.recorded("cost", key)), _mean(baseline.recorded("cost", key))
    if own is None:
        return NOTHING
    times = f" (x {number(own / other, 2)})" if other and arm is not baseline else ""
    return number(own, 1) + times


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _explained(comparison: Comparison) -> str:
    """What the columns mean."""
    model = comparison.baseline.runs[0].record.model
    size = "x".join(map(str, model.get("macs_input", []))) or "unknown size"
    return (
        f"Multiply-adds: of an input of {size}. Inference: the network's median time for an image of the scored split, "
        "mean ± standard deviation over runs. Training: without validation; memory: the largest that the process had "
        "at once. In brackets: times the baseline's. Whatever else the machine did meanwhile shows in the times."
    )
