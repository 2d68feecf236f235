"""The search's stages: who is trained how far, and what decides at the end."""

from __future__ import annotations

import dataclasses

import pytest

from repro.spec import REPORT_RECIPES
from repro.verdicts import search
from repro.verdicts.recipes import CANDIDATES, CandidateScore, recipe_for_model
from repro.verdicts.search import (
    CHANGES,
    IN_USE,
    NETS,
    STAGES,
    decide,
    entrants,
    known_before,
    ranking,
)

EARLY = {f"{model}@10" for model in NETS}
EARLY_SEED = {name: {100} for name in EARLY}
ALL = {
    *(f"{model}@{epoch}" for model in (*NETS, "improved") for epoch in (10, 30, 60, 100)),
    "resnet@10",
}


def fit(candidate, difference, names=EARLY, seeds=(100,), *, dropout=False):
    """Every cell is `difference` from the report in every seed, or as it says by seed."""
    by_seed = difference if isinstance(difference, dict) else dict.fromkeys(seeds, difference)
    return CandidateScore(
        candidate=candidate, dropout_left_on=dropout, by_seed=dict.fromkeys(names, by_seed)
    )


def test_the_stages_end_with_all_cells_of_the_report():
    assert [known_before(stage) for stage in (0, 1)] == [{}, EARLY_SEED]
    assert known_before(len(STAGES)) == {name: {100, 101, 102} for name in ALL}


def test_all_candidates_enter_the_first_stage():
    assert entrants(0, []) == list(CANDIDATES)
    assert IN_USE in CANDIDATES


def test_the_nearest_get_each_change_and_the_recipe_in_use_always_does():
    fits = [fit(each, 0.001 * place) for place, each in enumerate(CANDIDATES) if each != IN_USE]
    fits.append(fit(IN_USE, 0.5))
    trained = entrants(1, fits)
    nearest = [*(each for each in CANDIDATES if each != IN_USE)][:4]
    assert trained == [
        dataclasses.replace(each, **change) for each in (*nearest, IN_USE) for change in CHANGES
    ]
    assert len(set(trained)) == 5 * 6


def test_one_that_lacks_a_cell_is_out():
    """As one is that diverges."""
    complete, other = CANDIDATES[0], CANDIDATES[1]
    fits = [fit(other, 0.0, names=set(sorted(EARLY)[:2])), fit(complete, 0.3)]
    assert entrants(2, fits) == [complete, IN_USE]


def test_seeds_of_a_later_stage_do_not_change_who_entered_an_earlier_one():
    """Stage 4 adds two seeds to the candidates that entered it; the search may be called again."""
    names = EARLY | {"improved@10"}
    first, *others = CANDIDATES[:7]
    fits = [fit(first, {100: 0.01, 101: 0.2, 102: 0.2}, names), *(
        fit(each, 0.02 + 0.001 * place, names) for place, each in enumerate(others)
    )]  # fmt: skip
    assert entrants(3, fits)[:6] == [first, *others[:5]]


def test_a_candidate_of_which_a_seed_diverged_goes_no_further():
    complete, other = CANDIDATES[:2]
    fits = [fit(other, 0.0, ALL, (100, 102)), fit(complete, 0.3, ALL, (100, 101, 102))]
    assert entrants(4, fits) == [complete, IN_USE]


def test_a_candidate_gets_its_nearest_reading():
    left_on, off = fit(IN_USE, 0.01, dropout=True), fit(IN_USE, 0.02)
    assert ranking([off, left_on], EARLY_SEED) == [left_on]


def test_the_nearest_is_that_of_the_least_root_mean_square():
    names = sorted(EARLY)
    one_far = CandidateScore(candidate=IN_USE, dropout_left_on=False, by_seed={
        name: {100: difference} for name, difference in zip(names, (0.03, 0, 0), strict=True)
    })  # fmt: skip
    all_near = fit(CANDIDATES[0], 0.015)
    assert one_far.mean < all_near.mean
    assert ranking([one_far, all_near], EARLY_SEED) == [all_near, one_far]


def test_a_stage_looks_at_the_cells_that_all_have():
    """The recipe in use may have been trained further in another stage."""
    other = CANDIDATES[0]
    further = fit(IN_USE, 0.01, names=ALL)
    ranked = ranking([further, fit(other, 0.005)], EARLY_SEED)
    assert [each.candidate for each in ranked] == [other, IN_USE]
    assert ranked[1].by_seed.keys() == EARLY


@pytest.mark.parametrize(
    ("gains", "replaces"),
    [
        ((0.004, 0.005, 0.006), True),
        # Standard deviation 0.0017, so twice the standard error is 0.0020.
        ((0.0021, 0.0021 + 0.00173, 0.0021 - 0.00173), True),
        ((0.0019, 0.0019 + 0.00173, 0.0019 - 0.00173), False),
        ((0.010, -0.002, 0.001), False),
        ((-0.004, -0.005, -0.006), False),
    ],
)
def test_a_candidate_replaces_by_more_than_twice_the_standard_error(gains, replaces):
    seeds = (100, 101, 102)
    in_use = fit(IN_USE, dict(zip(seeds, (0.02, 0.02, 0.02), strict=True)), ALL)
    scores = dict(zip(seeds, (0.02 - gain for gain in gains), strict=True))
    decision = decide([fit(CANDIDATES[0], scores, ALL)], in_use)
    assert decision.gain == pytest.approx(sum(gains) / 3)
    assert decision.replaces == replaces


def test_one_seed_decides_nothing():
    with pytest.raises(ValueError, match="expected two fitting seeds of both recipes; got 1"):
        decide([fit(CANDIDATES[0], 0.01, ALL)], fit(IN_USE, 0.02, ALL))


def test_a_stage_trains_each_network_the_same_way():
    candidate = CANDIDATES[0]
    assert search.models_of(STAGES[3], candidate) == [
        *((recipe_for_model(candidate, model), 100) for model in NETS),
        (recipe_for_model(candidate, "resnet"), 10),
    ]
    assert recipe_for_model(IN_USE, "resnet") == REPORT_RECIPES["resnet"]
