"""The search for the recipe that the report leaves out: who is trained how far, and who goes on.

To train every candidate to the end would take eleven days of one core. So the search has stages,
each dearer than the one before, and fewer candidates enter each. The stages, the score and the rule
that decides were fixed before the first run: see docs/recipe-search.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from repro.spec import FITTING_SEEDS, READING_EPOCHS, REPORT_RECIPES, Recipe
from repro.verdicts.evaluations import recipe_for_model
from repro.verdicts.recipes import CANDIDATES, CandidateScore

IN_USE = REPORT_RECIPES["net-relu"]
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
    whole = [restricted(fit, known) for fit in fits if _has_all(fit, known)]
    return nearest_readings(sorted(whole, key=lambda fit: fit.rms))


def nearest_readings(fits: Iterable[CandidateScore]) -> list[CandidateScore]:
    """The first of `fits` of each candidate, in the same order."""
    best: dict[Recipe, CandidateScore] = {}
    for fit in fits:
        best.setdefault(fit.candidate, fit)
    return list(best.values())


def _has_all(fit: CandidateScore, known: Mapping[str, Collection[int]]) -> bool:
    return all(set(seeds) <= fit.by_seed.get(name, {}).keys() for name, seeds in known.items())


def restricted(fit: CandidateScore, known: Mapping[str, Collection[int]]) -> CandidateScore:
    """`fit` over the cells and seeds in `known` alone."""
    return dataclasses.replace(
        fit,
        by_seed={
            name: {seed: fit.by_seed[name][seed] for seed in sorted(seeds)}
            for name, seeds in known.items()
        },
    )


def models_of(stage: Stage, candidate: Recipe) -> list[tuple[Recipe, int]]:
    """What a stage trains of a candidate: each network's recipe, and to how many epochs."""
    return [(recipe_for_model(candidate, model), epochs) for model, epochs in stage.epochs.items()]
