"""The figures that a report printed, cell by cell of its tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro.errors import DataError, UsageError, listed, sentence
from repro.files import parse_fraction, parse_int, read_csv
from repro.spec import REPORT_RECIPES

TABLES = ("3-1", "3-2", "3-3", "3-4")
"""Of the report that this package is about."""

_COLUMNS = ["epochs", "column", "model", "accuracy", "tolerance", "place"]


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
                sentence(
                    "expected epochs from 1, an accuracy in [0, 1] and a tolerance in "
                    "(0, 1]; got {row}, {expected}, {tolerance}",
                    row=self.row,
                    expected=self.expected,
                    tolerance=self.tolerance,
                )
            )

    @property
    def name(self) -> str:
        """The figure's identity, the same in each table that repeats it."""
        return f"{self.model}@{self.row}"


def select_cells(
    cells: Iterable[Cell], tables: str | Collection[str], epochs: int | None
) -> list[Cell]:
    """The cells of one table or of several, or of "all", in rows up to `epochs`, in the report's
    order.

    Raises:
        UsageError: an unknown table, or no row so early.

    Example:
        >>> from repro.paths import packaged
        >>> cells = load_cells(packaged("expected_results"))
        >>> [cell.name for cell in select_cells(cells, "3-1", 30)]
        ['net-relu@10', 'net-relu@30']
    """
    cells = list(cells)
    known = dict.fromkeys(cell.table for cell in cells)
    asked = {tables} if isinstance(tables, str) else dict.fromkeys(tables)
    if not asked:
        raise UsageError(sentence("expected a table; got none of {known}", known=listed(known)))
    for table in asked:
        if table not in {*known, "all"}:
            raise UsageError(
                sentence(
                    "table {table!r}: expected {known} or all", table=table, known=listed(known)
                )
            )
        first = min(cell.row for cell in cells if table in {cell.table, "all"})
        if epochs is not None and epochs < first:
            raise UsageError(
                sentence(
                    "--epochs {epochs}: table {table} begins with the row of {first} epochs",
                    epochs=epochs,
                    table=table,
                    first=first,
                )
            )
    of_tables = [cell for cell in cells if "all" in asked or cell.table in asked]
    return [cell for cell in of_tables if epochs is None or cell.row <= epochs]


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
            raise DataError(
                sentence(
                    "{folder}: {name} has two values: {one}, {other}",
                    folder=folder,
                    name=cell.name,
                    one=values[cell.name],
                    other=value,
                )
            )
    return cells


def _load_table(path: Path, table: str, models: Collection[str]) -> list[Cell]:
    cells = []
    for line, row in read_csv(path, _COLUMNS):
        if row["model"] not in models:
            raise DataError(
                sentence(
                    "{path}, line {line}: cannot be read as a figure of the report: "
                    "model: expected one of {models}; got {model!r}",
                    path=path,
                    line=line,
                    models=listed(models),
                    model=row["model"],
                )
            )
        try:
            cells.append(
                Cell(
                    table=table,
                    row=parse_int(row["epochs"]),
                    column=row["column"],
                    model=row["model"],
                    expected=parse_fraction(row["accuracy"]),
                    tolerance=parse_fraction(row["tolerance"]),
                    place=row["place"],
                )
            )
        except ValueError as error:
            raise DataError(
                sentence(
                    "{path}, line {line}: cannot be read as a figure of the report: {error}",
                    path=path,
                    line=line,
                    error=error,
                )
            ) from None
    names = [cell.name for cell in cells]
    if len(names) != len(set(names)) or not names:
        raise DataError(
            sentence(
                "{path}: expected each cell once; got {names}",
                path=path,
                names=listed(names) or sentence("none"),
            )
        )
    return cells
