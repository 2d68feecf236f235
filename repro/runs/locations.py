"""Where run stores lie: the user's, and those that come with the package or with a report."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from repro.errors import UsageError
from repro.paths import home, packaged
from repro.runs.records import RunRecord
from repro.runs.store import Store


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
    """The runs of the recipe search that come with the package; they have no predictions."""
    return Store(packaged("results") / "search")


def find_in_stores(stores: Sequence[Store], text: str) -> RunRecord:
    """The run whose name or digest begins with `text`, from the first store that has one.

    Raises:
        UsageError: no store has exactly one such run.
        DataError: its record is damaged.
    """
    for store in stores[:-1]:
        with suppress(UsageError):
            return store.find(text)
    return stores[-1].find(text)
