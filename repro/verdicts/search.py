"""What the search for the recipe has found: each stage's ranking, and what the rule decides."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from repro.errors import sentence
from repro.paths import packaged
from repro.spec import FITTING_SEEDS, REPORT_DROPOUT_AT_PREDICTION
from repro.verdicts import recipes
from repro.verdicts.cells import Cell, load_cells
from repro.verdicts.evaluations import Evaluation, load_evaluations
from repro.verdicts.recipes import CandidateScore, CellSpread, fit_all, spreads
from repro.verdicts.stages import IN_USE, STAGES, entrants, known_before, ranking, restricted

SEARCH_FILE = "search/accuracies.csv"
"""The evaluations of the recorded search, below `results/`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether the nearest candidate takes the place of the recipe in use."""

    in_use: CandidateScore
    nearest: CandidateScore
    gain: float
    """Mean over the fitting seeds of the score of the recipe in use minus the nearest one's."""
    standard_error: float
    """Of that mean; the differences are paired by seed."""

    @property
    def replaces(self) -> bool:
        """The gain is more than twice its standard error."""
        return self.gain > 2 * self.standard_error


def decide(ranked: Sequence[CandidateScore], in_use: CandidateScore) -> Decision:
    """Hold the nearest candidate to the recipe in use, as it is read now.

    Raises:
        ValueError: fewer than two fitting seeds were trained for all cells of both.
    """
    nearest = ranked[0]
    ours, theirs = in_use.rms_by_seed, nearest.rms_by_seed
    gains = [ours[seed] - theirs[seed] for seed in FITTING_SEEDS if seed in ours and seed in theirs]
    if len(gains) < 2:
        raise ValueError(
            sentence("expected two fitting seeds of both recipes; got {count}", count=len(gains))
        )
    return Decision(
        in_use=in_use, nearest=nearest, gain=fmean(gains),
        standard_error=stdev(gains) / math.sqrt(len(gains)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """How near the candidates of one stage came, over the cells that all of them have by then."""

    number: int
    """From 1."""
    seeds: int
    """Fitting seeds that this stage trains."""
    cells: int
    """Over how many cells its candidates are scored."""
    entered: int
    """Candidates that the stage trains."""
    ranked: Sequence[CandidateScore]
    """Those that are trained, by their nearest reading, the nearest first. One that diverged is
    missing."""

    @property
    def is_complete(self) -> bool:
        return len(self.ranked) == self.entered

    @property
    def in_use(self) -> CandidateScore | None:
        """The score of the recipe in use; None where it did not enter."""
        return next((fit for fit in self.ranked if fit.candidate == IN_USE), None)

    @property
    def place(self) -> int | None:
        """Its rank, from 1."""
        return None if self.in_use is None else self.ranked.index(self.in_use) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeSearch:
    """The search as far as it went."""

    fits: Sequence[CandidateScore]
    """Every candidate and reading; those with the most cells first, then the nearest."""
    spreads: Sequence[CellSpread]
    stages: Sequence[StageResult]
    decision: Decision | None
    """None before the last stage is complete."""

    @property
    def candidates(self) -> int:
        """How many were trained for a cell at least; :attr:`fits` has some in several readings."""
        return len({fit.candidate for fit in self.fits})


def search_of(evaluations: Iterable[Evaluation], cells: Sequence[Cell]) -> RecipeSearch:
    """What is known of each candidate, stage by stage, beside the report's figures `cells`."""
    fits = fit_all(evaluations, cells)
    stages = stage_results(fits)
    return RecipeSearch(
        fits=fits, spreads=spreads(fits, cells), stages=stages, decision=decision_of(fits, stages)
    )


def stage_results(fits: Iterable[CandidateScore]) -> list[StageResult]:
    """What each stage found, by what is trained so far."""
    fits, out = list(fits), []
    for number, stage in enumerate(STAGES):
        entered, known = set(entrants(number, fits)), known_before(number + 1)
        ranked = [fit for fit in ranking(fits, known) if fit.candidate in entered]
        out.append(
            StageResult(
                number=number + 1, seeds=stage.seeds, cells=len(known), entered=len(entered),
                ranked=ranked,
            )
        )  # fmt: skip
    return out


def decision_of(fits: Iterable[CandidateScore], stages: Sequence[StageResult]) -> Decision | None:
    """What the rule says; None before all candidates of the last stage are trained."""
    if not stages[-1].is_complete:
        return None
    as_read = next(
        fit for fit in fits
        if (fit.candidate, fit.dropout_left_on, fit.norm_batch)
        == (IN_USE, REPORT_DROPOUT_AT_PREDICTION, 0)
    )  # fmt: skip
    return decide(stages[-1].ranked, restricted(as_read, known_before(len(STAGES))))


def recorded_evaluations() -> list[Evaluation]:
    """The evaluations of the search that comes with the package.

    Raises:
        DataError: the file is missing or has another form.
    """
    return load_evaluations(packaged("results") / SEARCH_FILE)


@functools.cache
def recorded_search() -> RecipeSearch:
    """The search that comes with the package, read once in a process.

    Raises:
        DataError: its file is missing or has another form.
    """
    return search_of(recorded_evaluations(), load_cells(packaged("expected_results")))


def to_dict(found: RecipeSearch, listed: Sequence[CandidateScore]) -> dict[str, Any]:
    """The search for other programs, with the candidates in `listed`."""
    decision = found.decision
    return {
        **recipes.to_dict(listed, found.spreads),
        "stages": [
            {
                "stage": stage.number,
                "entered": stage.entered,
                "trained": len(stage.ranked),
                "cells": stage.cells,
                "seeds": stage.seeds,
                "nearest_rms": stage.ranked[0].rms if stage.ranked else None,
                "in_use_rms": stage.in_use and stage.in_use.rms,
                "in_use_place": stage.place,
            }
            for stage in found.stages
        ],
        "decision": decision and {
            "nearest": dataclasses.asdict(decision.nearest.candidate),
            "nearest_rms": decision.nearest.rms,
            "in_use_rms": decision.in_use.rms,
            "gain": decision.gain,
            "standard_error": decision.standard_error,
            "replaces": decision.replaces,
        },
    }  # fmt: skip
