"""A difference in words: better, worse, or no verdict and why."""

from dataclasses import dataclass
from typing import Literal

from cldeblur.study.comparison import PRIMARY
from cldeblur.study.statistics import FEWEST_SEEDS, LEVEL, Paired
from cldeblur.study.text import decimals, number, probability, span

DIGITS = decimals(PRIMARY)
RULE = f"""\
The claim of an arm is its mean difference to the baseline. It is called **better** or **worse** only if
all of this holds; else there is **no verdict**:

1. it shares at least {FEWEST_SEEDS} seeds with the baseline;
2. its 95 % interval is narrower than the claim: half its width is less than the difference, so that it leaves out 0;
3. its p is at most {LEVEL} after Holm's correction for all arms that are compared.

Thus luck alone earns any verdict in at most {LEVEL * 100:g} % of comparisons in which no arm is truly better or worse,
however many arms there are."""


@dataclass(frozen=True)
class Verdict:
    """A word, and the sentence that gives its grounds."""

    word: Literal["better", "worse", "no verdict"]
    grounds: str


def decide(paired: Paired, arms: int) -> Verdict:
    """Judge a difference in PSNR by `RULE`.

    Args:
        paired: the arm beside the baseline, in dB.
        arms: how many are compared with the baseline.
    """
    count, claim = len(paired.values), f"{number(paired.mean, DIGITS, signed=True)} dB"
    evidence, corrected = paired.evidence, f" after the correction for {arms} arms" if arms > 1 else ""
    if count < FEWEST_SEEDS:
        shared = {0: "no seed is shared", 1: "one seed is shared"}.get(count, f"{count} seeds are shared")
        return Verdict("no verdict", f"{shared} with the baseline, and {FEWEST_SEEDS} are needed")
    if evidence is None:
        return Verdict("no verdict", f"all {count} seeds give the same difference, {claim}: luck cannot be judged")
    if evidence.interval.low <= 0 <= evidence.interval.high:
        return Verdict(
            "no verdict", f"the 95 % interval, {span(evidence.interval, DIGITS)} dB, is wider than the claim, {claim}"
        )
    if evidence.p_holm > LEVEL:
        return Verdict(
            "no verdict", f"the claim, {claim}, has p {probability(evidence.p_holm)}{corrected}: it may be luck"
        )
    settled = evidence.joint.low > 0 or evidence.joint.high < 0
    doubt = "" if settled else f"; how large it is stays open: for all arms at once {span(evidence.joint, DIGITS)} dB"
    interval = f"95 % interval {span(evidence.interval, DIGITS)} dB"
    grounds = f"{claim} ({interval}; {count} seeds; p {probability(evidence.p_holm)}{corrected})"
    return Verdict("better" if paired.mean > 0 else "worse", grounds + doubt)
