"""Which runs there are: the user's, those that come with the package, and where they were made."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal, get_args

from repro.errors import UsageError
from repro.evidence import Evidence
from repro.paths import home, packaged
from repro.recipes import FITTING_SEEDS, Grid, fit_all, spreads
from repro.records import RunRecord
from repro.runner import has_cuda, try_gpu
from repro.spec import (
    CLAIM_RECIPES,
    EARLIER_ENGINES,
    MAX_SEED,
    REPORT_RECIPES,
    DatasetName,
    Device,
    Engine,
    EngineChoice,
    Recipe,
    engine_for,
)
from repro.store import Store
from repro.verdicts import Recipes, load_cells, model_of
from repro.verify import accept, load_listing

DeviceChoice = Literal["auto", "cpu", "cuda", "mps"]


def user_store() -> Store:
    """The runs that were trained on this machine."""
    return Store(home() / "store")


def recorded_store(report: Path | None = None) -> Store:
    """The runs that come with the package, or with another report: those in its results/."""
    return Store(report / "results" if report else packaged("results"))


def fresh_store() -> Store:
    """The runs that were trained to verify the recorded ones, and for nothing else."""
    return Store(home() / "verify")


def fitting_store() -> Store:
    """The runs of the recipes' grid that come with the package."""
    return Store(packaged("results") / "recipes")


def choose_device(choice: DeviceChoice) -> Device:
    """Resolve "auto": CUDA where a card can train. MPS is never chosen unasked: its bits vary.

    Raises:
        UsageError: a device that is not here.
    """
    if choice == "auto":
        return "cuda" if has_cuda() else "cpu"
    if choice == "cuda" and not has_cuda():
        raise UsageError(f"--device cuda: expected an NVIDIA GPU that can train; {try_gpu()[1]}")
    if choice == "mps" and sys.platform != "darwin":
        raise UsageError("--device mps: expected a Mac with Apple's GPU")
    return choice


def choose_engine(choice: EngineChoice, recipe: Recipe, device: Device) -> Engine:
    """Resolve "auto" for a run that is to be trained.

    Raises:
        UsageError: an engine of version 0.1, which trains no more.
    """
    if choice == "auto":
        return engine_for(recipe, device)
    if choice in EARLIER_ENGINES:
        raise UsageError(
            f"--engine {choice}: runs of version 0.1, which can be shown but not trained; expected "
            "auto, kernels or torch"
        )
    return choice


def choose_seeds(first: int, count: int | None, *, fitting: bool = False) -> range:
    """`count` seeds from `first` on; all that there can be where it is None.

    `fitting`: whether those that chose the recipe may be among so many, as for another report.

    Raises:
        UsageError: none, or some that a run cannot have, or that verify nothing.
    """
    end = MAX_SEED + 1 if count is None else first + count
    if not 0 <= first < end <= MAX_SEED + 1:
        raise UsageError(f"expected one seed or more in [0, {MAX_SEED}]; got {first} to {end - 1}")
    seeds = range(first, end)
    if count and not fitting and any(seed in seeds for seed in FITTING_SEEDS):
        raise UsageError(
            f"expected seeds other than {FITTING_SEEDS[0]} to {FITTING_SEEDS[-1]}, which chose the "
            f"recipe and so verify nothing; got {first} to {end - 1}"
        )
    return seeds


def runs_of(
    records: Iterable[RunRecord],
    models: Collection[str],
    *,
    seeds: range,
    device: DeviceChoice,
    engine: EngineChoice,
    dataset: DatasetName,
    recipes: Recipes = REPORT_RECIPES,
) -> list[RunRecord]:
    """The runs of `models`, placed as :func:`placed` says.

    With engine "auto", those of the engine that has most of them.

    Those by which the report's recipe was chosen are left out: they verify nothing.
    """
    found = [
        record
        for record in placed(records, device, engine, dataset)
        if model_of(record.spec.recipe, recipes) in models
        and record.spec.seed in seeds
        and not (model_of(record.spec.recipe, CLAIM_RECIPES) and record.spec.seed in FITTING_SEEDS)
    ]
    if engine != "auto":
        return found
    counts = Counter(record.spec.engine for record in found)
    most = max(get_args(Engine), key=lambda each: counts[each])  # the first of equals, the newest
    return [record for record in found if record.spec.engine == most]


def placed(
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


def evidence(
    recorded: bool, device: DeviceChoice = "auto", engine: EngineChoice = "auto"
) -> Evidence:
    """All runs of the report's recipe in one place: the user's or, `recorded`, ours."""
    store = recorded_store() if recorded else user_store()
    place = device if recorded else choose_device(device)
    return evidence_of(store, store.records(), place, engine)


def evidence_of(
    store: Store,
    records: Iterable[RunRecord],
    device: DeviceChoice = "auto",
    engine: EngineChoice = "auto",
) -> Evidence:
    """Those of `records`, which are in `store`, of the models that cells and claims name, in one
    place."""
    found = runs_of(
        records,
        CLAIM_RECIPES,
        seeds=choose_seeds(0, None),
        device=device,
        engine=engine,
        dataset="cifar10",
        recipes=CLAIM_RECIPES,
    )
    return Evidence(store, found)


def accept_evidence(found: Evidence) -> None:
    """List in results/ what the recorded runs say. Who keeps a verdict keeps its reason."""
    folder = packaged("results")
    before = load_listing(folder) if (folder / "verdicts.csv").exists() else None
    accept(folder, found.verdicts, found.judgements, before)


def fitted_grid() -> Grid:
    """What the recorded comparison of recipes says."""
    cells = load_cells(packaged("expected_results"))
    fits = fit_all(placed(fitting_store().records(), "cpu", "auto", "cifar10"), cells)
    return Grid(fits=fits, spreads=spreads(fits, cells))


def commit() -> str | None:
    """The commit of the checkout that this package runs from; None in an installation."""
    root = Path(__file__).parent.parent
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
