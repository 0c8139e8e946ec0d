"""`comparison.md`: a comparison for a reader, from the verdicts down to how they were reached."""

from collections.abc import Iterable, Iterator, Sequence

from cldeblur.study.comparison import PRIMARY, Comparison, Contrasted
from cldeblur.study.costs import cost_section
from cldeblur.study.statistics import FEWEST_SEEDS, LEVEL, POWER, seeds_needed
from cldeblur.study.text import (
    NOTHING,
    decimals,
    markdown_table,
    mean_and_spread,
    named,
    number,
    probability,
    span,
)
from cldeblur.study.verdict import RULE, decide

# The gain that published work on contrastive deblurring claims.
TYPICAL_GAIN = 0.1
DIFFERENCES = f"""\
Each seed gives one difference: the arm's mean over all images minus the baseline's, both trained with that seed.
*Interval*: Student's t over the seeds, 95 % for this arm on its own. *All at once*: 95 % that the intervals of all
arms hold together (Bonferroni). *p*: two-sided paired t test; *Holm*: corrected for the number of arms.
*Correlation*: of the two arms' means over the seeds; near 1, equal seeds share their luck and pairing pays; near 0
it gains nothing. *Could show*: the true difference that so many seeds find with a power of {POWER * 100:g} % at the
corrected level; fewer than {FEWEST_SEEDS} seeds show nothing. *Seeds for {TYPICAL_GAIN} dB*: how many such a true
difference would need. Both rest on the spread of these few seeds, which may be off by a factor of two."""
SEQUENCES = """\
Another question: would these very networks, not others trained anew, differ likewise on other sequences of this
kind? Images of one sequence are alike, so that a sequence counts once, with the mean over its images and over the
shared seeds; the interval is Student's t over sequences, 95 %. It sees nothing of what another seed would change,
and earns no verdict."""


def summary(comparison: Comparison) -> list[str]:
    """A line an arm: its verdict and the grounds for it."""
    count = len(comparison.others)
    found = [(other.arm.name, decide(other.differences[PRIMARY], count)) for other in comparison.others]
    return [f"{name}: {verdict.word}: {verdict.grounds}" for name, verdict in found]


def comparison_text(comparison: Comparison, figures: Sequence[tuple[str, str]]) -> str:
    """The whole of `comparison.md`.

    Args:
        comparison: what to tell.
        figures: title and place, relative to the text's own, of each picture that was drawn.
    """
    parts = [
        f"# {comparison.title}: {len(comparison.others)} beside {comparison.baseline.name}",
        _scored(comparison),
        "## Verdict\n\n" + "\n".join(_verdicts(comparison)) + f"\n\n{RULE}",
        "## Arms\n\n" + _arms(comparison),
        "## Differences to the baseline over the same seeds\n\n" + _differences(comparison) + f"\n\n{DIFFERENCES}",
        *_further_metrics(comparison),
        "## Over sequences\n\n" + _sequences(comparison),
        cost_section(comparison),
    ]
    parts += [f"## {title}\n\n![{title}]({place})" for title, place in figures]
    parts += ["## Runs\n\n" + "\n".join(_runs(comparison))]
    return "\n\n".join(parts) + "\n"


def _scored(comparison: Comparison) -> str:
    """What was measured, on what."""
    scores = comparison.scores
    sequences = len(set(scores.sequences))
    images = f"{len(scores.names)} image{'s' * (len(scores.names) != 1)}"
    parts = f" of {sequences} sequences" if sequences > 1 else ""
    held_out = "" if scores.split == "test" else " (this data set has no test split)"
    blurred = number(float(scores.columns[f"blurred_{PRIMARY}"].mean()), decimals(PRIMARY))
    definition = comparison.runs[0].record.metric_defs.get(PRIMARY, "")
    return (
        f"PSNR decides. Every run's last checkpoint was scored on the {scores.split} split of `{scores.data}`"
        f"{held_out}: {images}{parts}, protocol `{scores.protocol}`; the blurred images themselves "
        f"have {blurred} dB. {PRIMARY}: {definition}."
    )


def _verdicts(comparison: Comparison) -> Iterator[str]:
    for other in comparison.others:
        verdict = decide(other.differences[PRIMARY], len(comparison.others))
        yield f"- `{other.arm.name}`: **{verdict.word}**: {verdict.grounds}."


def _arms(comparison: Comparison) -> str:
    """Means and spreads over seeds."""
    metrics = comparison.scores.metrics
    rows = []
    for arm in comparison.arms:
        values = [list(arm.means(metric).values()) for metric in metrics]
        cells = [mean_and_spread(found, decimals(metric)) for metric, found in zip(metrics, values, strict=True)]
        rows.append([arm.name, str(len(arm.runs)), *cells])
    words = "Mean ± standard deviation over seeds, of the means over all images."
    return markdown_table(["arm", "n", *map(named, metrics)], rows) + f"\n\n{words}"


def _differences(comparison: Comparison) -> str:
    """The primary metric's differences over seeds."""
    header = ["arm", "n", "difference, dB", "sd", "interval", "all at once", "p", "Holm", "correlation", "could show"]
    count = len(comparison.others)
    rows = (_difference(other, count) for other in comparison.others)
    return markdown_table([*header, f"seeds for {TYPICAL_GAIN} dB"], rows)


def _difference(other: Contrasted, arms: int) -> list[str]:
    paired, digits = other.differences[PRIMARY], decimals(PRIMARY)
    evidence = paired.evidence
    head = [
        other.arm.name,
        str(len(paired.values)),
        number(paired.mean, digits, signed=True),
        number(paired.spread, digits),
    ]
    if evidence is None or paired.spread is None:
        return [*head, *[NOTHING] * 4, number(paired.correlation, 2), NOTHING, NOTHING]
    needed = seeds_needed(TYPICAL_GAIN, paired.spread, arms)
    return [
        *head,
        span(evidence.interval, digits),
        span(evidence.joint, digits),
        probability(evidence.p).removeprefix("= "),
        probability(evidence.p_holm).removeprefix("= "),
        number(paired.correlation, 2),
        number(evidence.detectable, digits),
        "more than 10000" if needed is None else str(needed),
    ]


def _further_metrics(comparison: Comparison) -> Iterator[str]:
    """The other metrics, in short and without verdicts."""
    metrics = [metric for metric in comparison.scores.metrics if metric != PRIMARY]
    if not metrics:
        return
    rows = [[other.arm.name, *(_short(other, metric) for metric in metrics)] for other in comparison.others]
    words = (
        f"Mean difference over the same seeds, and its 95 % interval on its own. They support or question what PSNR "
        f"says; a verdict on the best of several metrics would be luck more often than {LEVEL * 100:g} %."
    )
    yield f"## Other metrics\n\n{markdown_table(['arm', *map(named, metrics)], rows)}\n\n{words}"


def _short(other: Contrasted, metric: str) -> str:
    paired, digits = other.differences[metric], decimals(metric)
    interval = "" if paired.evidence is None else f" ({span(paired.evidence.interval, digits)})"
    return number(paired.mean, digits, signed=True) + interval


def _sequences(comparison: Comparison) -> str:
    """What can be said over images."""
    if len(set(comparison.scores.sequences)) < 2:
        return (
            "Nothing is said over images: their names do not tell of two sequences or more, and images of one "
            "sequence are too alike to be counted one by one."
        )
    header = ["arm", "sequences", "difference, dB", "interval", "in favour", "lowest", "highest"]
    return markdown_table(header, map(_over_sequences, comparison.others)) + f"\n\n{SEQUENCES}"


def _over_sequences(other: Contrasted) -> list[str]:
    found, digits = other.sequences, decimals(PRIMARY)
    if found is None:
        return [other.arm.name, "0", *[NOTHING] * 5]
    ordered = sorted(found.differences.items(), key=lambda item: item[1])
    ends = [
        f"{number(value, digits, signed=True)} {name or '(no sequence)'}" for name, value in (ordered[0], ordered[-1])
    ]
    favourable = sum(value > 0 for value in found.differences.values())
    mean = number(found.mean, digits, signed=True)
    return [other.arm.name, str(len(ordered)), mean, span(found.interval, digits), str(favourable), *ends]


def _runs(comparison: Comparison) -> Iterator[str]:
    """Which runs count, which do not and why, and what else sets them apart."""
    for arm in comparison.arms:
        seeds = ", ".join(f"{run.seed} ({number(arm.means(PRIMARY)[run.seed], decimals(PRIMARY))})" for run in arm.runs)
        yield f"- `{arm.name}`: seed (PSNR, dB) {seeds}"
    yield from _section("Left out", comparison.left_out)
    yield from _section("To be borne in mind", _cautions(comparison))


def _section(title: str, sentences: Sequence[str]) -> Iterable[str]:
    return ["", f"{title}:", "", *(f"- {sentence}" for sentence in sentences)] if sentences else []


def _cautions(comparison: Comparison) -> list[str]:
    """Differences between runs that do not forbid a comparison, but may explain it."""
    records = [run.record for run in comparison.runs]
    files = sorted(
        {name for record in records for name in record.code if len({other.code.get(name) for other in records}) > 1}
    )
    packages = sorted(
        {
            name
            for record in records
            for name in record.versions
            if len({other.versions.get(name) for other in records}) > 1
        }
    )
    machines = {(record.host.get("cpu"), str(record.host.get("gpus"))) for record in records}
    found = []
    if files:
        found.append(f"the runs were not all made by the same code; other files: {', '.join(files)}")
    if packages:
        found.append(f"the runs were not all made with the same versions of {', '.join(packages)}")
    if len(machines) > 1:
        found.append("the runs were made on several kinds of machines: their times cannot be compared")
    return found
