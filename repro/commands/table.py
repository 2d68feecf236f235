"""`repro table`: what trains the runs of a table."""

from __future__ import annotations

from collections.abc import Sequence

from repro.commands.context import Session
from repro.commands.train import make_task, train_missing
from repro.execution.messages import ReadingDone
from repro.reporting.cell_tables import cells_to_rich
from repro.reporting.language import Language, choose
from repro.reporting.progress import RunDisplay
from repro.runs.locations import user_store
from repro.runs.records import RunRecord
from repro.runs.selection import counts_switched, model_of
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES, DatasetName, Device, EngineChoice
from repro.verdicts.cells import Cell
from repro.verdicts.judging import judge_records
from repro.verdicts.reports import Report


def train_table(
    session: Session,
    cells: Sequence[Cell],
    *,
    report: Report | None = None,
    seeds: range,
    device: Device,
    engine: EngineChoice,
    dataset: DatasetName,
    lang: Language,
    store: Store | None = None,
    recorded: Store | None = None,
) -> tuple[list[RunRecord], int]:
    """Train what the user's store, or another, lacks for `cells`, with these seeds.

    The cells are of the report that this package is about, or of another, whose runs are
    `recorded`. Returns the records of all runs that there are then, and 0 or the exit code of the
    worst failure.
    """
    store = store or user_store()
    recipes, files = (report.recipes, report.code) if report else (REPORT_RECIPES, {})
    last_row = {cell.model: cell.row for cell in sorted(cells, key=lambda cell: cell.row)}
    tasks = [
        make_task(
            recipes[model],
            seed,
            last_row[model],
            device,
            engine,
            dataset,
            code=files.get(recipes[model].code_sha256, ""),
        )
        for model in dict.fromkeys(cell.model for cell in cells)
        for seed in seeds
    ]
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
        accuracy = reading.accuracy_as(switched=counts_switched(recipe))
        difference = accuracy - figure
        return choose(
            lang,
            en=f" (report {figure:.4f}, difference {difference:+.4f})",
            zh=f"（报告 {figure:.4f}，差值 {difference:+.4f}）",
        )

    code = train_missing(
        session,
        store,
        tasks,
        lambda todo, comparison: RunDisplay(
            session.console,
            todo,
            quiet=session.quiet,
            compare=comparison.add,
            above=lambda: cells_to_rich(judge_records(cells, records(), recipes), lang),
            beside=beside,
            lang=lang,
        ),
        recorded,
    )
    return records(), code
