"""`repro recipes`: the search for the recipe that the report leaves out."""

from __future__ import annotations

from repro.commands.context import Session
from repro.commands.train import make_task, train_missing
from repro.data.dataset import load
from repro.paths import home, packaged
from repro.reporting.language import choose
from repro.reporting.progress import RunDisplay
from repro.runs.locations import user_store
from repro.runs.selection import filter_runs
from repro.runs.store import Store
from repro.spec import FITTING_SEEDS, DatasetName, Device, EngineChoice
from repro.training import batch_norm
from repro.verdicts.cells import load_cells
from repro.verdicts.recipes import CandidateScore, fit_all
from repro.verdicts.search import STAGES, entrants, models_of


def search_recipes(
    session: Session, *, device: Device, engine: EngineChoice, dataset: DatasetName
) -> int:
    """Go through the stages of the search for the recipe; what is trained is not trained again.

    Returns 0 or the exit code of the worst failure. A candidate that diverges is one.

    Raises:
        ReproError: the data set is missing, or a checkpoint of ResNet cannot be read.
    """
    store, worst = user_store(), 0
    for number, stage in enumerate(STAGES):
        fits = search_fits(store, device, engine, dataset)
        candidates = entrants(number, fits)
        session.say(
            choose(
                session.lang,
                en=f"stage {number + 1} of {len(STAGES)}: {len(candidates)} candidates",
                zh=f"第 {number + 1} 阶段（共 {len(STAGES)} 个）：{len(candidates)} 种候选设置",
            )
        )
        tasks = [
            make_task(recipe, seed, epochs, device, engine, dataset)
            for seed in FITTING_SEEDS[: stage.seeds]
            for candidate in candidates
            for recipe, epochs in models_of(stage, candidate)
        ]
        code = train_missing(
            session,
            store,
            tasks,
            lambda todo, comparison: RunDisplay(
                session.console,
                todo,
                quiet=session.quiet,
                compare=comparison.add,
                lang=session.lang,
            ),
        )
        worst = max(worst, code)
    return worst


def search_fits(
    store: Store, device: Device, engine: EngineChoice, dataset: DatasetName
) -> list[CandidateScore]:
    """How near each candidate comes; ResNet is read with batch norm left on too.

    Raises:
        ReproError: the data set is missing, or a checkpoint of ResNet is, or cannot be read.
    """
    records = [
        record
        for record in filter_runs(store.records(), device, engine, dataset)
        if record.spec.seed in FITTING_SEEDS
    ]
    left_on = {}
    if any(record.spec.recipe.architecture == "resnet" for record in records):
        left_on = batch_norm.complete(store, records, load(dataset, home()))
    return fit_all(records, load_cells(packaged("expected_results")), left_on)
