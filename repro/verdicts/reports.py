"""Reports as data: tables in CSV files, recipes in a TOML file, and perhaps a network in Python.

report.toml      title, source, and a recipe for each model: [models.NAME]
table-NAME.csv   epochs,column,model,accuracy,tolerance,place
FILE.py          a function that returns a network, where a recipe names one
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from repro.errors import DataError, UsageError, listed, sentence
from repro.files import parse_toml, read_regular
from repro.spec import REPORT_RECIPES, Recipe
from repro.verdicts.cells import Cell, load_cells

_MODEL_FIELDS = (
    "architecture", "activation", "optimiser", "learning_rate", "momentum", "batch_size", "pixels",
    "dropout_at_prediction",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a report printed, and how its models are trained."""

    title: str
    source: str
    """Where its figures can be looked up."""
    cells: tuple[Cell, ...]
    recipes: Mapping[str, Recipe]
    """By the names that the tables use."""
    code: Mapping[str, str]
    """Files that have networks, by their SHA-256."""


def this_report(folder: Path) -> Report:
    """The report that this package is about; `folder` has its tables."""
    return Report(
        title="CIFAR-10 image classification, Beijing University of Chemical Technology",
        source="technical report, December 2023",
        cells=tuple(load_cells(folder)),
        recipes=REPORT_RECIPES,
        code={},
    )


def load_report(folder: Path) -> Report:
    """Another report. The test set is read at the epochs that its tables have rows of.

    Raises:
        UsageError: the folder has no report.toml.
        DataError: a file is missing or has another form, or a model no recipe.
    """
    path = folder / "report.toml"
    if not path.exists():
        raise UsageError(
            sentence(
                "--report {folder}: expected a folder with report.toml and table-*.csv",
                folder=folder,
            )
        )
    try:
        fields = parse_toml(read_regular(path))
    except ValueError as error:
        raise DataError(
            sentence("{path}: cannot be read as TOML: {error}", path=path, error=error)
        ) from None
    unknown = fields.keys() - {"title", "source", "models"}
    models = fields.get("models")
    if unknown or not isinstance(models, dict) or not models:
        raise DataError(
            sentence(
                "{path}: expected title, source and [models.NAME]; got {fields}",
                path=path,
                fields=listed(sorted(fields)),
            )
        )
    names = sorted(each.stem.removeprefix("table-") for each in folder.glob("table-*.csv"))
    if not names:
        raise DataError(
            sentence("{folder}: expected a table-NAME.csv; there is none", folder=folder)
        )
    cells = load_cells(folder, tables=names, models=tuple(models))
    code: dict[str, str] = {}
    recipes = {}
    for name, model in models.items():
        rows = sorted({cell.row for cell in cells if cell.model == name})
        recipes[name] = _recipe(path, name, model, tuple(rows), code)
    if len(set(recipes.values())) != len(recipes):
        raise DataError(
            sentence("{path}: expected another recipe for each model; two are the same", path=path)
        )
    return Report(
        title=str(fields.get("title", folder.name)), source=str(fields.get("source", "")),
        cells=tuple(cells), recipes=recipes, code=code,
    )  # fmt: skip


def _recipe(
    path: Path, name: str, model: Any, rows: tuple[int, ...], code: dict[str, str]
) -> Recipe:
    """The recipe that `model` says; adds the file that has its network to `code`."""
    where = f"{path}: [models.{name}]"
    if not isinstance(model, dict) or model.keys() - set(_MODEL_FIELDS):
        raise DataError(
            sentence(
                "{where}: expected some of {fields}; got {model!r}",
                where=where,
                fields=listed(_MODEL_FIELDS),
                model=model,
            )
        )
    fields = {**model, "readings": rows}
    file, _, function = str(model.get("architecture", "")).partition(":")
    if function and file != "torchvision":
        source = read_regular(path.parent / Path(file).name)
        try:
            text = source.decode()
        except UnicodeDecodeError as error:
            raise DataError(
                sentence("{path}: {error}", path=path.parent / file, error=error)
            ) from None
        digest = hashlib.sha256(source).hexdigest()
        code[digest] = text
        fields["code_sha256"] = digest
    try:
        return msgspec.convert(fields, Recipe)
    except msgspec.ValidationError as error:
        raise DataError(sentence("{where}: {error}", where=where, error=error)) from None
