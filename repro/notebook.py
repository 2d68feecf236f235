"""What a notebook needs: ``from repro import run, table``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, get_args

from rich.console import Console

from repro.errors import DataError, ReproError, TrainingError, UsageError
from repro.paths import packaged
from repro.records import RunRecord
from repro.session import Session, task_for
from repro.spec import Activation, Architecture, DatasetName, Profile
from repro.stores import DeviceChoice, choose_device, choose_seeds, recorded_store, runs_of
from repro.tables import to_dict
from repro.verdicts import judge_records, load_cells, select_cells

if TYPE_CHECKING:
    import pandas as pd


def table(
    number: str = "all",
    *,
    seeds: int | None = None,
    first_seed: int = 0,
    epochs: int | None = None,
    recorded: bool = False,
    device: DeviceChoice = "auto",
    profile: Profile = "portable",
    dataset: DatasetName = "cifar10",
    quiet: bool = False,
) -> pd.DataFrame:
    """One of the report's tables, or all: a row a cell, the report's figure beside ours.

    Trains what is missing, as `repro table` does, with `seeds` seeds (one if None) from
    `first_seed` on. With `recorded` it trains nothing and takes the runs that come with the
    package. Accuracies are in [0, 1]; `low` and `high` bound the 95% prediction interval.

    Raises:
        UsageError: an unknown table or device, no row so early, or seeds that verify nothing.
        DataError: the data set cannot be had, or the store not be read.
        TrainingError: a run failed; what is finished is kept, and the same call goes on.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    _check(device, profile, dataset)
    cells = select_cells(load_cells(packaged("expected_results")), number, epochs)
    if recorded:
        found = runs_of(
            recorded_store().records(),
            cells,
            seeds=choose_seeds(first_seed, seeds),
            device=device,
            profile=profile,
            dataset=dataset,
        )
    else:
        found, code = _session(quiet).train_table(
            cells,
            seeds=choose_seeds(first_seed, 1 if seeds is None else seeds),
            device=choose_device(device),
            profile=profile,
            dataset=dataset,
            lang="en",
        )
        if code:
            raise _failure(code, f"table {number}: not every run could be trained")
    return pd.DataFrame([to_dict(verdict) for verdict in judge_records(cells, found)])


def run(
    model: Architecture,
    *,
    activation: Activation = "relu",
    epochs: int = 10,
    seed: int = 0,
    device: DeviceChoice = "auto",
    profile: Profile = "portable",
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
    _check(device, profile, dataset)
    task = task_for(
        model,
        activation,
        seed=seed,
        epochs=epochs,
        device=choose_device(device),
        profile=profile,
        dataset=dataset,
    )
    record, code = _session(quiet).train_one(task)
    if code or record is None:
        raise _failure(code, f"{task.spec.name}: could not be trained")
    return record


def _check(device: DeviceChoice, profile: Profile, dataset: DatasetName) -> None:
    """Refuse what the command line would, before anything is done."""
    for name, value, choices in (
        ("device", device, get_args(DeviceChoice)),
        ("profile", profile, get_args(Profile)),
        ("dataset", dataset, get_args(DatasetName)),
    ):
        if value not in choices:
            raise UsageError(f"{name}: expected one of {', '.join(choices)}; got {value!r}")


def _failure(code: int, text: str) -> ReproError:
    """What a command's exit code stands for; the reason is printed already."""
    return (DataError if code == DataError.exit_code else TrainingError)(text)


def _session(quiet: bool) -> Session:
    return Session(console=Console(file=sys.stderr), quiet=quiet)
