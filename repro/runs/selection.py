"""Which runs count for what: by data set, device, engine, recipe and seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Literal, get_args

from repro.errors import UsageError, sentence
from repro.runs.records import RunRecord
from repro.spec import (
    CLAIM_RECIPES,
    FITTING_SEEDS,
    MAX_SEED,
    REPORT_DROPOUT_AT_PREDICTION,
    REPORT_RECIPES,
    DatasetName,
    Engine,
    EngineChoice,
    Recipe,
)

DeviceChoice = Literal["auto", "cpu", "cuda", "mps"]

Recipes = Mapping[str, Recipe]
"""By the names of a report's models."""


def model_of(recipe: Recipe, recipes: Recipes = REPORT_RECIPES) -> str | None:
    """A report's name for a recipe, or None where it is none of the report's.

    Example:
        >>> model_of(REPORT_RECIPES["improved"])
        'improved'
    """
    return next((model for model, each in recipes.items() if each == recipe), None)


def primary_dropout_on(recipe: Recipe) -> bool:
    """Whether a report read its figures of a network with dropout with it on.

    Of this report that was inferred; of another, its recipe says it.
    """
    if recipe in REPORT_RECIPES.values():
        return REPORT_DROPOUT_AT_PREDICTION
    return recipe.dropout_at_prediction


def primary_accuracies(run: RunRecord) -> dict[int, float]:
    """A run's test accuracies by epoch: of a network with dropout those that the verdicts use."""
    return run.accuracies(dropout_on=primary_dropout_on(run.spec.recipe))


def readings_by_seed(
    records: Iterable[RunRecord], *, primary: bool = True, recipes: Recipes = REPORT_RECIPES
) -> list[tuple[str, int, dict[int, float]]]:
    """Model, seed and test accuracies by epoch of every run of a report's models.

    Of a network with dropout those that the verdicts use or, unless `primary`, the others, which
    are shown for comparison.

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
            raise ValueError(
                sentence(
                    "{model}: expected one record a seed; got two of {seed}", model=model, seed=seed
                )
            )
        seen.add((model, seed))
        dropout_on = primary_dropout_on(record.spec.recipe) == primary
        out.append((model, seed, record.accuracies(dropout_on=dropout_on)))
    return out


def accuracies_by_cell(
    records: Iterable[RunRecord], *, primary: bool = True, recipes: Recipes = REPORT_RECIPES
) -> dict[str, list[float]]:
    """Test accuracies by the name of the cell that they belong to, one a seed.

    Raises:
        ValueError: as :func:`readings_by_seed` does.
    """
    out: dict[str, list[float]] = {}
    for model, _, read in readings_by_seed(records, primary=primary, recipes=recipes):
        for epoch, accuracy in read.items():
            out.setdefault(f"{model}@{epoch}", []).append(accuracy)
    return out


def choose_seeds(first: int, count: int | None, *, fitting: bool = False) -> range:
    """`count` seeds from `first` on; all that there can be where it is None.

    `fitting`: whether those that chose the recipe may be among so many, as for another report.

    Raises:
        UsageError: none, or some that a run cannot have, or that verify nothing.
    """
    end = MAX_SEED + 1 if count is None else first + count
    if not 0 <= first < end <= MAX_SEED + 1:
        raise UsageError(
            sentence(
                "expected one seed or more in [0, {most}]; got {first} to {last}",
                most=MAX_SEED,
                first=first,
                last=end - 1,
            )
        )
    seeds = range(first, end)
    if count and not fitting and any(seed in seeds for seed in FITTING_SEEDS):
        raise UsageError(
            sentence(
                "expected seeds other than {from_seed} to {to_seed}, which "
                "chose the recipe and so verify nothing; got {first} to {last}",
                from_seed=FITTING_SEEDS[0],
                to_seed=FITTING_SEEDS[-1],
                first=first,
                last=end - 1,
            )
        )
    return seeds


def runs_of_models(
    records: Iterable[RunRecord],
    models: Collection[str],
    *,
    seeds: range,
    device: DeviceChoice,
    engine: EngineChoice,
    dataset: DatasetName,
    recipes: Recipes = REPORT_RECIPES,
) -> list[RunRecord]:
    """The runs of `models`, chosen as :func:`filter_runs` says.

    With engine "auto", those of the engine that has most of them.

    Those by which the report's recipe was chosen are left out: they verify nothing.
    """
    found = [
        record
        for record in filter_runs(records, device, engine, dataset)
        if model_of(record.spec.recipe, recipes) in models
        and record.spec.seed in seeds
        and not (model_of(record.spec.recipe, CLAIM_RECIPES) and record.spec.seed in FITTING_SEEDS)
    ]
    if engine != "auto":
        return found
    counts = Counter(record.spec.engine for record in found)
    most = max(get_args(Engine), key=lambda each: counts[each])  # the first of equals, the newest
    return [record for record in found if record.spec.engine == most]


def filter_runs(
    records: Iterable[RunRecord], device: DeviceChoice, engine: EngineChoice, dataset: DatasetName
) -> list[RunRecord]:
    """The runs of one data set on one device, the CPU unless another is asked for, by one engine
    or ("auto") by any. Those of the kernels are the same on a CPU and on an NVIDIA GPU."""
    of_torch = "cpu" if device == "auto" else device
    return [
        record
        for record in records
        if record.spec.dataset == dataset
        and engine in {"auto", record.spec.engine}
        and (
            record.spec.device == of_torch
            or (record.spec.engine == "kernels" and of_torch == "cuda")
        )
    ]
