"""The search's stages: who is trained how far, and what decides at the end."""

from __future__ import annotations

import dataclasses

import pytest

from repro.paths import packaged
from repro.spec import REPORT_RECIPES
from repro.verdicts import search
from repro.verdicts.cells import load_cells
from repro.verdicts.evaluations import recipe_for_model
from repro.verdicts.recipes import CANDIDATES, CandidateScore
from repro.verdicts.search import decide
from repro.verdicts.stages import (
    CHANGES,
    IN_USE,
    NETS,
    STAGES,
    entrants,
    known_before,
    models_of,
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


def test_a_change_does_not_change_who_got_changes():
    """Stage 2 trains changed candidates for the cells of stage 1; the search may be called
    again."""
    fits = [fit(each, 0.01 + 0.001 * place) for place, each in enumerate(CANDIDATES)]
    first = entrants(1, fits)
    fits += [fit(each, 0.005) for each in first]
    assert entrants(1, fits) == first
    assert set(entrants(2, fits)[:24]) <= set(first)


def test_one_that_did_not_enter_a_stage_goes_no_further():
    """Somebody may have trained it by hand."""
    names = EARLY | {"improved@10"}
    fits = [fit(each, 0.01 + 0.001 * place, names) for place, each in enumerate(CANDIDATES[:40])]
    by_hand = dataclasses.replace(CANDIDATES[0], jpeg_quality=50)
    assert by_hand not in entrants(3, [*fits, fit(by_hand, 0.0, names)])


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


def whole_search(in_use):
    """Records of a search of two candidates and the recipe in use: each as far as it went."""
    far, near = CANDIDATES[0], CANDIDATES[1]
    return [
        fit(far, 0.2, EARLY), fit(near, 0.01, ALL, (100, 101, 102)),
        fit(IN_USE, in_use, ALL, (100, 101, 102), dropout=True),
        fit(IN_USE, in_use + 0.05, ALL, (100, 101, 102)),
    ]  # fmt: skip


def test_each_stage_says_who_entered_and_how_near_they_came():
    first, second, *_, last = search.stage_results(whole_search(0.02))
    assert (first.number, first.entered, first.cells, first.seeds) == (1, 111, 3, 1)
    assert [one.candidate for one in first.ranked] == [CANDIDATES[1], IN_USE, CANDIDATES[0]]
    assert (first.place, second.entered, second.ranked, second.place) == (2, 18, [], None)
    assert (last.number, last.cells, last.seeds, last.place) == (5, 17, 3, 2)
    assert [round(one.rms, 3) for one in last.ranked] == [0.01, 0.02]


def test_the_decision_waits_for_the_last_stage_and_takes_the_reading_in_use():
    fits = whole_search(0.02)
    found = search.decision_of(fits, search.stage_results(fits))
    assert found.gain == pytest.approx(0.01)
    assert found.in_use.dropout_left_on
    fits[1] = fit(CANDIDATES[1], 0.01, ALL - {"improved@100"}, (100, 101, 102))
    assert search.decision_of(fits, search.stage_results(fits)) is None


def test_the_recorded_search_follows_the_stages():
    cells = load_cells(packaged("expected_results"))
    evaluations = search.recorded_evaluations()
    found = search.search_of(evaluations, cells)
    assert found == search.recorded_search()
    assert {fit.candidate for fit in found.fits} == {each.candidate for each in evaluations}
    assert found.candidates == 141
    assert {each.cell: each.expected for each in found.spreads} == {
        cell.name: cell.expected for cell in cells
    }
    assert [stage.number for stage in found.stages] == [1, 2, 3, 4, 5]
    assert [stage.entered for stage in found.stages][:2] == [111, 30]
    complete = [stage.is_complete for stage in found.stages]
    assert complete == sorted(complete, reverse=True), "a stage follows the one before it"
    assert (found.decision is None) is not complete[-1]


def test_everything_about_the_search_is_in_the_json():
    fits = whole_search(0.02)
    stages = search.stage_results(fits)
    found = search.RecipeSearch(
        fits=fits, spreads=[], stages=stages, decision=search.decision_of(fits, stages)
    )
    told = search.to_dict(found, fits)
    assert [each["entered"] for each in told["stages"]] == [111, 18, 3, 2, 2]
    assert told["stages"][1] == {
        "stage": 2, "entered": 18, "trained": 0, "cells": 3, "seeds": 1,
        "nearest_rms": None, "in_use_rms": None, "in_use_place": None,
    }  # fmt: skip
    assert told["stages"][4] == {
        "stage": 5, "entered": 2, "trained": 2, "cells": 17, "seeds": 3,
        "nearest_rms": pytest.approx(0.01), "in_use_rms": pytest.approx(0.02), "in_use_place": 2,
    }  # fmt: skip
    assert told["decision"] == {
        "nearest": dataclasses.asdict(CANDIDATES[1]),
        "nearest_rms": pytest.approx(0.01),
        "in_use_rms": pytest.approx(0.02),
        "gain": pytest.approx(0.01),
        "standard_error": pytest.approx(0),
        "replaces": True,
    }
    assert len(told["candidates"]) == 4
    unfinished = dataclasses.replace(found, decision=None)
    assert search.to_dict(unfinished, fits)["decision"] is None


def test_one_seed_decides_nothing():
    with pytest.raises(ValueError, match="^expected two fitting seeds of both recipes; got 1$"):
        decide([fit(CANDIDATES[0], 0.01, ALL)], fit(IN_USE, 0.02, ALL))


def test_two_seeds_are_enough_and_one_that_a_recipe_lacks_does_not_count():
    """Gains 0.01 and 0.02: their mean, and their standard deviation over the root of two."""
    in_use = fit(IN_USE, {100: 0.03, 101: 0.04, 102: 0.5}, ALL)
    found = decide([fit(CANDIDATES[0], {100: 0.02, 101: 0.02}, ALL)], in_use)
    assert (found.gain, found.standard_error) == pytest.approx((0.015, 0.005))
    assert found.replaces, "three times the standard error"


def test_a_stage_trains_each_network_the_same_way():
    candidate = CANDIDATES[0]
    assert models_of(STAGES[3], candidate) == [
        *((recipe_for_model(candidate, model), 100) for model in NETS),
        (recipe_for_model(candidate, "resnet"), 10),
    ]
    assert recipe_for_model(IN_USE, "resnet") == REPORT_RECIPES["resnet"]
