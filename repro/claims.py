"""What the report's sentences claim about its figures, judged seed by seed.

Two models of one seed have seen the same images in the same order, so they are compared within a
seed: the number of seeds in which a claim holds, and the mean of the paired differences.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import msgspec

from repro.errors import DataError
from repro.records import RunRecord
from repro.spec import READING_EPOCHS, REPORT_RECIPES
from repro.verdicts import CONFIDENCE, ROUNDING, prediction_interval, readings_by_seed

_FIGURE = re.compile(r"(?P<model>[a-z_-]+?)(?:@(?P<epochs>\d+))?")

Figures = Mapping[str, float]
"""One seed's test accuracies in [0, 1], by `model@epochs`."""

FEWEST_THAT_DECIDE = 5
"""Seeds. Of two figures with no real difference the first is above the second in all of five in one
case of 32, in all of four in one of 16: more often than the 5% that verdicts allow."""


class Finding(str, Enum):
    """What can be said of a claim."""

    HOLDS = "HOLDS"
    """In each of at least five seeds."""
    COMPATIBLE = "COMPATIBLE"
    """A count that is usual for the accuracy of each of at least five seeds; most would be."""
    HOLDS_IN_SOME = "HOLDS IN SOME"
    DOES_NOT_HOLD = "DOES NOT HOLD"
    """In none of at least five seeds."""
    CANNOT_BE_TOLD = "CANNOT BE TOLD"
    """Fewer seeds have all the figures, and they agree, as chance alone may have them."""


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sentence: pairs of figures, the first above the second, or right answers among images.

    Raises:
        ValueError: neither or both of the two, an unknown figure, a difference for many pairs.
    """

    name: str
    says: str
    says_zh: str = ""
    place: str
    place_zh: str = ""
    greater: tuple[tuple[str, str], ...] = ()
    by: float | None = None
    """The difference that the report states, of the only pair."""
    cell: str | None = None
    right: int | None = None
    images: int | None = None

    def __post_init__(self) -> None:
        counted = (self.cell, self.right, self.images)
        if bool(self.greater) == all(each is not None for each in counted) or (
            self.greater and any(each is not None for each in counted)
        ):
            raise ValueError("expected either `greater` or `cell`, `right` and `images`")
        if self.by is not None and len(self.greater) != 1:
            raise ValueError(f"by: expected one pair that differs so much; got {len(self.greater)}")
        for figure in self.figures:
            found = _FIGURE.fullmatch(figure)
            epochs = found and found["epochs"]
            if (
                not found
                or found["model"] not in REPORT_RECIPES
                or (epochs and int(epochs) not in REPORT_RECIPES[found["model"]].reading_epochs)
            ):
                raise ValueError(
                    f"expected a model of the report, at epochs that are read; got {figure!r}"
                )
        if self.images is not None and not 0 <= (self.right or 0) <= self.images:
            raise ValueError(f"right: expected at most {self.images}; got {self.right}")

    @property
    def figures(self) -> list[str]:
        """All figures that the claim is about."""
        return [
            *(figure for pair in self.greater for figure in pair),
            *([self.cell] if self.cell else []),
        ]

    @property
    def depends_on_dropout(self) -> bool:
        """Whether it matters for a figure that dropout may be on or off at prediction."""
        return any(REPORT_RECIPES[figure.split("@")[0]].has_dropout for figure in self.figures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A claim and what n seeds say about it."""

    claim: Claim
    n: int
    """Seeds that have all the figures."""
    k: int
    """Seeds in which it holds."""
    finding: Finding
    share: tuple[float, float] | None
    """95% confidence interval of the share of seeds in which it holds (Clopper and Pearson); None
    for a count, which is no more than compatible."""
    differences: tuple[float, ...]
    """Mean paired difference of each pair, the first minus the second figure."""
    intervals: tuple[tuple[float, float] | None, ...]
    """95% confidence interval of each of these, by itself (Student); None for one seed."""
    stated: bool | None
    """Whether the stated difference could be one more seed's; None where none is stated."""
    switched: Judgement | None = None
    """What is found with dropout the other way about than the report probably read its figures;
    None where that makes no difference."""

    @property
    def least(self) -> float | None:
        """The smallest of the mean differences that the claim needs to be above 0."""
        return min(self.differences, default=None)

    @property
    def least_interval(self) -> tuple[float, float] | None:
        """The interval of :attr:`least`."""
        pairs = zip(self.differences, self.intervals, strict=True)
        return min(pairs, key=lambda pair: pair[0])[1] if self.differences else None


def load_claims(path: Path) -> list[Claim]:
    """The claims in the order of the report.

    Raises:
        DataError: the file is missing or has another form, or a name stands twice.
    """

    class File(msgspec.Struct, forbid_unknown_fields=True):
        claims: list[Claim]

    try:
        claims = msgspec.toml.decode(path.read_bytes(), type=File).claims
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as the report's claims: {error}") from None
    names = [claim.name for claim in claims]
    if len(set(names)) != len(names) or not names:
        raise DataError(f"{path}: expected each claim once; got {', '.join(names) or 'none'}")
    return claims


def figures_by_seed(
    records: Iterable[RunRecord], *, switched: bool = False
) -> dict[int, dict[str, float]]:
    """Test accuracies of the report's models, by seed and `model@epochs`; those of ImprovedNet
    read as the report's were or, `switched`, with dropout the other way about.

    Raises:
        ValueError: two records of one model and seed.
    """
    out: dict[int, dict[str, float]] = {}
    for model, seed, read in readings_by_seed(records, switched=switched):
        figures = out.setdefault(seed, {})
        figures |= {f"{model}@{epoch}": accuracy for epoch, accuracy in read.items()}
    return out


def reported(cells: Iterable[Any]) -> dict[str, float]:
    """The report's own figures by `model@epochs`, from its cells."""
    return {cell.name: cell.expected for cell in cells}


def judge_claim(
    claim: Claim, seeds: Iterable[Figures], switched: Iterable[Figures] | None = None
) -> Judgement:
    """What the seeds that have all of a claim's figures say about it.

    `switched` are the same seeds' figures with dropout the other way about.
    """
    judged = _judge(claim, seeds)
    if switched is None or not claim.depends_on_dropout:
        return judged
    return dataclasses.replace(judged, switched=_judge(claim, switched))


def _judge(claim: Claim, seeds: Iterable[Figures]) -> Judgement:
    complete = [values for each in seeds if (values := _values(claim, each)) is not None]
    n = len(complete)
    pairs = [[values[a] - values[b] for values in complete] for a, b in claim.greater]
    if pairs:
        k = sum(all(pair[seed] > ROUNDING for pair in pairs) for seed in range(n))
    else:
        k = sum(_is_usual(claim, values) for values in complete)
    if 0 < k < n:
        finding = Finding.HOLDS_IN_SOME
    elif n < FEWEST_THAT_DECIDE:
        finding = Finding.CANNOT_BE_TOLD
    elif k == 0:
        finding = Finding.DOES_NOT_HOLD
    else:
        finding = Finding.HOLDS if pairs else Finding.COMPATIBLE
    return Judgement(
        claim=claim,
        n=n,
        k=k,
        finding=finding,
        share=_share(k, n) if n and pairs else None,
        differences=tuple(fmean(pair) for pair in pairs) if n else (),
        intervals=tuple(mean_interval(pair) for pair in pairs) if n else (),
        stated=_could_be_one_more(claim.by, pairs[0]) if claim.by is not None else None,
    )


def _could_be_one_more(stated: float, differences: Sequence[float]) -> bool | None:
    """Whether a stated difference lies inside the prediction interval; None without one."""
    around = prediction_interval(differences)
    if around is None:
        return None
    return around[0] - ROUNDING <= stated <= around[1] + ROUNDING


def holds_in_report(claim: Claim, figures: Figures) -> bool | None:
    """Whether the report's own figures bear the sentence out; None where they do not say."""
    values = _values(claim, figures)
    if values is None or not claim.greater:
        return None
    return all(values[a] - values[b] > ROUNDING for a, b in claim.greater)


def _values(claim: Claim, figures: Figures) -> dict[str, float] | None:
    """The claim's figures, or None if one is missing."""
    out = {}
    for figure in claim.figures:
        rows = [figure] if "@" in figure else [f"{figure}@{epochs}" for epochs in READING_EPOCHS]
        if any(row not in figures for row in rows):
            return None
        out[figure] = fmean(figures[row] for row in rows)
    return out


def _is_usual(claim: Claim, values: Figures) -> bool:
    """Whether a network so accurate gets so many of so many images right in the central 95%."""
    from scipy import special  # noqa: PLC0415 - slow to import; scipy.stats far slower

    images, right, p = claim.images or 0, claim.right or 0, values[claim.cell or ""]
    tail = (1 - CONFIDENCE) / 2
    # The interval begins and ends with the first counts up to which `tail` and all but `tail` lie.
    from_the_first = special.bdtr(right, images, p) >= tail
    to_the_last = right == 0 or special.bdtr(right - 1, images, p) < 1 - tail
    return bool(from_the_first and to_the_last)


def _share(k: int, n: int) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share of which k of n were seen."""
    from scipy import special  # noqa: PLC0415 - slow to import

    tail = (1 - CONFIDENCE) / 2
    low = float(special.betaincinv(k, n - k + 1, tail)) if k else 0.0
    high = float(special.betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return low, high


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Student's confidence interval of the mean; None for fewer than two values."""
    n = len(values)
    if n < 2:
        return None
    from scipy import special  # noqa: PLC0415 - slow to import

    half = float(special.stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * stdev(values) / math.sqrt(n)
    return fmean(values) - half, fmean(values) + half
