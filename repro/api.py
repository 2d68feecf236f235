"""What a notebook needs: ``from repro import run, table``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from rich.console import Console

from repro.commands.context import Session
from repro.commands.table import train_table
from repro.commands.train import task_for, train_one
from repro.errors import DataError, ReproError, TrainingError, UsageError
from repro.execution.devices import choose_device
from repro.paths import packaged
from repro.reporting.cell_tables import verdict_to_dict
from repro.runs.locations import recorded_store, user_store
from repro.runs.records import RunRecord
from repro.runs.selection import DeviceChoice, choose_seeds, runs_of_models
from repro.spec import Activation, Architecture, DatasetName, EngineChoice
from repro.verdicts.cells import select_cells
from repro.verdicts.judging import judge_records
from repro.verdicts.reports import load_report, this_report

if TYPE_CHECKING:
    import pandas as pd


def table(
    number: str = "all",
    *,
    seeds: int | None = None,
    first_seed: int = 0,
    epochs: int | None = None,
    recorded: bool = False,
    trained: bool = False,
    report: Path | str | None = None,
    device: DeviceChoice = "auto",
    engine: EngineChoice = "auto",
    dataset: DatasetName = "cifar10",
    workers: int | None = None,
    threads: int | None = None,
    quiet: bool = False,
) -> pd.DataFrame:
    """One of the report's tables, or all: the report's figures beside ours.

    Trains what is missing, as `repro table` does, with `seeds` seeds (one if None) from
    `first_seed` on, `workers` runs at a time on `threads` cores each (None: so that all are done
    soonest). With `recorded` it trains nothing and takes the runs that come with the package, with
    `trained` those that you have. `report` is the folder of another report.

    A row is a cell of a table, so that a figure that tables repeat has several; where a network is
    read twice, the reading that only stands beside has rows with `counts` False. Accuracies are in
    [0, 1]; `low` and `high` bound the 95% prediction interval.

    Raises:
        UsageError: an unknown table or device, no row so early, or seeds that verify nothing.
        DataError: the data set cannot be had, or the store not be read.
        TrainingError: a run failed; what is finished is kept, and the same call goes on.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    _check(device, engine, dataset)
    if recorded and trained:
        raise UsageError("recorded and trained: expected one of them")
    own = Path(report) if report is not None else None
    told = load_report(own) if own else this_report(packaged("expected_results"))
    cells = select_cells(told.cells, number, epochs)
    count = seeds if recorded or trained or seeds is not None else 1
    chosen = choose_seeds(first_seed, count, fitting=own is not None)
    if recorded or trained:
        store = recorded_store(own) if recorded else user_store()
        found = runs_of_models(
            store.records(),
            {cell.model for cell in told.cells},
            seeds=chosen,
            device=device if recorded else choose_device(device),
            engine=engine,
            dataset=dataset,
            recipes=told.recipes,
        )
    else:
        found, code = train_table(
            _session(quiet, workers, threads),
            cells,
            report=told,
            seeds=chosen,
            device=choose_device(device),
            engine=engine,
            dataset=dataset,
            lang="en",
            recorded=recorded_store(own),
        )
        if code:
            raise _failure(code, f"table {number}: not every run could be trained")
    verdicts = judge_records(cells, found, told.recipes)
    return pd.DataFrame([verdict_to_dict(verdict) for verdict in verdicts])


def run(
    model: Architecture,
    *,
    activation: Activation = "relu",
    epochs: int = 10,
    seed: int = 0,
    device: DeviceChoice = "auto",
    engine: EngineChoice = "auto",
    dataset: DatasetName = "cifar10",
    quiet: bool = False,
) -> RunRecord:
    """Train one network with the report's recipe, or go on with it where it stopped.

    ``pandas.DataFrame(run("net").epochs)`` is its history.

    Raises:
        UsageError: a value that no run can have.
        DataError: the data set cannot be had, or the store not be read.
        TrainingError: the run failed; finished epochs are kept, and the same call goes on.
    """
    _check(device, engine, dataset)
    task = task_for(
        model,
        activation,
        seed=seed,
        epochs=epochs,
        device=choose_device(device),
        engine=engine,
        dataset=dataset,
    )
    record, code = train_one(_session(quiet), task)
    if code or record is None:
        raise _failure(code, f"{task.spec.name}: could not be trained")
    return record


def _check(device: DeviceChoice, engine: EngineChoice, dataset: DatasetName) -> None:
    """Refuse what the command line would, before anything is done."""
    for name, value, choices in (
        ("device", device, get_args(DeviceChoice)),
        ("engine", engine, get_args(EngineChoice)),
        ("dataset", dataset, get_args(DatasetName)),
    ):
        if value not in choices:
            raise UsageError(f"{name}: expected one of {', '.join(choices)}; got {value!r}")


def _failure(code: int, text: str) -> ReproError:
    """What a command's exit code stands for; the reason is printed already."""
    return (DataError if code == DataError.exit_code else TrainingError)(text)


def _session(quiet: bool, workers: int | None = None, threads: int | None = None) -> Session:
    console = Console(file=sys.stderr, emoji=False)
    return Session(console=console, quiet=quiet, workers=workers, threads=threads)
