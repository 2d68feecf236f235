"""Conditions that choose among runs, and what two runs have in common."""

from __future__ import annotations

import dataclasses

import pytest

from repro.errors import UsageError
from repro.runs.conditions import FIELDS, parse_condition, select
from repro.runs.difference import difference_of
from tests.examples import record, sha

RUNS = [
    record("net-relu", 0, {10: 0.58, 30: 0.62}),
    record("net-swish", 3, {10: 0.57}),
    record("improved", 12, {10: 0.69}),
    record("resnet", 0, {}, epochs=4),
]


def chosen(*conditions):
    return [run.spec.name.rpartition("-")[0] for run in select(RUNS, conditions)]


@pytest.mark.parametrize(
    ("conditions", "names"),
    [
        ((), ["net-relu-seed0", "net-swish-seed3", "improved-relu-seed12", "resnet-relu-seed0"]),
        (("network=net",), ["net-relu-seed0", "net-swish-seed3"]),
        (("model=net-swish",), ["net-swish-seed3"]),
        (("seed=0",), ["net-relu-seed0", "resnet-relu-seed0"]),
        (("seed<12",), ["net-relu-seed0", "net-swish-seed3", "resnet-relu-seed0"]),
        (("seed<=3", "seed>=3"), ["net-swish-seed3"]),
        (("seed != 0", "network!=improved"), ["net-swish-seed3"]),
        (("epochs>=10",), ["net-relu-seed0", "net-swish-seed3", "improved-relu-seed12"]),
        (("accuracy>0.6",), ["net-relu-seed0", "improved-relu-seed12"]),
        (("batch_size=20", "learning_rate=0.01", "activation=swish"), ["net-swish-seed3"]),
        (("dropout=0.5", "network=improved"), ["improved-relu-seed12"]),
    ],
)
def test_all_conditions_must_hold(conditions, names):
    """ImprovedNet's accuracy is that with dropout on: 0.67. A run without an evaluation has none,
    and no condition on it holds."""
    assert chosen(*conditions) == names


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("sed<5", "expected one of the fields"),
        ("seed", "expected FIELD, one of = != < <= > >=, and a value, such as seed<5; got 'seed'"),
        ("seed<", "such as seed<5; got 'seed<'"),
        ("seed=two", "seed: expected a number; got 'two'"),
        ("seed=nan", "seed: expected a number; got 'nan'"),
        ("model<net", "model: expected = or !=; got '<'"),
    ],
)
def test_what_is_no_condition_is_refused(condition, said):
    with pytest.raises(UsageError, match="--where") as caught:
        parse_condition(condition)
    assert said in str(caught.value)


def test_every_field_can_be_asked_for():
    for name, value in FIELDS.items():
        shown = value(RUNS[0])
        assert select(RUNS, [f"{name}={shown}"])[0] == RUNS[0], name


def test_two_runs_that_differ_in_a_seed():
    found = difference_of(RUNS[0], RUNS[1])
    assert [(each.what, each.one, each.other) for each in found.settings] == [
        ("activation", "relu", "swish"), ("seed", "0", "3"),
    ]  # fmt: skip
    assert found.same_epochs == 0
    assert found.accuracies == [(10, 0.58, 0.57)]


def test_a_run_and_its_longer_copy():
    long = record("net-relu", 0, {10: 0.58, 30: 0.62, 60: 0.6})
    found = difference_of(RUNS[0], long)
    assert (found.settings, found.environments) == ([], [])
    assert (found.epochs, found.same_epochs, found.first_other) == ((30, 60), 30, None)
    epochs = list(long.epochs)
    epochs[4] = dataclasses.replace(epochs[4], weights_sha256=sha("other"))
    found = difference_of(RUNS[0], dataclasses.replace(long, epochs=tuple(epochs)))
    assert (found.same_epochs, found.first_other) == (4, 5)
    elsewhere = dataclasses.replace(long.environment, processor="Another CPU")
    found = difference_of(RUNS[0], dataclasses.replace(long, environment=elsewhere))
    assert [each.what for each in found.environments] == ["processor"]
