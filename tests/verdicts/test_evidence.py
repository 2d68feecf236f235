"""What figures and pages read of a store: the runs of a model, and what is kept of them."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest

from repro.errors import DataError
from repro.runs import checkpoints
from repro.runs.digests import arrays_digest
from repro.runs.store import Store
from repro.verdicts.evidence import Evidence, evidence_of
from tests.examples import record


def classes(seed, epoch):
    return ((np.arange(100) * (seed + 2) + epoch) % 10).astype(np.uint8)


def saved(store, model="net-relu", seed=0, epochs=(10,), last=None):
    """A run with predictions, read at `epochs`, and a checkpoint of `last`."""
    one = record(model, seed=seed, accuracies={epoch: 0.5 + epoch / 1000 for epoch in epochs})
    named = {str(epoch): classes(seed, epoch) for epoch in epochs}
    readings = tuple(
        dataclasses.replace(
            each,
            predictions_sha256=hashlib.sha256(named[str(each.epoch)].tobytes()).hexdigest(),
            switched=None,
        )
        for each in one.readings
    )
    one = dataclasses.replace(one, readings=readings)
    if last:
        weights = {"conv1.weight": np.full((2, 3), seed + last / 100, np.float32)}
        history = list(one.epochs)
        history[last - 1] = dataclasses.replace(
            history[last - 1], weights_sha256=arrays_digest(weights)
        )
        one = dataclasses.replace(one, epochs=tuple(history))
        until = dataclasses.replace(
            one, epochs=one.epochs[:last], readings=tuple(r for r in readings if r.epoch <= last)
        )
        state = {f"model.{name}": each for name, each in weights.items()}
        checkpoints.write(until, state, named, store)
        store.checkpoint(one.spec).unlink()
    store.save(one, named)
    return one


@pytest.fixture
def evidence(tmp_path):
    """Three runs of ReLU, the first without a checkpoint and the last read only once; one of Leaky
    ReLU; in no order."""
    store = Store(tmp_path)
    runs = [
        saved(store, seed=2, epochs=(10,), last=10),
        saved(store, seed=1, epochs=(10, 30), last=30),
        saved(store, seed=0, epochs=(10, 30, 60)),
        saved(store, "net-leaky_relu", seed=5, epochs=(10, 30)),
    ]
    return Evidence(store, runs)


def test_a_models_runs_come_by_seed(evidence):
    assert [run.spec.seed for run in evidence.runs("net-relu")] == [0, 1, 2]
    assert evidence.models == ["net-relu", "net-leaky_relu"]
    assert evidence.runs("resnet") == []


def test_the_reports_figures_of_a_model(evidence):
    assert evidence.expected("net-leaky_relu") == {10: 0.61, 30: 0.6292, 60: 0.5917, 100: 0.5915}
    assert evidence.expected("resnet") == {10: 0.7088}


def test_the_last_reading_is_one_that_all_runs_have(evidence):
    assert evidence.last_reading("net-relu") == 10, "seed 2 went no further"
    assert evidence.last_reading("net-leaky_relu") == 30
    assert evidence.last_reading("resnet") is None


def test_what_one_run_read_is_read(evidence):
    assert evidence.has_reading("net-relu", 60)
    assert not evidence.has_reading("net-leaky_relu", 60)
    assert not evidence.has_reading("net-relu", 20)
    assert not evidence.has_reading("resnet", 10)


def test_predictions_are_those_of_every_run_that_read_the_epoch(evidence):
    found = evidence.predictions("net-relu", 30)
    np.testing.assert_array_equal(found, [classes(0, 30), classes(1, 30)])
    assert evidence.predictions("net-leaky_relu", 60) == []


def test_weights_come_from_the_last_checkpoint_of_the_first_run_that_has_one(evidence):
    run, epoch, weights = evidence.weights("net-relu", "conv1.weight")
    assert (run.spec.seed, epoch) == (1, 30)
    np.testing.assert_array_equal(weights, np.full((2, 3), 1.3, np.float32))
    assert evidence.weights("net-leaky_relu", "conv1.weight") is None


def test_weights_that_are_not_the_records_are_refused(evidence):
    first = evidence.runs("net-relu")[1]
    other = dataclasses.replace(first.epochs[29], weights_sha256="0" * 64)
    changed = dataclasses.replace(first, epochs=(*first.epochs[:29], other))
    with pytest.raises(DataError, match="weights"):
        Evidence(evidence.store, [changed]).weights("net-relu", "conv1.weight")


def test_runs_of_seeds_that_choose_the_recipe_and_of_made_up_images_are_no_evidence(tmp_path):
    runs = [
        record(seed=1), record(seed=0), record(seed=100), record(seed=3, dataset="synthetic"),
        record("net-sigmoid", seed=1),
    ]  # fmt: skip
    found = evidence_of(Store(tmp_path), runs)
    assert {(r.spec.recipe.activation, r.spec.seed) for r in found.records} == {
        ("relu", 0), ("relu", 1), ("sigmoid", 1),
    }  # fmt: skip
    assert found.store.root == tmp_path
