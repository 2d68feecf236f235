"""Which runs count for what."""

from __future__ import annotations

import dataclasses

import pytest

from repro.errors import UsageError
from repro.runs.selection import (
    choose_seeds,
    filter_runs,
    primary_accuracies,
    runs_of_models,
)
from repro.runs.store import Store
from repro.spec import FITTING_SEEDS, MAX_SEED
from repro.verdicts.evidence import evidence_of
from tests.examples import record


def test_runs_that_chose_the_recipe_count_for_no_cell_and_no_claim(tmp_path):
    """As `repro recipes --search` leaves them beside those that verify, in the user's store."""
    runs = [record("net-relu", seed) for seed in (0, 1, *FITTING_SEEDS, 103)]
    found = evidence_of(Store(tmp_path), runs)
    assert [run.spec.seed for run in found.records] == [0, 1, 103]
    (verdict,) = {v.n for v in found.verdicts if v.cell.name == "net-relu@10"}
    assert verdict == 3


def test_runs_that_only_a_claim_asks_for_are_evidence_and_move_no_cell(tmp_path):
    runs = [record("improved", seed, {10: 0.68 + seed / 100}) for seed in range(3)]
    ablation = [record("improved-no_dropout", seed, {10: 0.1 * seed}) for seed in range(3)]
    without, with_ = (evidence_of(Store(tmp_path), each) for each in (runs, [*runs, *ablation]))
    assert with_.runs("improved-no_dropout") == ablation
    assert with_.verdicts == without.verdicts


def test_another_reports_runs_of_these_seeds_count():
    own = record("net-relu", 100)
    own = dataclasses.replace(
        own,
        spec=dataclasses.replace(
            own.spec, recipe=dataclasses.replace(own.spec.recipe, batch_size=7)
        ),
    )
    found = runs_of_models(
        [own], {"mine"}, seeds=choose_seeds(100, 1, fitting=True), device="cpu", engine="auto",
        dataset="cifar10", recipes={"mine": own.spec.recipe},
    )  # fmt: skip
    assert found == [own]


@pytest.mark.parametrize(("first", "count"), [(100, 1), (102, 5), (0, 101), (101, 1)])
def test_seeds_that_verify_nothing_are_refused(first, count):
    with pytest.raises(UsageError) as refused:
        choose_seeds(first, count)
    assert str(refused.value) == (
        "expected seeds other than 100 to 102, which chose the recipe and so verify nothing; got "
        f"{first} to {first + count - 1}"
    )


@pytest.mark.parametrize(("first", "count"), [(0, 100), (103, 1), (0, None)])
def test_other_seeds_are_not(first, count):
    assert first in choose_seeds(first, count)


@pytest.mark.parametrize(("first", "count"), [(-1, 1), (0, 0), (2**63, 1)])
def test_seeds_that_no_run_has_are_refused(first, count):
    with pytest.raises(UsageError, match="one seed or more"):
        choose_seeds(first, count)


def test_a_seed_that_no_run_can_have_is_named():
    with pytest.raises(UsageError) as refused:
        choose_seeds(MAX_SEED, 2)
    assert str(refused.value) == (
        f"expected one seed or more in [0, {MAX_SEED}]; got {MAX_SEED} to {MAX_SEED + 1}"
    )
    assert choose_seeds(0, None)[-1] == MAX_SEED


KERNELS, TORCH, CUDA = (
    record(seed=1), record(seed=2, engine="torch"), record(seed=3, engine="torch", device="cuda"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("device", "engine", "wanted"),
    [
        ("auto", "auto", [KERNELS, TORCH]),
        ("cpu", "auto", [KERNELS, TORCH]),
        ("cuda", "auto", [KERNELS, CUDA]),  # the kernels' bits are the same there
        ("mps", "auto", []),
        ("auto", "kernels", [KERNELS]),
        ("cuda", "torch", [CUDA]),
        ("cpu", "torch", [TORCH]),
    ],
)
def test_runs_are_of_the_device_and_the_engine_that_were_asked_for(device, engine, wanted):
    made_up = record(seed=1, dataset="synthetic")
    runs = [KERNELS, TORCH, CUDA, made_up]
    assert filter_runs(runs, device, engine, "cifar10") == wanted
    assert filter_runs(runs, "cpu", "auto", "synthetic") == [made_up]


@pytest.mark.parametrize(("more", "engine"), [(2, "torch"), (1, "kernels"), (0, "kernels")])
def test_of_two_engines_the_one_with_more_runs_is_taken(more, engine):
    """With as many of each, the kernels."""
    runs = [KERNELS, *(record(seed=seed, engine="torch") for seed in range(more))]
    by_any, by_torch = (
        runs_of_models(
            runs, {"net-relu"}, seeds=choose_seeds(0, None), device="cpu", engine=each,
            dataset="cifar10",
        )
        for each in ("auto", "torch")
    )  # fmt: skip
    assert {run.spec.engine for run in by_any} == {engine}
    assert len(by_torch) == more


def test_the_accuracies_of_a_run_are_those_that_verdicts_use():
    """ImprovedNet's with dropout on, which the example has 0.02 lower."""
    assert primary_accuracies(record("improved", 0, {10: 0.7})) == pytest.approx({10: 0.68})
    assert primary_accuracies(record("resnet", 0, {10: 0.7})) == {10: 0.7}
