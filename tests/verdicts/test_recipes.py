"""Candidate recipes: which there are, and how near their runs come to the report."""

from __future__ import annotations

import csv
import dataclasses
import math
import re

import pytest

from repro.errors import DataError
from repro.reporting.recipe_tables import recipes_to_markdown
from repro.spec import FITTING_SEEDS, REPORT_RECIPES, RunSpec
from repro.verdicts.cells import Cell
from repro.verdicts.evaluations import (
    COLUMNS,
    evaluations_of,
    load_evaluations,
    recipe_for_model,
    to_csv,
)
from repro.verdicts.recipes import (
    CANDIDATES,
    CandidateScore,
    fit_all,
    over_shared_cells,
    spreads,
    to_dict,
)
from repro.verdicts.stages import CHANGES
from tests.examples import TORCH_ENVIRONMENT, record

BASE = REPORT_RECIPES["net-relu"]
FASTER = dataclasses.replace(BASE, learning_rate=0.02)


def cell(model, row, expected):
    return Cell(
        table="3-1", row=row, column=model, model=model, expected=expected, tolerance=0.05, place=""
    )


CHANGED = dataclasses.replace(
    BASE, order="fixed", jpeg_quality=75, initial_weights="he", training_images="all", momentum=0.9
)
CELLS = [cell("net-relu", 10, 0.57), cell("net-relu", 30, 0.63), cell("improved", 10, 0.68)]
ALL_CELLS = [*CELLS, cell("resnet", 10, 0.7)]


def run(model, recipe, seed, accuracies):
    one = record(model, seed=seed, accuracies=accuracies)
    spec = RunSpec(recipe=recipe_for_model(recipe, model), seed=seed)
    return dataclasses.replace(one, spec=spec)


def fits_of(records, cells, left_on=None):
    return fit_all(evaluations_of(records, left_on), cells)


def test_the_candidates_cross_what_the_report_leaves_open():
    assert BASE in CANDIDATES
    assert len(set(CANDIDATES)) == len(CANDIDATES) == 3 * 9 * 3 + 30
    assert {c.batch_size for c in CANDIDATES} == {4, 8, 10, 16, 20, 25, 32, 50, 64}
    assert {c.pixels for c in CANDIDATES} == {"unit", "symmetric", "imagenet"}
    assert {(c.optimiser, bool(c.momentum)) for c in CANDIDATES} == {
        ("sgd", False), ("sgd", True), ("adam", False),
    }  # fmt: skip


def test_no_fitting_seed_verifies_anything():
    assert not set(FITTING_SEEDS) & set(range(20))


@pytest.mark.parametrize("model", REPORT_RECIPES)
def test_a_candidate_trains_every_network_the_same_way(model):
    recipe = recipe_for_model(FASTER, model)
    assert recipe == dataclasses.replace(REPORT_RECIPES[model], learning_rate=0.02)


def test_scores_by_hand():
    fits = fits_of(
        [
            run("net-relu", BASE, 100, {10: 0.58, 30: 0.61}),
            run("net-relu", BASE, 101, {10: 0.60, 30: 0.63}),
            run("net-relu", BASE, 0, {10: 0.99, 30: 0.99}),
        ],
        CELLS,
    )
    (fit,) = fits  # and nothing for ImprovedNet, which was not trained
    assert fit.differences == pytest.approx({"net-relu@10": 0.02, "net-relu@30": -0.01})
    assert fit.rms == pytest.approx(math.sqrt((0.02**2 + 0.01**2) / 2))
    assert fit.mean == pytest.approx(0.015)
    assert fit.largest == pytest.approx(0.02)
    assert fit.seeds == 2
    # By itself the first is 0.01 and -0.02 away, the second 0.03 and 0.
    assert fit.rms_by_seed == pytest.approx(
        {100: math.sqrt((0.01**2 + 0.02**2) / 2), 101: math.sqrt(0.03**2 / 2)}
    )


def test_the_nearest_is_that_of_the_least_root_mean_square():
    """One far cell weighs more than two that are a little off: by the mean of the distances it
    would be the other way about."""
    one_far = run("net-relu", BASE, 100, {10: 0.60, 30: 0.63})
    both_near = run("net-relu", FASTER, 100, {10: 0.588, 30: 0.648})
    fits = fits_of([one_far, both_near], CELLS)
    assert [fit.candidate for fit in fits] == [FASTER, BASE]
    assert [fit.mean for fit in fits] == pytest.approx([0.018, 0.015])
    assert [fit.candidate for fit in over_shared_cells(fits[::-1])] == [FASTER, BASE]


def test_improved_net_is_read_with_dropout_off_and_left_on():
    """The example's accuracy is 0.02 lower with dropout on: the nearer of the two comes first."""
    fits = fits_of([run("improved", BASE, 100, {10: 0.70})], CELLS)
    assert [fit.dropout_left_on for fit in fits] == [True, False]
    assert [fit.differences["improved@10"] for fit in fits] == pytest.approx([0.0, 0.02])


def test_resnet_is_read_with_batch_norm_left_on_too():
    """At batches of 4 and of 20, where that is known of its run."""
    cells = [cell("net-relu", 10, 0.57), cell("resnet", 10, 0.70)]
    runs = [run("net-relu", BASE, 100, {10: 0.57}), run("resnet", BASE, 100, {10: 0.60})]
    left_on = {runs[1].spec.name: {4: 0.66, 20: 0.70}}
    fits = fits_of(runs, cells, left_on)
    assert [(fit.norm_batch, fit.dropout_left_on) for fit in fits] == [
        (20, False),
        (4, False),
        (0, False),
    ]
    assert [fit.differences["resnet@10"] for fit in fits] == pytest.approx([0, -0.04, -0.1])
    assert all(fit.differences["net-relu@10"] == 0 for fit in fits)
    other = run("net-relu", FASTER, 100, {10: 0.57})
    assert [
        f.norm_batch for f in fits_of([*runs, other], cells, left_on) if f.candidate == FASTER
    ] == [0]
    both = run("improved", BASE, 100, {10: 0.70})
    readings = {
        (f.norm_batch, f.dropout_left_on) for f in fits_of([*runs, both], CELLS + cells, left_on)
    }
    assert len(readings) == 6


def test_more_cells_come_first_and_then_the_nearer():
    fits = fits_of(
        [
            run("net-relu", BASE, 100, {10: 0.60, 30: 0.60}),
            run("net-relu", FASTER, 100, {10: 0.57}),
            run("net-relu", dataclasses.replace(BASE, batch_size=64), 100, {10: 0.56}),
        ],
        CELLS,
    )
    assert [fit.candidate.batch_size for fit in fits] == [20, 20, 64]


def test_over_the_cells_that_all_have_scores_compare():
    """The second is nearer over its one cell, and over the one that both have."""
    fits = fits_of(
        [
            run("net-relu", BASE, 100, {10: 0.58, 30: 0.70}),
            run("net-relu", BASE, 101, {10: 0.60}),
            run("net-relu", FASTER, 100, {10: 0.58}),
        ],
        CELLS,
    )
    assert [(fit.candidate, fit.seeds) for fit in fits] == [(BASE, 1), (FASTER, 1)]
    first, second = over_shared_cells(fits)
    assert fits[0].rms_by_seed.keys() == {100}, "the other seed has one cell of two"
    assert (first.candidate, first.seeds) == (FASTER, 1)
    assert first.differences == pytest.approx({"net-relu@10": 0.01})
    assert (second.candidate, second.seeds) == (BASE, 2)
    assert second.rms_by_seed == pytest.approx({100: 0.01, 101: 0.03})
    assert second.rms == second.largest == pytest.approx(0.02)
    assert over_shared_cells([]) == []


def test_without_improved_net_no_candidate_stands_there_twice():
    both = [run("improved", BASE, 100, {10: 0.7}), run("net-relu", BASE, 100, {10: 0.6})]
    fits = fits_of([*both, run("net-relu", FASTER, 100, {10: 0.6})], CELLS)
    assert len(fits) == 3
    assert [fit.candidate for fit in over_shared_cells(fits)] == [BASE, FASTER]
    of_improved = fits_of([both[0], run("improved", FASTER, 100, {10: 0.6})], CELLS)
    assert len(over_shared_cells(of_improved)) == 4, "where they share a cell of it, both readings"


def test_candidates_without_a_common_cell_do_not_compare():
    fits = fits_of(
        [run("net-relu", BASE, 100, {30: 0.6}), run("net-relu", FASTER, 100, {10: 0.6})], CELLS
    )
    with pytest.raises(ValueError, match="^there is no cell that all 2 were trained for$"):
        over_shared_cells(fits)


def test_what_the_recipe_alone_can_move():
    fits = fits_of(
        [
            run("net-relu", BASE, 100, {10: 0.55, 30: 0.64}),
            run("net-relu", FASTER, 100, {10: 0.61}),
        ],
        CELLS,
    )
    ten, thirty = spreads(fits, CELLS)
    assert (ten.cell, ten.candidates) == ("net-relu@10", 2)
    assert (ten.least, ten.most) == pytest.approx((0.55, 0.61))
    assert ten.sd == pytest.approx(0.06 / math.sqrt(2))
    assert (thirty.candidates, thirty.sd) == (1, None)


def test_everything_is_in_the_json():
    fits = fits_of([run("net-relu", BASE, 100, {10: 0.55})], CELLS)
    told = to_dict(fits, spreads(fits, CELLS))
    assert told == {
        "candidates": [
            {
                "recipe": dataclasses.asdict(BASE),
                "dropout_left_on": False,
                "norm_batch": 0,
                "seeds": 1,
                "rms": pytest.approx(0.02),
                "mean": pytest.approx(0.02),
                "largest": pytest.approx(0.02),
                "differences": pytest.approx({"net-relu@10": -0.02}),
                "counts": {"net-relu@10": 1},
                "rms_by_seed": pytest.approx({100: 0.02}),
            }
        ],
        "spreads": [
            {
                "cell": "net-relu@10",
                "expected": 0.57,
                "candidates": 1,
                "least": pytest.approx(0.55),
                "most": pytest.approx(0.55),
                "sd": None,
            }
        ],
    }


@pytest.mark.parametrize(
    "changes",
    [{"architecture": "network.py:f", "code_sha256": "0" * 64}, {"readings": (10, 20)}],
)
def test_runs_of_another_report_are_no_candidates(changes):
    one = run("net-relu", BASE, 100, {10: 0.5})
    recipe = dataclasses.replace(BASE, **changes)
    spec = RunSpec(recipe=recipe, seed=101, engine="torch")
    other = dataclasses.replace(one, spec=spec, environment=TORCH_ENVIRONMENT)
    assert [fit.seeds for fit in fits_of([one, other], CELLS)] == [1]


def test_candidates_that_differ_in_one_change_are_told_apart():
    changed = [BASE, *(dataclasses.replace(BASE, **change) for change in CHANGES)]
    fits = [
        CandidateScore(candidate=each, dropout_left_on=False, by_seed={"a": {100: 0.1}})
        for each in changed
    ]
    fits.append(dataclasses.replace(fits[0], norm_batch=20))
    rows = recipes_to_markdown(fits, ()).splitlines()[2:]
    assert len(set(rows)) == len(rows) == 8
    assert "| sgd 0.01, JPEG 75 " in rows[3]
    assert "batch norm by 20" in rows[-1]


def test_evaluations_survive_a_csv_file(tmp_path):
    """In which order they come does not matter; what a network does not have stays empty."""
    runs = [
        run("resnet", BASE, 101, {10: 0.60}),
        run("net-relu", FASTER, 100, {30: 0.61, 10: 0.57}),
        run("improved", CHANGED, 102, {10: 0.70}),
    ]
    left_on = {runs[0].spec.name: {4: 0.66, 100: 0.7}}
    known = evaluations_of(runs, left_on)
    text = to_csv(known)
    assert to_csv(known[::-1]) == text
    (tmp_path / "a.csv").write_text(text)
    read = load_evaluations(tmp_path / "a.csv")
    assert to_csv(read) == text
    scores = [
        [(fit.candidate, fit.dropout_left_on, fit.norm_batch, round(fit.rms, 4)) for fit in fits]
        for fits in (fit_all(read, ALL_CELLS), fit_all(known, ALL_CELLS))
    ]
    assert sorted(scores[0], key=str) == sorted(scores[1], key=str)
    assert len(text.splitlines()) == 1 + 4
    assert text.count(",0.7000,0.6800,,,\n") == 1, "ImprovedNet, with dropout off and on"
    assert text.count(",0.6000,,0.6600,,0.7000\n") == 1


def test_seeds_that_verify_and_other_recipes_are_not_the_search():
    other = dataclasses.replace(BASE, readings=(10,))
    runs = [
        run("net-relu", BASE, 0, {10: 0.6}),
        run("net-relu", other, 100, {10: 0.6}),
        record("net-sigmoid", seed=100),
    ]
    assert evaluations_of(runs) == []
    found = evaluations_of([*runs, run("net-relu", BASE, 100, {10: 0.6})])
    assert [(each.model, each.seed) for each in found] == [("net-relu", 100)], "none ends the list"


def test_batch_norm_left_on_is_known_of_the_last_epoch():
    one = run("resnet", BASE, 100, {10: 0.6, 30: 0.7})
    known = evaluations_of([one], {one.spec.name: {4: 0.66}})
    assert [(each.epoch, each.batch_norm_on) for each in known] == [(10, {}), (30, {4: 0.66})]


def test_rows_are_in_the_order_of_candidates_models_seeds_and_epochs():
    runs = [
        run(model, recipe, seed, {30: 0.6, 10: 0.57})
        for recipe in (FASTER, BASE)
        for model in ("resnet", "net-swish", "net-relu")
        for seed in (101, 100)
    ]
    rows = list(csv.DictReader(to_csv(evaluations_of(runs)).splitlines()))
    told = [(r["learning_rate"], r["model"], r["seed"], r["epoch"]) for r in rows]
    assert told == [
        (rate, model, seed, epoch)
        for rate in ("0.01", "0.02")
        for model in ("net-relu", "net-swish", "resnet")
        for seed in ("100", "101")
        for epoch in ("10", "30")
    ]


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("net-relu", "net-tanh", "line 2: model: expected one of net-relu,"),
        (",0.5700,", ",0.57x,", "line 2: expected a decimal fraction"),
        (",sgd,", ",adamw,", "line 2: optimiser: expected one of sgd, adam"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, was, now, said):
    text = to_csv(evaluations_of([run("net-relu", BASE, 100, {10: 0.57})]))
    (tmp_path / "a.csv").write_text(text.replace(was, now))
    with pytest.raises(DataError, match=re.escape(f"{tmp_path / 'a.csv'}, {said}")):
        load_evaluations(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text(text)
    (found,) = load_evaluations(tmp_path / "a.csv")
    assert (found.model, found.seed, found.epoch, found.accuracy) == ("net-relu", 100, 10, 0.57)
    (tmp_path / "a.csv").write_text(text.replace("model,", "name,", 1))
    with pytest.raises(DataError, match=f"expected the columns {','.join(COLUMNS)}"):
        load_evaluations(tmp_path / "a.csv")
