"""What our runs say about each of the report's figures.

The report gives one unseeded run a cell, so the question is whether that one value could be one
more of ours: a prediction interval for a single value (Crawford and Howell 1998). A one-sample t
test would take the report's value for exact and the more seeds we train, the more surely reject it.

The spread is that of all cells of one network together: they are alike, and so few seeds suffice to
know it. docs/verdicts.md has the rules, with their sources and their error rates.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import fmean, stdev

from repro.runs.records import RunRecord
from repro.runs.selection import Recipes, accuracies_by_cell, primary_dropout_on
from repro.spec import REPORT_RECIPES
from repro.verdicts.cells import Cell
from repro.verdicts.statistics import CONFIDENCE, ROUNDING, Spread, holm, p_value, pool


class VerdictKind(str, Enum):
    """What can be said of a cell."""

    REPRODUCED = "REPRODUCED"
    """Inside the interval, which is no wider than the tolerance: the report's run could be one of
    ours."""
    CLOSE = "CLOSE"
    """Within the tolerance, and outside the interval."""
    ONE_RUN = "ONE RUN"
    """Within the tolerance of the only run, which has no interval."""
    DIFFERS = "DIFFERS"
    """Outside the tolerance and the interval."""
    INCONCLUSIVE = "INCONCLUSIVE"
    """The interval is wider than the tolerance, so it tells nothing apart; or the only run lies
    outside the tolerance, and one run excludes nothing. Not a success."""
    NOT_RUN = "NOT RUN"
    """No record. Not a success."""
    MADE_UP = "MADE UP"
    """The runs saw no real image, so there is nothing to judge."""

    @property
    def is_success(self) -> bool:
        """Whether the figure is within the tolerance, as far as that can be told."""
        return self in {VerdictKind.REPRODUCED, VerdictKind.CLOSE, VerdictKind.ONE_RUN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A cell and what n seeds say about it; None where n is too small for a value."""

    cell: Cell
    n: int
    mean: float | None
    sd: float | None
    """Sample standard deviation of the cell's own runs, n - 1 in the denominator."""
    spread: Spread | None
    """What the interval is made of: the pooled spread of the network's cells. None for one run."""
    p: float | None
    """How often one more of our runs would be as far from our mean as the report's figure is, or
    farther (Crawford and Howell, two-sided): below 0.05 outside the interval."""
    kind: VerdictKind
    dropout_on: bool | None = None
    """How the test set was read; None for a network without dropout."""
    is_primary: bool = True
    """Whether it is compared with the report's figure; else it is shown for comparison."""

    @property
    def half_width(self) -> float | None:
        """Half the 95% prediction interval: how far from our mean a figure has to lie to fall
        outside."""
        return self.spread.half_interval(self.n) if self.spread else None

    @property
    def low(self) -> float | None:
        """Lower end of the 95% prediction interval for one more run, in [0, 1]."""
        if self.mean is None or self.half_width is None:
            return None
        return max(0.0, self.mean - self.half_width)

    @property
    def high(self) -> float | None:
        """Upper end of the interval, in [0, 1]."""
        if self.mean is None or self.half_width is None:
            return None
        return min(1.0, self.mean + self.half_width)

    @property
    def margin(self) -> float | None:
        """The smallest margin at which the cell is equivalent to the report's: two one-sided tests
        at 5% (Schuirmann 1987), the report's figure taken as one run of the same spread."""
        if self.spread is None or self.difference is None:
            return None
        return abs(self.difference) + self.spread.half_interval(self.n, 2 * CONFIDENCE - 1)

    @property
    def difference(self) -> float | None:
        """Ours minus the report's; None for made-up images, which compare with nothing."""
        if self.mean is None or self.kind is VerdictKind.MADE_UP:
            return None
        return round(self.mean - self.cell.expected, 12)


def judge(
    cell: Cell,
    values: Sequence[float],
    dropout_on: bool | None = None,
    *,
    is_primary: bool = True,
    spread: Spread | None = None,
    made_up: bool = False,
) -> Verdict:
    """What test accuracies, one a seed, say about a cell.

    `spread` is that of all cells of the network; the values' own if none is given. One run is
    judged without. With `made_up` images nothing is judged.

    Example:
        >>> from repro.paths import packaged
        >>> from repro.verdicts.cells import load_cells
        >>> cell = load_cells(packaged("expected_results"))[0]
        >>> verdict = judge(cell, [0.570, 0.580, 0.575])
        >>> verdict.cell.expected, round(verdict.mean, 4), verdict.kind.value
        (0.5744, 0.575, 'REPRODUCED')
    """
    n = len(values)
    spread = None if n < 2 or made_up else spread or pool([values])
    mean = fmean(values) if values else None
    return Verdict(
        cell=cell, n=n, mean=mean, sd=stdev(values) if n > 1 else None, spread=spread,
        p=p_value(values, cell.expected, spread) if spread else None,
        kind=_kind(cell, mean, n, spread, made_up=made_up), dropout_on=dropout_on,
        is_primary=is_primary,
    )  # fmt: skip


def _kind(
    cell: Cell, mean: float | None, n: int, spread: Spread | None, *, made_up: bool
) -> VerdictKind:
    if mean is None:
        return VerdictKind.NOT_RUN
    if made_up:
        return VerdictKind.MADE_UP
    distance = abs(mean - cell.expected) - ROUNDING
    if spread is None:
        return VerdictKind.ONE_RUN if distance <= cell.tolerance else VerdictKind.INCONCLUSIVE
    half = spread.half_interval(n)
    if half > cell.tolerance + ROUNDING:
        return VerdictKind.INCONCLUSIVE
    if distance <= half:
        return VerdictKind.REPRODUCED
    return VerdictKind.CLOSE if distance <= cell.tolerance else VerdictKind.DIFFERS


def judge_all(
    cells: Iterable[Cell],
    accuracies: Mapping[str, Sequence[float]],
    secondary: Mapping[str, Sequence[float]] | None = None,
    recipes: Recipes = REPORT_RECIPES,
    *,
    made_up: bool = False,
) -> list[Verdict]:
    """A verdict for every cell, in order, from accuracies by the cell's name.

    `secondary` has the accuracies with dropout off, where the report's figures have it on. The
    verdicts on these follow after the table that the cells are in.
    """
    out = []
    usual, other = _spreads(accuracies, recipes), _spreads(secondary or {}, recipes)
    for _, of_table in itertools.groupby(cells, key=lambda cell: cell.table):
        beside = []
        for cell in of_table:
            recipe = recipes[cell.model]
            on = primary_dropout_on(recipe) if recipe.has_dropout else None
            out.append(
                judge(
                    cell,
                    accuracies.get(cell.name, ()),
                    on,
                    spread=usual.get(recipe.architecture),
                    made_up=made_up,
                )
            )
            if on is not None and secondary and secondary.get(cell.name):
                beside.append(
                    judge(
                        cell,
                        secondary[cell.name],
                        not on,
                        is_primary=False,
                        spread=other.get(recipe.architecture),
                        made_up=made_up,
                    )
                )
        out += beside
    return out


def _spreads(
    accuracies: Mapping[str, Sequence[float]], recipes: Recipes
) -> dict[str, Spread | None]:
    """The pooled spread of each network, by its architecture: over all of its readings, also those
    of other models and rows than are judged."""
    groups: dict[str, list[Sequence[float]]] = {}
    for name, values in accuracies.items():
        groups.setdefault(recipes[name.rpartition("@")[0]].architecture, []).append(values)
    return {architecture: pool(each) for architecture, each in groups.items()}


def judge_records(
    cells: Iterable[Cell], records: Sequence[RunRecord], recipes: Recipes = REPORT_RECIPES
) -> list[Verdict]:
    """A verdict for every cell from the runs that there are; ImprovedNet's cells are judged twice,
    with dropout on as in the report and with dropout off.

    The spread is pooled over all of `records`, also those that no cell is about.
    """
    return judge_all(
        cells,
        accuracies_by_cell(records, recipes=recipes),
        accuracies_by_cell(records, primary=False, recipes=recipes),
        recipes,
        made_up=any(record.spec.dataset != "cifar10" for record in records),
    )


def unique_primary(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts that count, a cell that several tables repeat once."""
    return list({verdict.cell.name: verdict for verdict in verdicts if verdict.is_primary}.values())


def significant_cells(verdicts: Iterable[Verdict]) -> list[str]:
    """The cells that cannot be one more of our runs, all of them looked at together.

    By :func:`holm`: with no real difference anywhere, a cell is named in 5% of cases at most.
    """
    return holm({v.cell.name: v.p for v in unique_primary(verdicts) if v.p is not None})
