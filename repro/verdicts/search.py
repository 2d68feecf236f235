"""The search for the recipe that the report leaves out: who is trained how far, and who goes on.

To train every candidate to the end would take eleven days of one core. So the search has stages,
each dearer than the one before, and fewer candidates enter each. The stages, the score and the rule
that decides were fixed before the first run: see docs/recipe-search.md.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from repro.spec import FITTING_SEEDS, READING_EPOCHS, REPORT_RECIPES, Recipe
from repro.verdicts.recipes import CANDIDATES, CandidateScore, recipe_for_model

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
    now = STAGES[stage]
    if now.entering is None:
        return list(CANDIDATES)
    ranked = [fit.candidate for fit in ranking(fits, known_before(stage))]
    nearest = list(dict.fromkeys([*ranked[: now.entering], IN_USE]))
    if not now.changed:
        return nearest
    return [dataclasses.replace(each, **change) for each in nearest for change in CHANGES]  # type: ignore[arg-type]


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
    whole = [
        dataclasses.replace(
            fit,
            by_seed={
                name: {seed: fit.by_seed[name][seed] for seed in sorted(seeds)}
                for name, seeds in known.items()
            },
        )
        for fit in fits
        if all(set(seeds) <= fit.by_seed.get(name, {}).keys() for name, seeds in known.items())
    ]
    best: dict[Recipe, CandidateScore] = {}
    for fit in sorted(whole, key=lambda fit: fit.rms):
        best.setdefault(fit.candidate, fit)
    return list(best.values())


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
