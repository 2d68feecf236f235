"""Where run stores lie: the user's, and those that come with the package or with a report."""

from __future__ import annotations

from pathlib import Path

from repro.paths import home, packaged
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
