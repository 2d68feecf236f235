"""What two runs have in common, and in what they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from repro.runs.records import RunRecord
from repro.runs.selection import primary_accuracies


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """A setting that two runs do not share; "–" where a run has none."""

    what: str
    one: str
    other: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two runs side by side."""

    settings: list[Differing]
    """Of the recipe, the seed, the data set, the device and the engine."""
    environments: list[Differing]
    epochs: tuple[int, int]
    """How many each was trained."""
    same_epochs: int
    """After so many epochs, from the first, the weights, losses and accuracies are the same."""
    first_other: int | None
    """The first epoch that both have and that came out otherwise."""
    accuracies: list[tuple[int, float, float]]
    """Epoch and both test accuracies where both were evaluated: as the verdicts use them."""


def difference_of(one: RunRecord, other: RunRecord) -> Difference:
    """Compare two runs of any recipes."""
    pairs = list(zip(one.epochs, other.epochs, strict=False))
    first = next((a.epoch for a, b in pairs if a.differs_in(b)), None)
    ours, theirs = primary_accuracies(one), primary_accuracies(other)
    return Difference(
        settings=_differing(_settings(one), _settings(other)),
        environments=_differing(one.environment.to_dict(), other.environment.to_dict()),
        epochs=(len(one.epochs), len(other.epochs)),
        same_epochs=len(pairs) if first is None else first - 1,
        first_other=first,
        accuracies=[(e, ours[e], theirs[e]) for e in sorted(ours.keys() & theirs.keys())],
    )


def _settings(run: RunRecord) -> dict[str, Any]:
    spec = run.spec.to_dict()
    return {**spec["recipe"], **{name: spec[name] for name in spec if name != "recipe"}}


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Differing]:
    names = list(dict.fromkeys([*one, *other]))
    return [
        Differing(what=name, one=_shown(one.get(name)), other=_shown(other.get(name)))
        for name in names
        if one.get(name) != other.get(name)
    ]


def _shown(value: Any) -> str:
    return "–" if value is None else f"{value}"
