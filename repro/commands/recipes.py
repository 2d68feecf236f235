"""`repro recipes`: the search for the recipe that the report leaves out."""

from __future__ import annotations

from collections.abc import Sequence

from repro.commands.context import Session
from repro.commands.train import make_task, train_missing
from repro.data.dataset import load
from repro.errors import ReproError, UsageError, sentence
from repro.paths import home, packaged
from repro.reporting.language import choose
from repro.runs import batch_norm
from repro.runs.locations import user_store
from repro.runs.selection import DeviceChoice, filter_runs
from repro.runs.store import Store
from repro.spec import FITTING_SEEDS, DatasetName, Device, EngineChoice
from repro.training.batch_norm import complete
from repro.verdicts.cells import load_cells
from repro.verdicts.evaluations import Evaluation, evaluations_of
from repro.verdicts.recipes import CandidateScore, fit_all, over_shared_cells
from repro.verdicts.search import RecipeSearch, search_of
from repro.verdicts.stages import STAGES, entrants, models_of, nearest_readings


def search_recipes(
    session: Session, *, device: Device, engine: EngineChoice, dataset: DatasetName
) -> list[ReproError]:
    """Go through the stages of the search for the recipe; what is trained is not trained again.

    Returns an error for each run that failed. A candidate that diverges is one.

    Raises:
        ReproError: the data set is missing, or a checkpoint of ResNet cannot be read.
    """
    store, failures = user_store(), list[ReproError]()
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
        failures += train_missing(session, store, tasks)
    return failures


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
        left_on = complete(store, records, load(dataset, home()))
    evaluations = evaluations_of(records, left_on)
    return fit_all(evaluations, load_cells(packaged("expected_results")))


def known_evaluations(
    device: DeviceChoice, engine: EngineChoice, dataset: DatasetName
) -> list[Evaluation]:
    """Those of the candidates that were trained on this machine.

    Raises:
        DataError: a record or `batch_norm.csv` has another form.
    """
    store = user_store()
    records = filter_runs(store.records(), device, engine, dataset)
    return evaluations_of(records, batch_norm.load(store, records))


def compare_recipes(
    evaluations: Sequence[Evaluation], *, top: int, shared: bool
) -> tuple[RecipeSearch, list[CandidateScore]]:
    """What evaluations of candidates say, stage by stage, and the `top` candidates by their nearest
    evaluation: with `shared` over the cells that all of these have.

    Raises:
        UsageError: there is no such cell.
    """
    found = search_of(evaluations, load_cells(packaged("expected_results")))
    listed = nearest_readings(found.fits)[:top]
    if not shared:
        return found, listed
    try:
        return found, over_shared_cells(listed)
    except ValueError as error:
        raise UsageError(
            sentence("--shared: {error}; list fewer candidates with --top", error=error)
        ) from None
