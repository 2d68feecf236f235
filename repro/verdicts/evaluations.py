"""Test accuracies of candidate recipes: what the recipe search judges, from records or a CSV file.

The file is small enough to come with the package, where the 500 records of the search are not.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repro.errors import DataError, listed, sentence
from repro.files import parse_fraction, parse_int, read_csv
from repro.runs.batch_norm import BATCHES
from repro.runs.records import RunRecord
from repro.spec import FITTING_SEEDS, REPORT_RECIPES, Recipe

_TEXTS = ("optimiser", "pixels", "training_images", "order", "initial_weights")
_INTEGERS = ("batch_size", "jpeg_quality")
_FRACTIONS = ("learning_rate", "momentum")
_VARIED = (
    "optimiser", "learning_rate", "momentum", "batch_size", "pixels", "training_images", "order",
    "jpeg_quality", "initial_weights",
)  # fmt: skip
"""The fields of a recipe in which candidates differ."""

COLUMNS = (
    "model", *_VARIED, "seed", "epoch", "accuracy", "accuracy_dropout_on",
    *(f"accuracy_batch_norm_{batch}" for batch in BATCHES),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One evaluation of a run on the test set; all accuracies are in [0, 1]."""

    candidate: Recipe
    """As the recipe of Net with ReLU."""
    model: str
    """The report's name of the network, such as "net-relu"."""
    seed: int
    epoch: int
    accuracy: float
    """In evaluation mode."""
    dropout_on: float
    """With dropout left on; the same where there is no dropout."""
    batch_norm_on: Mapping[int, float] = field(default_factory=dict)
    """With batch norm left in training mode, by the images in a batch; known of ResNets only, after
    their last epoch."""


def evaluations_of(
    records: Iterable[RunRecord], left_on: Mapping[str, Mapping[int, float]] | None = None
) -> list[Evaluation]:
    """Those of runs with a fitting seed and a candidate's recipe.

    Args:
        records: any runs.
        left_on: accuracy with batch norm left in training mode after a run's last epoch, by the
            run's name and the batch.
    """
    out = []
    for record in records:
        recipe, seed = record.spec.recipe, record.spec.seed
        if seed not in FITTING_SEEDS or not recipe.is_reports or recipe.readings:
            continue  # verifies something, or is another report's
        model = _model(recipe)
        if model is None:
            continue
        off, on = (record.accuracies(dropout_on=on) for on in (False, True))
        batches = (left_on or {}).get(record.spec.name, {})
        out += [
            Evaluation(
                candidate=recipe_for_model(recipe, "net-relu"), model=model, seed=seed,
                epoch=epoch, accuracy=accuracy, dropout_on=on[epoch],
                batch_norm_on=batches if epoch == len(record.epochs) else {},
            )
            for epoch, accuracy in off.items()
        ]  # fmt: skip
    return out


def recipe_for_model(candidate: Recipe, model: str) -> Recipe:
    """`candidate` for one of the report's models: another network, trained the same way."""
    of_model = REPORT_RECIPES[model]
    return dataclasses.replace(
        candidate, architecture=of_model.architecture, activation=of_model.activation
    )


def _model(recipe: Recipe) -> str | None:
    """The report's name of the network that a recipe trains, however it does."""
    return next(
        (model for model in REPORT_RECIPES if recipe_for_model(recipe, model) == recipe), None
    )


def to_csv(evaluations: Iterable[Evaluation]) -> str:
    """A row for each, in the order of candidates, models, seeds and epochs."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    rows = [
        (
            each.model, *(getattr(each.candidate, name) for name in _VARIED), each.seed, each.epoch,
            f"{each.accuracy:.4f}",
            f"{each.dropout_on:.4f}" if each.model == "improved" else "",
            *(f"{each.batch_norm_on[b]:.4f}" if b in each.batch_norm_on else "" for b in BATCHES),
        )
        for each in evaluations
    ]  # fmt: skip
    models = list(REPORT_RECIPES)
    place = len(_VARIED) + 1
    rows.sort(key=lambda row: (row[1:place], models.index(row[0]), row[place], row[place + 1]))
    writer.writerows(rows)
    return out.getvalue()


def load_evaluations(path: Path) -> list[Evaluation]:
    """What :func:`to_csv` wrote.

    Raises:
        DataError: the file is missing or has another form.
    """
    out = []
    for line, row in read_csv(path, COLUMNS):
        try:
            out.append(_evaluation(row))
        except ValueError as error:
            raise DataError(
                sentence("{path}, line {line}: {error}", path=path, line=line, error=error)
            ) from None
    return out


def _evaluation(row: Mapping[str, str]) -> Evaluation:
    if row["model"] not in REPORT_RECIPES:
        raise ValueError(
            sentence(
                "model: expected one of {names}; got {model}",
                names=listed(REPORT_RECIPES),
                model=row["model"],
            )
        )
    fields: dict[str, Any] = {name: row[name] for name in _TEXTS}
    fields |= {name: parse_int(row[name]) for name in _INTEGERS}
    fields |= {name: parse_fraction(row[name]) for name in _FRACTIONS}
    accuracy = parse_fraction(row["accuracy"])
    on = row["accuracy_dropout_on"]
    batches = {batch: row[f"accuracy_batch_norm_{batch}"] for batch in BATCHES}
    return Evaluation(
        candidate=dataclasses.replace(REPORT_RECIPES["net-relu"], **fields),
        model=row["model"], seed=parse_int(row["seed"]), epoch=parse_int(row["epoch"]),
        accuracy=accuracy, dropout_on=parse_fraction(on) if on else accuracy,
        batch_norm_on={batch: parse_fraction(each) for batch, each in batches.items() if each},
    )  # fmt: skip
