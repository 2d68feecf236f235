"""Intervals and tests of a few accuracies, by Student's t.

docs/verdicts.md has the rules that use them, with their sources and their error rates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

CONFIDENCE = 0.95

ROUNDING = 1e-9
"""Differences of decimal fractions are not exact; this much is not a difference."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How much single runs of one kind differ."""

    sd: float
    """Standard deviation of one run's accuracy."""
    degrees: int
    """Degrees of freedom of :attr:`sd`."""

    def half_interval(self, n: int, share: float = CONFIDENCE) -> float:
        """How far from the mean of `n` runs one more run lies at most, in `share` of cases:
        t(degrees) · sd · sqrt(1 + 1/n)."""
        from scipy import special  # noqa: PLC0415 - slow to import, and one seed needs none of it

        t = float(special.stdtrit(self.degrees, (1 + share) / 2))
        return t * self.sd * math.sqrt(1 + 1 / n)

    def p_value(self, distance: float, scale: float = 1.0) -> float:
        """How often chance alone makes a distance as large as this one, whose standard deviation
        is `scale` times :attr:`sd`: two-sided, by Student's t."""
        if self.sd <= ROUNDING:  # no spread, no test
            return float(abs(distance) <= ROUNDING)
        from scipy import special  # noqa: PLC0415 - as above

        return float(2 * special.stdtr(self.degrees, -abs(distance) / (self.sd * scale)))


def pool(groups: Iterable[Sequence[float]]) -> Spread | None:
    """The spread within `groups`, each about its own mean, all taken together; None where no group
    has two values.

    Example:
        >>> pool([[0.57, 0.58], [0.61, 0.63, 0.62]]).degrees
        3
    """
    squares, degrees = 0.0, 0
    for values in groups:
        if len(values) > 1:
            squares += variance(values) * (len(values) - 1)
            degrees += len(values) - 1
    return Spread(math.sqrt(squares / degrees), degrees) if degrees else None


def prediction_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Bounds that hold one more value of the same normal distribution in 95% of cases, by the
    values' own spread. None for fewer than two values, which have none.

    Example:
        >>> low, high = prediction_interval([0.570, 0.580, 0.575])
        >>> round(low, 3), round(high, 3)
        (0.55, 0.6)
    """
    spread = pool([values])
    if spread is None:
        return None
    mean, half = fmean(values), spread.half_interval(len(values))
    return mean - half, mean + half


def p_value(values: Sequence[float], one: float, spread: Spread | None = None) -> float | None:
    """How often one more value of the same normal distribution is as far from the mean as `one`.

    Two-sided, by Student's t with the degrees of `spread`, which is the values' own if none is
    given. None without one.
    """
    spread = spread or pool([values])
    if spread is None or not values:
        return None
    return spread.p_value(one - fmean(values), math.sqrt(1 + 1 / len(values)))


def holm(p_values: Mapping[str, float]) -> list[str]:
    """Which of several hypotheses fall, the surest first, if no true one may in 95% of cases.

    Example:
        >>> holm({"net-relu@10": 0.001, "net-relu@30": 0.04, "resnet@10": 0.5})
        ['net-relu@10']
    """
    out = []
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda each: each[1])):
        if p > (1 - CONFIDENCE) / (len(p_values) - rank):
            break
        out.append(name)
    return out
