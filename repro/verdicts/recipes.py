"""The recipe that the report leaves out: candidates, and how near each comes to its figures.

A candidate is Net's recipe; the other networks are trained the same way. Candidates are compared
with the report on test accuracies, so they have seeds of their own, which verify nothing.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from repro.errors import sentence
from repro.spec import REPORT_RECIPES, Recipe
from repro.verdicts.cells import Cell
from repro.verdicts.evaluations import Evaluation

BATCH_SIZES = (4, 8, 10, 16, 20, 25, 32, 50, 64)
PIXELS = ("unit", "symmetric", "imagenet")
PLAIN: dict[str, Any] = {"optimiser": "sgd", "learning_rate": 0.01}
MOMENTUM: dict[str, Any] = {"optimiser": "sgd", "learning_rate": 0.001, "momentum": 0.9}
ADAM: dict[str, Any] = {"optimiser": "adam", "learning_rate": 0.001}
"""With the learning rates of torch's tutorials and of its defaults."""


OTHER_RATES: tuple[tuple[dict[str, Any], int, tuple[float, ...]], ...] = (
    (PLAIN, 10, (0.005, 0.0075)),
    (PLAIN, 20, (0.005, 0.0075, 0.0125, 0.015, 0.02, 0.05)),
    (PLAIN, 25, (0.0125, 0.015)),
    (PLAIN, 32, (0.015, 0.02)),
    (PLAIN, 50, (0.02, 0.03)),
    (PLAIN, 64, (0.03, 0.1)),
    (MOMENTUM, 10, (0.0005,)),
    (MOMENTUM, 20, (0.0005, 0.002, 0.005)),
    (MOMENTUM, 25, (0.0015,)),
    (MOMENTUM, 32, (0.0015, 0.002)),
    (MOMENTUM, 64, (0.003, 0.01)),
    (ADAM, 20, (0.0003, 0.003)),
    (ADAM, 32, (0.0005,)),
    (ADAM, 64, (0.0005, 0.002)),
)
"""Batch sizes with learning rates of their own, at the usual scaling of pixels."""

CANDIDATES: tuple[Recipe, ...] = (
    *(
        dataclasses.replace(
            REPORT_RECIPES["net-relu"], **optimiser, batch_size=batch_size, pixels=pixels
        )
        for optimiser, batch_size, pixels in itertools.product(
            (PLAIN, MOMENTUM, ADAM), BATCH_SIZES, PIXELS
        )
    ),
    *(
        dataclasses.replace(
            REPORT_RECIPES["net-relu"],
            **{**optimiser, "learning_rate": rate},
            batch_size=batch_size,
        )
        for optimiser, batch_size, rates in OTHER_RATES
        for rate in rates
    ),
)
"""Every optimiser, batch size and scaling of pixels crossed, and other learning rates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateScore:
    """How near one candidate comes to the report, over the cells that it was trained for."""

    candidate: Recipe
    dropout_left_on: bool
    """Whether ImprovedNet's figures were read with dropout on."""
    norm_batch: int = 0
    """Of how many test images each batch had whose statistics ResNet's batch norm took, left in
    training mode; 0 for the running statistics."""
    by_seed: Mapping[str, Mapping[int, float]]
    """By the cell's name and the fitting seed: accuracy minus the report's."""

    @property
    def differences(self) -> dict[str, float]:
        """By the cell's name: the mean over the fitting seeds."""
        return {name: fmean(seeds.values()) for name, seeds in self.by_seed.items()}

    @property
    def counts(self) -> dict[str, int]:
        """By the cell's name: how many fitting seeds."""
        return {name: len(seeds) for name, seeds in self.by_seed.items()}

    @property
    def seeds(self) -> int:
        """The fewest that a cell has."""
        return min(self.counts.values())

    @property
    def rms_by_seed(self) -> dict[int, float]:
        """The score of each seed by itself that was trained for all cells: how much chance moves
        it."""
        whole = set.intersection(*(set(seeds) for seeds in self.by_seed.values()))
        return {
            seed: math.sqrt(fmean(seeds[seed] ** 2 for seeds in self.by_seed.values()))
            for seed in sorted(whole)
        }

    @property
    def rms(self) -> float:
        """Root mean square of the differences, the score."""
        return math.sqrt(fmean(each**2 for each in self.differences.values()))

    @property
    def mean(self) -> float:
        """Mean absolute difference."""
        return fmean(map(abs, self.differences.values()))

    @property
    def largest(self) -> float:
        """Largest absolute difference."""
        return max(map(abs, self.differences.values()))


def fit_all(evaluations: Iterable[Evaluation], cells: Iterable[Cell]) -> list[CandidateScore]:
    """Every candidate that was evaluated for a cell, the nearest first.

    Those with more cells come before those with fewer: a score says something beside others over
    the same cells only. A candidate that has ImprovedNet's cells stands there twice, read with
    dropout off and left on; and so does one that has ResNet's for each batch of which its accuracy
    with batch norm in training mode is known.
    """
    expected = {cell.name: cell.expected for cell in cells}
    known_evaluations = list(evaluations)
    values: dict[tuple[Recipe, bool, int], dict[str, dict[int, float]]] = {}
    batches = sorted({0, *(batch for each in known_evaluations for batch in each.batch_norm_on)})
    for each in known_evaluations:
        name = f"{each.model}@{each.epoch}"
        for dropout_on, batch in itertools.product((False, True), batches):
            of_candidate = values.setdefault((each.candidate, dropout_on, batch), {})
            accuracy: float | None = each.dropout_on if dropout_on else each.accuracy
            if batch and each.model == "resnet":
                accuracy = each.batch_norm_on.get(batch)
            if accuracy is not None and name in expected:
                of_candidate.setdefault(name, {})[each.seed] = accuracy - expected[name]
    fits = []
    for (candidate, dropout_on, batch), known in values.items():
        networks = {name.partition("@")[0] for name in known}
        # What a reading does not touch would stand there twice.
        if (dropout_on and "improved" not in networks) or (batch and "resnet" not in networks):
            continue
        if known:
            by_seed = {name: known[name] for name in expected if name in known}
            fits.append(
                CandidateScore(
                    candidate=candidate,
                    dropout_left_on=dropout_on,
                    norm_batch=batch,
                    by_seed=by_seed,
                )
            )
    return sorted(fits, key=lambda fit: (-len(fit.differences), fit.rms))


def over_shared_cells(fits: Sequence[CandidateScore]) -> list[CandidateScore]:
    """The same candidates over the cells that all of them were trained for, the nearest first.

    Raises:
        ValueError: there is no such cell.
    """
    shared = set.intersection(*(set(fit.differences) for fit in fits)) if fits else set()
    if fits and not shared:
        raise ValueError(
            sentence("there is no cell that all {count} were trained for", count=len(fits))
        )
    restricted = [
        dataclasses.replace(
            fit,
            by_seed={name: seeds for name, seeds in fit.by_seed.items() if name in shared},
        )
        for fit in fits
        # Without a cell of ImprovedNet both readings of a candidate would be the same line.
        if not fit.dropout_left_on or any(name.startswith("improved@") for name in shared)
    ]
    return sorted(restricted, key=lambda fit: fit.rms)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSpread:
    """What the recipe alone can move in one cell."""

    cell: str
    expected: float
    candidates: int
    least: float
    most: float
    sd: float | None
    """Standard deviation over the candidates; None for one."""


def spreads(fits: Sequence[CandidateScore], cells: Iterable[Cell]) -> list[CellSpread]:
    """The spread over the candidates of each cell that one was trained for, every network in
    evaluation mode."""
    out = []
    for name, expected in {cell.name: cell.expected for cell in cells}.items():
        means = [
            expected + fit.differences[name]
            for fit in fits
            if name in fit.differences and not fit.dropout_left_on and not fit.norm_batch
        ]
        if means:
            out.append(
                CellSpread(
                    cell=name,
                    expected=expected,
                    candidates=len(means),
                    least=min(means),
                    most=max(means),
                    sd=stdev(means) if len(means) > 1 else None,
                )
            )
    return out


def to_dict(fits: Sequence[CandidateScore], moved: Sequence[CellSpread]) -> dict[str, Any]:
    """What is known of the candidates, for other programs."""
    return {
        "candidates": [
            {
                "recipe": dataclasses.asdict(fit.candidate),
                "dropout_left_on": fit.dropout_left_on,
                "norm_batch": fit.norm_batch,
                "seeds": fit.seeds,
                "rms": fit.rms,
                "mean": fit.mean,
                "largest": fit.largest,
                "differences": fit.differences,
                "counts": fit.counts,
                "rms_by_seed": fit.rms_by_seed,
            }
            for fit in fits
        ],
        "spreads": [dataclasses.asdict(spread) for spread in moved],
    }
