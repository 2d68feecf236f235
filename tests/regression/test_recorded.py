"""The committed evidence, held to the report and to the data."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from repro.evaluation import accuracy
from repro.paths import packaged
from repro.spec import READING_EPOCHS
from repro.store import Store
from repro.tables import to_text
from repro.verdicts import judge_records, load_cells

pytestmark = pytest.mark.regression

STORE = Store(packaged("results"))
RECORDS = STORE.records()
VERDICTS = judge_records(load_cells(packaged("expected_results")), RECORDS)

# Cells of which the evidence says that they differ, with the reason. Strict: a cell that begins to
# agree fails here too, so that this list cannot hide a change in either direction.
DIFFERS: dict[str, str] = {}


def marked(verdict):
    name = verdict.cell.name
    marks = [pytest.mark.xfail(strict=True, reason=DIFFERS[name])] if name in DIFFERS else []
    return pytest.param(verdict, marks=marks, id=f"{verdict.cell.table}-{name}")


@pytest.mark.parametrize("verdict", [marked(verdict) for verdict in VERDICTS])
def test_every_cell_of_every_table_is_within_tolerance(verdict):
    assert verdict.kind.is_success, "\n" + to_text([verdict], "md", "en")


def test_every_cell_is_met():
    assert len(VERDICTS) == 22
    assert len({verdict.cell.name for verdict in VERDICTS}) == 17


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.spec.name)
def test_recorded_accuracies_follow_from_the_recorded_predictions(record, cifar10):
    predictions = STORE.predictions(record)
    accuracies = {n: each for reading in record.readings for n, each in reading.accuracies.items()}
    assert list(predictions) == list(accuracies)
    for name, classes in predictions.items():
        assert hashlib.sha256(classes.tobytes()).hexdigest() == record.prediction_digests[name]
        assert accuracy(classes, cifar10.test_labels) == accuracies[name]
        assert classes.dtype == np.uint8


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.spec.name)
def test_the_test_set_was_read_at_the_tables_epochs_only(record):
    assert {reading.epoch for reading in record.readings} <= set(READING_EPOCHS)
