"""`repro table`: what trains the runs of a table."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from repro.commands.context import Session
from repro.commands.train import make_task, train_missing
from repro.errors import ReproError
from repro.execution.devices import choose_device
from repro.execution.messages import ReadingDone
from repro.execution.scheduler import Task
from repro.reporting.language import choose
from repro.reporting.live_table import live_table
from repro.runs.locations import recorded_store, user_store
from repro.runs.records import RunRecord
from repro.runs.selection import (
    DeviceChoice,
    Recipes,
    choose_seeds,
    model_of,
    primary_dropout_on,
    runs_of_models,
)
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES, DatasetName, Device, EngineChoice
from repro.verdicts.cells import Cell
from repro.verdicts.judging import Verdict, judge_records
from repro.verdicts.reports import Report


def stored_runs(
    report: Report,
    own: Path | None,
    *,
    recorded: bool,
    seeds: range,
    device: DeviceChoice,
    engine: EngineChoice,
    dataset: DatasetName,
) -> list[RunRecord]:
    """The runs that `report`'s tables are judged by where nothing is trained: those that come with
    it (`own` is its folder, None for this report) or, unless `recorded`, those of the user.

    All models of the report, since other tables' runs show how much runs vary.

    Raises:
        DataError: the store cannot be read.
    """
    store = recorded_store(own) if recorded else user_store()
    return runs_of_models(
        store.records(),
        {cell.model for cell in report.cells},
        seeds=seeds,
        device=device if recorded else choose_device(device),
        engine=engine,
        dataset=dataset,
        recipes=report.recipes,
    )


def table_tasks(
    cells: Sequence[Cell],
    report: Report | None,
    seeds: range,
    device: Device,
    engine: EngineChoice,
    dataset: DatasetName,
) -> list[Task]:
    """The runs that `cells` need: each model with each seed, to its last row."""
    recipes, files = (report.recipes, report.code) if report else (REPORT_RECIPES, {})
    last_row = {cell.model: cell.row for cell in sorted(cells, key=lambda cell: cell.row)}
    return [
        make_task(
            recipes[model], seed, last_row[model], device, engine, dataset,
            code=files.get(recipes[model].code_sha256, ""),
        )
        for model in dict.fromkeys(cell.model for cell in cells)
        for seed in seeds
    ]  # fmt: skip


def train_table(
    session: Session,
    cells: Sequence[Cell],
    *,
    report: Report | None = None,
    seeds: range,
    device: Device,
    engine: EngineChoice,
    dataset: DatasetName,
    store: Store | None = None,
    recorded: Store | None = None,
) -> tuple[list[RunRecord], list[ReproError]]:
    """Train what the user's store, or another, lacks for `cells`, with these seeds.

    The cells are of the report that this package is about, or of another, whose runs are
    `recorded`. Returns the records of all runs that there are then, and an error for each run that
    failed.
    """
    store = store or user_store()
    recipes = report.recipes if report else REPORT_RECIPES
    tasks = table_tasks(cells, report, seeds, device, engine, dataset)
    expected = {cell.name: cell.expected for cell in cells}
    specs = {task.spec.name: task.spec for task in tasks}

    def records() -> list[RunRecord]:
        return [record for task in tasks if (record := store.load(task.spec))]

    def beside(event: ReadingDone) -> str:
        reading = event.reading
        model = model_of(specs[event.run].recipe, recipes)
        figure = expected.get(f"{model}@{reading.epoch}")
        if figure is None:
            return ""
        recipe = specs[event.run].recipe
        accuracy = reading.accuracy_with(recipe, dropout_on=primary_dropout_on(recipe))
        difference = accuracy - figure
        return choose(
            session.lang,
            en=f" (report {figure:.4f}, difference {difference:+.4f})",
            zh=f"（报告 {figure:.4f}，差值 {difference:+.4f}）",
        )

    @functools.cache
    def known() -> list[Verdict]:  # for a terminal alone
        return _recorded_verdicts(cells, recorded or recorded_store(), recipes, engine, dataset)

    failures = train_missing(
        session,
        store,
        tasks,
        recorded=recorded,
        above=lambda: live_table(judge_records(cells, records(), recipes), known(), session.lang),
        beside=beside,
    )
    return records(), failures


def _recorded_verdicts(
    cells: Sequence[Cell],
    store: Store,
    recipes: Recipes,
    engine: EngineChoice,
    dataset: DatasetName,
) -> list[Verdict]:
    """What all recorded runs say of the cells; a damaged one is left out, as nothing depends on
    it."""
    records = runs_of_models(
        store.sound_records()[0], {cell.model for cell in cells}, seeds=choose_seeds(0, None),
        device="auto", engine=engine, dataset=dataset, recipes=recipes,
    )  # fmt: skip
    return judge_records(cells, records, recipes)
