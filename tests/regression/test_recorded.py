"""The committed evidence, held to the report, to the data and to what is listed of it."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import math
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from repro.commands.context import Session, evidence
from repro.commands.figure import calibrate
from repro.data.labels import accuracy
from repro.errors import DataError
from repro.paths import packaged
from repro.reporting.cell_tables import cells_to_text
from repro.runs import batch_norm
from repro.runs.locations import fitting_store
from repro.runs.store import Store
from repro.spec import FITTING_SEEDS, LATER_EPOCHS, READING_EPOCHS, Recipe
from repro.verdicts.calibration import load_bins
from repro.verdicts.cells import load_cells
from repro.verdicts.claim_file import load_claims
from repro.verdicts.evaluations import evaluations_of, recipe_for_model, to_csv
from repro.verdicts.evidence import Evidence
from repro.verdicts.expected_list import load_listing
from repro.verdicts.judging import unique_primary
from repro.verdicts.recipes import CANDIDATES
from repro.verdicts.search import SEARCH_FILE, decide, recorded_search
from repro.verdicts.snapshot import check_listing
from repro.verdicts.stages import CHANGES, IN_USE, entrants
from tests.recorded import recorded_runs

pytestmark = pytest.mark.regression

STORE = Store(packaged("results"))
RECORDS = recorded_runs()
LISTING = load_listing(packaged("results"))
FOUND = evidence(recorded=True)
VERDICTS, JUDGEMENTS = FOUND.verdicts, FOUND.judgements
CHECKS = {check.what: check for check in check_listing(LISTING, VERDICTS, JUDGEMENTS)}


def frame(rows):
    return "\n" + pd.DataFrame(map(dataclasses.asdict, rows)).to_string(index=False)


@pytest.mark.parametrize("what", CHECKS)
def test_every_cell_and_claim_is_as_listed(what):
    """Strictly: a cell that begins to agree fails here too, until somebody has looked at it."""
    assert CHECKS[what].holds, frame([CHECKS[what]])


def test_every_cell_of_every_table_is_listed_and_within_tolerance_or_has_its_reason():
    counted = [verdict for verdict in VERDICTS if verdict.is_primary]
    assert len(counted) == 22
    assert len({verdict.cell.name for verdict in counted}) == 17
    for verdict in counted:
        reason = LISTING.verdicts[verdict.cell.table, verdict.cell.name][2]
        assert verdict.kind.is_success or reason, "\n" + cells_to_text([verdict], "md", "en")


def tables():
    for number in ("3-1", "3-2", "3-3", "3-4"):
        path = packaged("expected_results") / f"table-{number}.csv"
        with path.open(newline="") as file:
            header, *rows = csv.reader(file)
        yield from ((path.name, "row", n) for n in range(len(rows)))
        yield from ((path.name, "column", n) for n in range(len(header)))


@pytest.mark.parametrize(("name", "kind", "number"), list(tables()))
def test_no_row_or_column_of_the_reports_figures_can_be_deleted(tmp_path, name, kind, number):
    folder = shutil.copytree(packaged("expected_results"), tmp_path / "expected")
    with (folder / name).open(newline="") as file:
        rows = list(csv.reader(file))
    if kind == "row":
        del rows[1 + number]
    else:
        rows = [[value for n, value in enumerate(row) if n != number] for row in rows]
    with (folder / name).open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    try:
        cells = load_cells(folder)
    except DataError:
        return
    left = {(cell.table, cell.name) for cell in cells}
    verdicts = [v for v in VERDICTS if (v.cell.table, v.cell.name) in left]
    checks = check_listing(LISTING, verdicts, JUDGEMENTS)
    assert [check.text for check in checks if not check.holds] == [
        "listed and not in expected_results/"
    ]


def test_every_claim_of_the_report_is_judged():
    claims = load_claims(packaged("expected_results") / "claims.toml")
    assert [claim.name for claim in claims] == list(LISTING.claims)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.spec.name)
def test_recorded_accuracies_follow_from_the_recorded_predictions(record, cifar10):
    predictions = STORE.predictions(record)
    accuracies = {n: each for reading in record.readings for n, each in reading.accuracies.items()}
    assert list(predictions) == list(accuracies)
    for name, classes in predictions.items():
        assert hashlib.sha256(classes.tobytes()).hexdigest() == record.prediction_digests[name]
        assert accuracy(classes, cifar10.test_labels) == accuracies[name]
        assert classes.dtype == np.uint8


def test_the_search_is_of_fitting_seeds_and_candidates_alone():
    records = fitting_store().records()
    assert {record.spec.seed for record in records} <= set(FITTING_SEEDS)
    assert not {record.spec.seed for record in RECORDS} & set(FITTING_SEEDS)
    changed = {dataclasses.replace(each, **change) for each in CANDIDATES for change in CHANGES}
    trained = {recipe_for_model(record.spec.recipe, "net-relu") for record in records}
    assert trained <= changed | set(CANDIDATES)
    for record in records:
        for reading in record.readings:
            for value in reading.accuracies.values():
                assert round(value * 10_000) == pytest.approx(value * 10_000), "of 10,000 images"


def test_the_file_of_the_search_is_that_of_its_records():
    store = fitting_store()
    records = store.records()
    said = to_csv(evaluations_of(records, batch_norm.load(store, records)))
    assert (packaged("results") / SEARCH_FILE).read_text(encoding="utf-8") == said, (
        "`repro recipes --format csv` writes it, from a home whose store is a copy of "
        "results/search"
    )


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.spec.name)
def test_the_test_set_was_read_at_the_epochs_that_were_announced_only(record):
    announced = {*READING_EPOCHS, *LATER_EPOCHS}
    assert {reading.epoch for reading in record.readings} <= announced


def test_recorded_confidences_are_those_of_the_stored_weights(tmp_path):
    """Predicted again from the checkpoints; to rounding where this machine has other bits."""
    folder = shutil.copytree(packaged("results"), tmp_path / "results")
    recorded = load_bins(folder / "calibration.csv")
    again = Evidence(Store(folder), RECORDS)
    calibrate(Session(console=Console(quiet=True)), again)
    computed = load_bins(folder / "calibration.csv")
    assert [(b.run, b.epoch, b.number) for b in computed] == [
        (b.run, b.epoch, b.number) for b in recorded
    ]
    for one, other in zip(computed, recorded, strict=True):
        assert one.weights_sha256 == other.weights_sha256
        assert abs(one.images - other.images) <= 2
        assert one.confidence == pytest.approx(other.confidence, abs=1e-2)


def test_no_candidate_that_the_last_stage_left_out_could_have_won():
    """As if a candidate met every other figure exactly than those that three fitting seeds read."""
    found = recorded_search()
    assert not found.decision.replaces
    in_use = found.decision.in_use.rms
    bounds: dict[Recipe, float] = {}
    for fit in found.fits:
        known = [
            difference**2
            for cell, difference in fit.differences.items()
            if fit.counts[cell] == len(FITTING_SEEDS)
        ]
        bound = math.sqrt(sum(known) / 17)
        bounds[fit.candidate] = min(bound, bounds.get(fit.candidate, math.inf))
    last = {fit.candidate for fit in found.stages[-1].ranked}
    left_out = [each for each in entrants(3, found.fits) if each not in last]
    assert len(left_out) == 5
    assert min(bounds[each] for each in left_out) > in_use


def with_all_cells(found):
    """The evaluations over all 17 cells with all fitting seeds."""
    return [fit for fit in found.fits if len(fit.by_seed) == 17 and fit.seeds == len(FITTING_SEEDS)]


def test_no_candidate_that_has_all_cells_would_replace_the_recipe_in_use():
    """Also those that were trained for the wrong stages 4 and 5, two of which come nearer."""
    found = recorded_search()
    whole = with_all_cells(found)
    assert len({fit.candidate for fit in whole}) == 4
    assert not [fit for fit in whole if decide([fit], found.decision.in_use).replaces]


@pytest.mark.parametrize("page", ["recipe-search.md", "recipe-search.zh.md"])
def test_the_page_says_how_near_the_aim_the_recipes_came(page):
    """Mean and largest absolute difference: of the verification seeds, and of the fitting seeds."""
    found = recorded_search()
    off = [abs(each.difference) for each in unique_primary(VERDICTS)]
    nearest = min(with_all_cells(found), key=lambda fit: fit.rms)
    assert nearest.candidate == dataclasses.replace(IN_USE, jpeg_quality=95)
    in_use = found.decision.in_use
    said = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
    for mean, largest in (
        (sum(off) / len(off), max(off)),
        (in_use.mean, in_use.largest),
        (nearest.mean, nearest.largest),
    ):
        assert re.search(rf"{mean:.4f} (and|和) {largest:.4f}", said)
