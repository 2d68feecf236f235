"""The kernels and torch, from the same random streams, learn equally well on the real data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from repro.execution.devices import default_workers
from repro.execution.scheduler import Task, run
from repro.paths import home
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES, RunSpec
from tests.recorded import recorded_runs

pytestmark = pytest.mark.regression

EPOCHS = 2
RECIPE = REPORT_RECIPES["net-relu"]


def validation_accuracies(record):
    return [epoch.validation_accuracy for epoch in record.epochs[:EPOCHS]]


def test_paired_accuracies_of_both_engines_differ_by_chance_alone(cifar10, tmp_path):
    """Seed by seed the split, the initial weights and the batches are the same; only roundings
    differ, which training makes grow. So the differences have no direction."""
    recorded = [each for each in recorded_runs() if each.spec.recipe == RECIPE]
    specs = [RunSpec(recipe=RECIPE, seed=each.spec.seed, engine="torch") for each in recorded][:5]
    failures = run(
        [Task(spec=spec, epochs=EPOCHS) for spec in specs],
        store=tmp_path, home=home(), workers=default_workers("cpu"), on_event=lambda _: None,
    )  # fmt: skip
    assert not failures
    kernels = np.array([validation_accuracies(each) for each in recorded[:5]])
    torch = np.array([validation_accuracies(Store(tmp_path).load(spec)) for spec in specs])
    differences = (kernels - torch).mean(axis=1)
    table = pd.DataFrame(
        {
            "seed": [spec.seed for spec in specs],
            "kernels": kernels[:, -1],
            "torch": torch[:, -1],
            "mean difference": differences.round(4),
        }
    )
    test = stats.ttest_1samp(differences, 0)
    print(f"validation after {EPOCHS} epochs\n{table.to_string(index=False)}\np {test.pvalue:.3f}")
    first = np.abs(kernels[:, 0] - torch[:, 0])
    assert (first < 0.02).all(), "after one epoch the roundings have hardly grown"
    assert test.pvalue > 0.01, table.to_string(index=False)
