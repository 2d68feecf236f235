"""The search for the recipe that the report leaves out: who is trained how far, and who goes on.

To train every candidate to the end would take eleven days of one core. So the search has stages,
each dearer than the one before, and fewer candidates enter each. The stages, the score and the rule
that decides were fixed before the first run: see docs/recipe-search.md.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from repro.paths import packaged
from repro.spec import (
    FITTING_SEEDS,
    READING_EPOCHS,
    REPORT_DROPOUT_AT_PREDICTION,
    REPORT_RECIPES,
    Recipe,
)
from repro.verdicts import recipes
from repro.verdicts.cells import Cell, load_cells
from repro.verdicts.evaluations import Evaluation, load_evaluations, recipe_for_model
from repro.verdicts.recipes import CANDIDATES, CandidateScore, CellSpread, fit_all, spreads

IN_USE = REPORT_RECIPES["net-relu"]
SEARCH_FILE = "search/accuracies.csv"
"""The evaluations of the recorded search, below `results/`."""
NETS = ("net-relu", "net-leaky_relu", "net-swish")
CHANGES: tuple[Mapping[str, object], ...] = (
    {"training_images": "all"},
    {"order": "fixed"},
    {"jpeg_quality": 75},
    {"jpeg_quality": 95},
    {"initial_weights": "xavier"},
    {"initial_weights": "he"},
)
"""What else the report may have done otherwise. Crossing these with everything would be too much:
the nearest candidates get each of them, one at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One round of training: which networks, how far, and how many candidates are trained."""

    entering: int | None
    """The nearest so far, so many; None for all. The recipe in use enters every stage."""
    epochs: Mapping[str, int]
    """By the network's name."""
    seeds: int
    """So many of the fitting seeds, from the first."""
    changed: bool = False
    """Those that enter are trained with each of :data:`CHANGES` instead of as they are."""


STAGES = (
    Stage(entering=None, epochs=dict.fromkeys(NETS, 10), seeds=1),
    Stage(entering=4, epochs=dict.fromkeys(NETS, 10), seeds=1, changed=True),
    Stage(entering=24, epochs={"improved": 10}, seeds=1),
    Stage(entering=6, epochs={**dict.fromkeys(NETS, 100), "resnet": 10}, seeds=3),
    Stage(entering=2, epochs={"improved": 100}, seeds=3),
)


def entrants(stage: int, fits: Iterable[CandidateScore]) -> list[Recipe]:
    """The candidates of `STAGES[stage]`, as recipes of Net, by what is known before it."""
    fits, now = list(fits), STAGES[stage]
    if now.entering is None:
        return list(CANDIDATES)
    contenders = set(_contenders(stage, fits))
    ranked = [fit.candidate for fit in ranking(fits, known_before(stage))]
    nearest = [candidate for candidate in ranked if candidate in contenders][: now.entering]
    nearest = list(dict.fromkeys([*nearest, IN_USE]))
    if not now.changed:
        return nearest
    return [dataclasses.replace(each, **change) for each in nearest for change in CHANGES]  # type: ignore[arg-type]


def _contenders(stage: int, fits: Sequence[CandidateScore]) -> list[Recipe]:
    """Who may enter a stage: those of the stage before it. Changed candidates join those that they
    were made of. What a later stage trains must not change who entered an earlier one."""
    before = entrants(stage - 1, fits)
    return [*_contenders(stage - 1, fits), *before] if STAGES[stage - 1].changed else before


def known_before(stage: int) -> dict[str, set[int]]:
    """What every candidate has that came through the stages before `stage`: its cells, and the
    fitting seeds of each. Later stages add seeds, which must not change who entered this one."""
    known: dict[str, set[int]] = {}
    for before in STAGES[:stage]:
        for model, last in before.epochs.items():
            for epoch in READING_EPOCHS:
                if epoch <= last:
                    seeds = known.setdefault(f"{model}@{epoch}", set())
                    seeds.update(FITTING_SEEDS[: before.seeds])
    return known


def ranking(
    fits: Iterable[CandidateScore], known: Mapping[str, Collection[int]]
) -> list[CandidateScore]:
    """Each candidate that has all seeds of the cells in `known`, over these alone, by its nearest
    reading; the nearest candidate first."""
    whole = [_restricted(fit, known) for fit in fits if _has_all(fit, known)]
    return nearest_readings(sorted(whole, key=lambda fit: fit.rms))


def nearest_readings(fits: Iterable[CandidateScore]) -> list[CandidateScore]:
    """The first of `fits` of each candidate, in the same order."""
    best: dict[Recipe, CandidateScore] = {}
    for fit in fits:
        best.setdefault(fit.candidate, fit)
    return list(best.values())


def _has_all(fit: CandidateScore, known: Mapping[str, Collection[int]]) -> bool:
    return all(set(seeds) <= fit.by_seed.get(name, {}).keys() for name, seeds in known.items())


def _restricted(fit: CandidateScore, known: Mapping[str, Collection[int]]) -> CandidateScore:
    """`fit` over the cells and seeds in `known` alone."""
    return dataclasses.replace(
        fit,
        by_seed={
            name: {seed: fit.by_seed[name][seed] for seed in sorted(seeds)}
            for name, seeds in known.items()
        },
    )


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
        raise ValueError(f"expected two fitting seeds of both recipes; got {len(gains)}")
    return Decision(
        in_use=in_use, nearest=nearest, gain=fmean(gains),
        standard_error=stdev(gains) / math.sqrt(len(gains)),
    )  # fmt: skip


def models_of(stage: Stage, candidate: Recipe) -> list[tuple[Recipe, int]]:
    """What a stage trains of a candidate: each network's recipe, and to how many epochs."""
    return [(recipe_for_model(candidate, model), epochs) for model, epochs in stage.epochs.items()]


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
    def place(self) -> int | None:
        """Rank of the recipe in use, from 1; None where it did not enter."""
        candidates = [fit.candidate for fit in self.ranked]
        return candidates.index(IN_USE) + 1 if IN_USE in candidates else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeSearch:
    """The search as far as it went."""

    fits: Sequence[CandidateScore]
    """Every candidate and reading; those with the most cells first, then the nearest."""
    spreads: Sequence[CellSpread]
    stages: Sequence[StageResult]
    decision: Decision | None
    """None before the last stage is complete."""


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
        entered, known = entrants(number, fits), known_before(number + 1)
        ranked = [fit for fit in ranking(fits, known) if fit.candidate in set(entered)]
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
    return decide(stages[-1].ranked, _restricted(as_read, known_before(len(STAGES))))


@functools.cache
def recorded_search() -> RecipeSearch:
    """The search that comes with the package, read once in a process.

    Raises:
        DataError: its file is missing or has another form.
    """
    evaluations = load_evaluations(packaged("results") / SEARCH_FILE)
    return search_of(evaluations, load_cells(packaged("expected_results")))


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
                "in_use_rms": None if stage.place is None else stage.ranked[stage.place - 1].rms,
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
