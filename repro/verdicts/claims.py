"""What the report's sentences claim about its figures, judged by paired differences.

Two models of one seed have seen the same images in the same order, so they are compared within a
seed. A claim is judged by the confidence intervals of the mean differences; in how many seeds it
holds is shown too. docs/verdicts.md has the rules.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import fmean, stdev

from repro.runs.records import RunRecord
from repro.runs.selection import readings_by_seed
from repro.spec import CLAIM_RECIPES, READING_EPOCHS
from repro.verdicts.claim_file import Claim
from repro.verdicts.statistics import CONFIDENCE, ROUNDING, prediction_interval

Figures = Mapping[str, float]
"""One seed's test accuracies in [0, 1], by `model@epochs`."""

EQUIVALENCE = 0.01
"""A difference of accuracies that is no more than this is none: about the standard deviation of one
run of Net."""


class Finding(str, Enum):
    """What can be said of a claim."""

    SUPPORTED = "SUPPORTED"
    """Each difference is surely above the margin that the sentence needs."""
    COMPATIBLE = "COMPATIBLE"
    """The figure or the count may well be one of ours."""
    EQUIVALENT = "EQUIVALENT"
    """Each difference that is not surely above 0 is surely within :data:`EQUIVALENCE` of it."""
    CONTRADICTED = "CONTRADICTED"
    """A difference is surely below the margin, or the figure or count is none of ours."""
    OPEN = "OPEN"
    """Our seeds tell neither."""
    NOT_RUN = "NOT RUN"
    """No seed has all the figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimResult:
    """A claim and what n seeds say about it."""

    claim: Claim
    n: int
    """Seeds that have all the figures."""
    k: int
    """Seeds in which it holds."""
    finding: Finding
    chance: float | None
    """How likely the claim is to hold in one more seed, by the pair that binds (Student); None for
    fewer than two seeds, and for a claim without pairs."""
    differences: tuple[float, ...]
    """Mean paired difference of each pair, the first minus the second figure."""
    intervals: tuple[tuple[float, float] | None, ...]
    """95% confidence interval of each of these, by itself (Student); None for one seed."""
    stated: bool | None
    """Whether the stated difference could be one more seed's; None where none is stated."""
    reported: tuple[float | None, ...] = ()
    """The same differences in the report's tables; None where these lack one of the figures."""
    secondary: ClaimResult | None = None
    """What is found with dropout off at prediction, where verdicts use it on; None where that makes
    no difference."""

    @property
    def least(self) -> float | None:
        """The smallest of the mean differences that the claim needs to be large: it binds."""
        return min(self.differences, default=None)

    @property
    def least_reported(self) -> float | None:
        """What the report's tables give for the pair of :attr:`least`."""
        if not self.differences or not self.reported:
            return None
        return self.reported[self.differences.index(min(self.differences))]

    @property
    def least_interval(self) -> tuple[float, float] | None:
        """The interval of :attr:`least`."""
        pairs = zip(self.differences, self.intervals, strict=True)
        return min(pairs, key=lambda pair: pair[0])[1] if self.differences else None


def figures_by_seed(
    records: Iterable[RunRecord], *, primary: bool = True
) -> dict[int, dict[str, float]]:
    """Test accuracies of the models that claims name, by seed and `model@epochs`; of
    ImprovedNet those that verdicts use or, unless `primary`, the others.

    Raises:
        ValueError: two records of one model and seed.
    """
    out: dict[int, dict[str, float]] = {}
    read_by_model = readings_by_seed(records, primary=primary, recipes=CLAIM_RECIPES)
    for model, seed, read in read_by_model:
        figures = out.setdefault(seed, {})
        figures |= {f"{model}@{epoch}": accuracy for epoch, accuracy in read.items()}
    return out


def judge_claim(
    claim: Claim,
    seeds: Iterable[Figures],
    secondary: Iterable[Figures] | None = None,
    report: Figures | None = None,
) -> ClaimResult:
    """What the seeds that have all of a claim's figures say about it.

    `secondary` are the same seeds' figures with dropout off, which verdicts do not use; `report`
    are those of the report's tables, of which the claims need not name all.
    """
    judged = _judge(claim, seeds)
    if report is not None:
        pairs = [(_value(one, report), _value(other, report)) for one, other in claim.greater]
        reported = tuple(None if a is None or b is None else a - b for a, b in pairs)
        judged = dataclasses.replace(judged, reported=reported)
    if secondary is None or not claim.depends_on_dropout:
        return judged
    return dataclasses.replace(judged, secondary=_judge(claim, secondary))


def _judge(claim: Claim, seeds: Iterable[Figures]) -> ClaimResult:
    complete = [values for each in seeds if (values := _values(claim, each)) is not None]
    n = len(complete)
    pairs = [[values[a] - values[b] for values in complete] for a, b in claim.greater] if n else []
    if claim.greater:
        k = sum(all(pair[seed] > ROUNDING for pair in pairs) for seed in range(n))
        finding = _of_pairs(pairs, claim.margin) if n else Finding.NOT_RUN
    else:
        own = [values[claim.cell or ""] for values in complete]
        k, finding = _of_one(claim, own) if n else (0, Finding.NOT_RUN)
    return ClaimResult(
        claim=claim,
        n=n,
        k=k,
        finding=finding,
        chance=_chance(min(pairs, key=fmean)) if pairs else None,
        differences=tuple(fmean(pair) for pair in pairs),
        intervals=tuple(mean_interval(pair) for pair in pairs),
        stated=_could_be_one_more(claim.by, pairs[0]) if claim.by is not None and pairs else None,
    )


def _of_pairs(pairs: Sequence[Sequence[float]], margin: float) -> Finding:
    """All pairs have to be above the margin, each by its own 95% interval: that all are so by
    chance is rarer still. One below it contradicts, and by chance any of them may be: so these
    intervals are wider, and hold together in 95% of cases (Bonferroni)."""
    usual = [mean_interval(pair) for pair in pairs]
    together = [mean_interval(pair, 1 - (1 - CONFIDENCE) / len(pairs)) for pair in pairs]
    # Two one-sided tests at 5% are the interval of 90%.
    near = [mean_interval(pair, 2 * CONFIDENCE - 1) for pair in pairs]
    above = [each is not None and each[0] > margin + ROUNDING for each in usual]
    if all(above):
        return Finding.SUPPORTED
    if any(each is not None and each[1] < margin - ROUNDING for each in together):
        return Finding.CONTRADICTED
    alike = [each is not None and max(map(abs, each)) <= EQUIVALENCE + ROUNDING for each in near]
    if not margin and all(a or b for a, b in zip(above, alike, strict=True)):
        return Finding.EQUIVALENT
    return Finding.OPEN


def _of_one(claim: Claim, values: Sequence[float]) -> tuple[int, Finding]:
    """In how many seeds a figure or a count is as the report says, and what all of them say."""
    if claim.accuracy is None:
        k = sum(_is_usual(claim, value) for value in values)
        usual: bool | None = _is_usual(claim, fmean(values))
    else:
        k = sum(value >= claim.accuracy - ROUNDING for value in values)
        usual = _could_be_one_more(claim.accuracy, values)
    if usual is None:
        return k, Finding.OPEN
    return k, Finding.COMPATIBLE if usual else Finding.CONTRADICTED


def _chance(differences: Sequence[float]) -> float | None:
    """How likely one more difference is above 0; None for fewer than two."""
    n = len(differences)
    if n < 2:
        return None
    mean, sd = fmean(differences), stdev(differences)
    if sd == 0:
        return float(mean > ROUNDING)
    from scipy import special  # noqa: PLC0415 - slow to import

    return float(special.stdtr(n - 1, mean / (sd * math.sqrt(1 + 1 / n))))


def _could_be_one_more(stated: float, differences: Sequence[float]) -> bool | None:
    """Whether a stated difference lies inside the prediction interval; None without one."""
    around = prediction_interval(differences)
    if around is None:
        return None
    return around[0] - ROUNDING <= stated <= around[1] + ROUNDING


def _values(claim: Claim, figures: Figures) -> dict[str, float] | None:
    """The claim's figures, or None if one is missing."""
    out = {}
    for figure in claim.figures:
        value = _value(figure, figures)
        if value is None:
            return None
        out[figure] = value
    return out


def _value(figure: str, figures: Figures) -> float | None:
    """One of `figures`, or a model's mean over its rows; None where one is missing."""
    rows = [figure] if "@" in figure else [f"{figure}@{epochs}" for epochs in READING_EPOCHS]
    if any(row not in figures for row in rows):
        return None
    return fmean(figures[row] for row in rows)


def _is_usual(claim: Claim, p: float) -> bool:
    """Whether a network so accurate gets so many of so many images right in the central 95%."""
    from scipy import special  # noqa: PLC0415 - slow to import; scipy.stats far slower

    images, right = claim.images or 0, claim.right or 0
    tail = (1 - CONFIDENCE) / 2
    # The interval begins and ends with the first counts up to which `tail` and all but `tail` lie.
    from_the_first = special.bdtr(right, images, p) >= tail
    to_the_last = right == 0 or special.bdtr(right - 1, images, p) < 1 - tail
    return bool(from_the_first and to_the_last)


def mean_interval(
    values: Sequence[float], confidence: float = CONFIDENCE
) -> tuple[float, float] | None:
    """Student's confidence interval of the mean; None for fewer than two values."""
    n = len(values)
    if n < 2:
        return None
    from scipy import special  # noqa: PLC0415 - slow to import

    half = float(special.stdtrit(n - 1, (1 + confidence) / 2)) * stdev(values) / math.sqrt(n)
    return fmean(values) - half, fmean(values) + half
