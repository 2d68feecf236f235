"""Runs under way, held to the recorded runs of the same spec."""

from __future__ import annotations

import dataclasses

import pytest

from repro.runs.comparison import Agreement, Comparison, EpochNews
from repro.runs.store import Store
from tests.examples import record, sha

ONE = record(accuracies={10: 0.58})
NAME = ONE.spec.name


def other_from(epoch, one=ONE):
    """The same run with other weights from `epoch` on."""
    epochs = [
        dataclasses.replace(each, weights_sha256=sha(("other", each.epoch)))
        if each.epoch >= epoch
        else each
        for each in one.epochs
    ]
    return dataclasses.replace(one, epochs=tuple(epochs))


@pytest.fixture
def store(tmp_path):
    """A store with the recorded run."""
    store = Store(tmp_path)
    store.save(ONE, {})
    return store


def test_the_first_epoch_that_agrees_is_said_once(store):
    second = record(seed=1)
    store.save(second, {})
    comparison = Comparison(store, [ONE.spec, second.spec])
    assert comparison.add(NAME, ONE.epochs[0]) == EpochNews(1, None)
    assert comparison.add(NAME, ONE.epochs[1]) is None
    assert comparison.add(second.spec.name, second.epochs[0]) is None


def test_the_first_epoch_that_differs_is_named_for_each_run(store):
    second = record(seed=1)
    store.save(second, {})
    comparison = Comparison(store, [ONE.spec, second.spec])
    for one in (ONE, second):
        news = [comparison.add(one.spec.name, epoch) for epoch in other_from(3, one).epochs]
        assert [each for each in news if each and each.other] == [EpochNews(3, "weights")]


def test_a_loss_that_differs_is_named_too(store):
    comparison = Comparison(store, [ONE.spec])
    changed = dataclasses.replace(ONE.epochs[0], train_loss=1.0)
    assert comparison.add(NAME, changed) == EpochNews(1, "train_loss")


def test_where_torch_computes_a_difference_is_explained(tmp_path):
    store, one = Store(tmp_path), record(engine="torch")
    store.save(one, {})
    comparison = Comparison(store, [one.spec])
    news = comparison.add(one.spec.name, other_from(1, one).epochs[0])
    assert news == EpochNews(1, "weights", ("2.14.1+cpu", "Test CPU"))


def test_what_is_not_recorded_is_not_compared(store, tmp_path):
    comparison = Comparison(store, [record(seed=7).spec])
    assert comparison.add(record(seed=7).spec.name, ONE.epochs[0]) is None
    assert comparison.summary([record(seed=7)]) is None
    nothing = Comparison(Store(tmp_path / "none"), [ONE.spec])
    assert nothing.add(NAME, ONE.epochs[0]) is None


def test_a_run_that_is_longer_than_the_recorded_one_is_compared_as_far_as_that_goes(store):
    longer = record(accuracies={10: 0.58}, epochs=12)
    comparison = Comparison(store, [ONE.spec])
    assert all(comparison.add(NAME, each) is None for each in longer.epochs[10:])
    assert comparison.summary([longer]) == Agreement(1, 10, ())


def test_the_summary_counts_runs_and_epochs(store):
    second = record(seed=1, accuracies={10: 0.58})
    store.save(second, {})
    comparison = Comparison(store, [ONE.spec, second.spec])
    assert comparison.summary([ONE, second, record(seed=7)]) == Agreement(2, 20, ())
    assert comparison.summary([ONE, other_from(4, second)]) == Agreement(
        2, 20, ((second.spec.name, 4),)
    )


def test_a_damaged_record_is_not_compared_and_stops_nothing(store):
    path = store.folder(ONE.spec) / "record.json"
    path.write_bytes(path.read_bytes()[:-10])
    comparison = Comparison(store, [ONE.spec])
    assert comparison.add(NAME, ONE.epochs[0]) is None
