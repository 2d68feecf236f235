"""The report's figures, and what our runs say about each.

The report gives one unseeded run a cell, so the question is whether that one value could be one
more of ours: a prediction interval for a single value (Crawford and Howell 1998). A one-sample t
test would take the report's value for exact and the more seeds we train, the more surely reject it.

The spread is that of all cells of one network together: they are alike, and so few seeds suffice to
know it. docs/verdicts.md has the rules, with their sources and their error rates.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from statistics import fmean, stdev, variance

from repro.errors import DataError, UsageError
from repro.files import read_rows, share, whole_number
from repro.records import RunRecord
from repro.spec import REPORT_DROPOUT_AT_PREDICTION, REPORT_RECIPES, Recipe

Recipes = Mapping[str, Recipe]
"""By the names of a report's models."""

TABLES = ("3-1", "3-2", "3-3", "3-4")
"""Of the report that this package is about."""
CONFIDENCE = 0.95

_COLUMNS = ["epochs", "column", "model", "accuracy", "tolerance", "place"]
ROUNDING = 1e-9
"""Differences of decimal fractions are not exact; this much is not a difference."""


class Kind(str, Enum):
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
        return self in {Kind.REPRODUCED, Kind.CLOSE, Kind.ONE_RUN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure that the report printed.

    Raises:
        ValueError: a figure or a tolerance outside [0, 1], or epochs below 1.
    """

    table: str
    row: int
    """Training epochs."""
    column: str
    model: str
    expected: float
    """Test accuracy, in [0, 1]."""
    tolerance: float
    place: str

    def __post_init__(self) -> None:
        if self.row < 1 or not 0 <= self.expected <= 1 or not 0 < self.tolerance <= 1:
            raise ValueError(
                f"expected epochs from 1, an accuracy in [0, 1] and a tolerance in (0, 1]; "
                f"got {self.row}, {self.expected}, {self.tolerance}"
            )

    @property
    def name(self) -> str:
        """The figure's identity, the same in each table that repeats it."""
        return f"{self.model}@{self.row}"


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
    has two values."""
    squares, degrees = 0.0, 0
    for values in groups:
        if len(values) > 1:
            squares += variance(values) * (len(values) - 1)
            degrees += len(values) - 1
    return Spread(math.sqrt(squares / degrees), degrees) if degrees else None


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
    kind: Kind
    dropout_on: bool | None = None
    """How the test set was read; None for a network without dropout."""
    counts: bool = True
    """Whether it was read as the report's figure was; else it only stands beside."""

    @property
    def detectable(self) -> float | None:
        """Half the 95% prediction interval: how far from our mean a figure has to lie to fall
        outside."""
        return self.spread.half_interval(self.n) if self.spread else None

    @property
    def low(self) -> float | None:
        """Lower end of the 95% prediction interval for one more run, in [0, 1]."""
        if self.mean is None or self.detectable is None:
            return None
        return max(0.0, self.mean - self.detectable)

    @property
    def high(self) -> float | None:
        """Upper end of the interval, in [0, 1]."""
        if self.mean is None or self.detectable is None:
            return None
        return min(1.0, self.mean + self.detectable)

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
        if self.mean is None or self.kind is Kind.MADE_UP:
            return None
        return round(self.mean - self.cell.expected, 12)


def prediction_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Bounds that hold one more value of the same normal distribution in 95% of cases, by the
    values' own spread. None for fewer than two values, which have none."""
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


def judge(
    cell: Cell,
    values: Sequence[float],
    dropout_on: bool | None = None,
    *,
    counts: bool = True,
    spread: Spread | None = None,
    made_up: bool = False,
) -> Verdict:
    """What test accuracies, one a seed, say about a cell.

    `spread` is that of all cells of the network; the values' own if none is given. One run is
    judged without. With `made_up` images nothing is judged.
    """
    n = len(values)
    spread = None if n < 2 or made_up else spread or pool([values])
    mean = fmean(values) if values else None
    return Verdict(
        cell=cell, n=n, mean=mean, sd=stdev(values) if n > 1 else None, spread=spread,
        p=p_value(values, cell.expected, spread) if spread else None,
        kind=_kind(cell, mean, n, spread, made_up=made_up), dropout_on=dropout_on, counts=counts,
    )  # fmt: skip


def _kind(cell: Cell, mean: float | None, n: int, spread: Spread | None, *, made_up: bool) -> Kind:
    if mean is None:
        return Kind.NOT_RUN
    if made_up:
        return Kind.MADE_UP
    distance = abs(mean - cell.expected) - ROUNDING
    if spread is None:
        return Kind.ONE_RUN if distance <= cell.tolerance else Kind.INCONCLUSIVE
    half = spread.half_interval(n)
    if half > cell.tolerance + ROUNDING:
        return Kind.INCONCLUSIVE
    if distance <= half:
        return Kind.REPRODUCED
    return Kind.CLOSE if distance <= cell.tolerance else Kind.DIFFERS


def model_of(recipe: Recipe, recipes: Recipes = REPORT_RECIPES) -> str | None:
    """A report's name for a recipe, or None where it is none of the report's."""
    return next((model for model, each in recipes.items() if each == recipe), None)


def counts_with_dropout(recipe: Recipe) -> bool:
    """Whether a report read its figures of a network with dropout with it on.

    Of this report that was inferred; of another, its recipe says it.
    """
    if recipe in REPORT_RECIPES.values():
        return REPORT_DROPOUT_AT_PREDICTION
    return recipe.dropout_at_prediction


def counts_switched(recipe: Recipe) -> bool:
    """Whether a report's figures compare with readings taken with dropout the other way about than
    `recipe` predicts."""
    return counts_with_dropout(recipe) != recipe.dropout_at_prediction


def readings_by_seed(
    records: Iterable[RunRecord], *, switched: bool = False, recipes: Recipes = REPORT_RECIPES
) -> list[tuple[str, int, dict[int, float]]]:
    """Model, seed and test accuracies by epoch of every run of a report's models.

    Those of a network with dropout are read as the report's were or, `switched`, with dropout the
    other way about.

    Raises:
        ValueError: two records of one seed, which would count one run twice.
    """
    out = []
    seen = set()
    for record in records:
        model, seed = model_of(record.spec.recipe, recipes), record.spec.seed
        if model is None:
            continue
        if (model, seed) in seen:
            raise ValueError(f"{model}: expected one record a seed; got two of {seed}")
        seen.add((model, seed))
        dropout_on = counts_with_dropout(record.spec.recipe) != switched
        out.append((model, seed, record.accuracies(dropout_on=dropout_on)))
    return out


def accuracies_by_cell(
    records: Iterable[RunRecord], *, switched: bool = False, recipes: Recipes = REPORT_RECIPES
) -> dict[str, list[float]]:
    """Test accuracies by the name of the cell that they belong to, one a seed.

    Raises:
        ValueError: as :func:`readings_by_seed` does.
    """
    out: dict[str, list[float]] = {}
    for model, _, read in readings_by_seed(records, switched=switched, recipes=recipes):
        for epoch, accuracy in read.items():
            out.setdefault(f"{model}@{epoch}", []).append(accuracy)
    return out


def judge_all(
    cells: Iterable[Cell],
    accuracies: Mapping[str, Sequence[float]],
    aside: Mapping[str, Sequence[float]] | None = None,
    recipes: Recipes = REPORT_RECIPES,
    *,
    made_up: bool = False,
) -> list[Verdict]:
    """A verdict for every cell, in order, from accuracies by the cell's name.

    `aside` has those that were read with dropout the other way about. Where it has some for cells
    of a network with dropout, their verdicts follow after the table that the cells are in.
    """
    out = []
    usual, switched = _spreads(accuracies, recipes), _spreads(aside or {}, recipes)
    for _, of_table in itertools.groupby(cells, key=lambda cell: cell.table):
        beside = []
        for cell in of_table:
            recipe = recipes[cell.model]
            on = counts_with_dropout(recipe) if recipe.has_dropout else None
            out.append(
                judge(
                    cell,
                    accuracies.get(cell.name, ()),
                    on,
                    spread=usual.get(recipe.architecture),
                    made_up=made_up,
                )
            )
            if on is not None and aside and aside.get(cell.name):
                beside.append(
                    judge(
                        cell,
                        aside[cell.name],
                        not on,
                        counts=False,
                        spread=switched.get(recipe.architecture),
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
    as the report read them and with dropout the other way about.

    The spread is pooled over all of `records`, also those that no cell is about.
    """
    return judge_all(
        cells,
        accuracies_by_cell(records, recipes=recipes),
        accuracies_by_cell(records, switched=True, recipes=recipes),
        recipes,
        made_up=any(record.spec.dataset != "cifar10" for record in records),
    )


def distinct(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts that count, a cell that several tables repeat once."""
    return list({verdict.cell.name: verdict for verdict in verdicts if verdict.counts}.values())


def told_apart(verdicts: Iterable[Verdict]) -> list[str]:
    """The cells that cannot be one more of our runs, all of them looked at together.

    By :func:`holm`: with no real difference anywhere, a cell is named in 5% of cases at most.
    """
    return holm({v.cell.name: v.p for v in distinct(verdicts) if v.p is not None})


def holm(p_values: Mapping[str, float]) -> list[str]:
    """Which of several hypotheses fall, the surest first, if no true one may in 95% of cases."""
    out = []
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda each: each[1])):
        if p > (1 - CONFIDENCE) / (len(p_values) - rank):
            break
        out.append(name)
    return out


def select_cells(cells: Iterable[Cell], table: str, epochs: int | None) -> list[Cell]:
    """The cells of one table, or of "all", in rows up to `epochs`.

    Raises:
        UsageError: an unknown table, or no row so early.
    """
    cells = list(cells)
    tables = dict.fromkeys(cell.table for cell in cells)
    if table not in {*tables, "all"}:
        raise UsageError(f"table {table!r}: expected {', '.join(tables)} or all")
    of_table = [cell for cell in cells if table in {cell.table, "all"}]
    chosen = [cell for cell in of_table if epochs is None or cell.row <= epochs]
    if not chosen:
        first = min(cell.row for cell in of_table)
        raise UsageError(f"--epochs {epochs}: table {table} begins with the row of {first} epochs")
    return chosen


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """0 if all cells are within tolerance or of made-up images, 1 if one is not, 4 if only runs are
    missing."""
    kinds = {verdict.kind for verdict in verdicts if verdict.counts}
    if kinds & {Kind.DIFFERS, Kind.INCONCLUSIVE}:
        return 1
    return 4 if Kind.NOT_RUN in kinds else 0


def load_cells(
    folder: Path, *, tables: Sequence[str] = TABLES, models: Collection[str] = tuple(REPORT_RECIPES)
) -> list[Cell]:
    """The figures of all tables, in the order of the report.

    Raises:
        DataError: a file is missing or has another form, a row stands twice or is of another than
            the `models`, or a figure that is repeated has two values.
    """
    cells: list[Cell] = []
    for table in tables:
        cells += _load_table(folder / f"table-{table}.csv", table, models)
    values: dict[str, tuple[float, float]] = {}
    for cell in cells:
        value = (cell.expected, cell.tolerance)
        if values.setdefault(cell.name, value) != value:
            raise DataError(f"{folder}: {cell.name} has two values: {values[cell.name]}, {value}")
    return cells


def _load_table(path: Path, table: str, models: Collection[str]) -> list[Cell]:
    cells = []
    for line, row in read_rows(path, _COLUMNS):
        if row["model"] not in models:
            raise DataError(
                f"{path}, line {line}: cannot be read as a figure of the report: model: expected "
                f"one of {', '.join(models)}; got {row['model']!r}"
            )
        try:
            cells.append(
                Cell(
                    table=table,
                    row=whole_number(row["epochs"]),
                    column=row["column"],
                    model=row["model"],
                    expected=share(row["accuracy"]),
                    tolerance=share(row["tolerance"]),
                    place=row["place"],
                )
            )
        except ValueError as error:
            raise DataError(
                f"{path}, line {line}: cannot be read as a figure of the report: {error}"
            ) from None
    names = [cell.name for cell in cells]
    if len(names) != len(set(names)) or not names:
        raise DataError(f"{path}: expected each cell once; got {', '.join(names) or 'none'}")
    return cells
