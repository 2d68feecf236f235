from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from repro.spec import REPORT_RECIPES, Recipe, RunSpec, engine_for, stream_seed
from repro.validation import check_epochs


def test_the_report_has_five_models():
    assert set(REPORT_RECIPES) == {
        "net-relu",
        "net-leaky_relu",
        "net-swish",
        "improved",
        "resnet",
    }


def test_the_inferred_recipe_is_the_one_in_the_readme():
    recipe = REPORT_RECIPES["net-relu"]
    assert (recipe.optimiser, recipe.learning_rate, recipe.momentum) == ("sgd", 0.01, 0.0)
    assert (recipe.batch_size, recipe.pixels) == (20, "symmetric")
    shared = {
        dataclasses.replace(each, architecture="net", activation="relu")
        for each in REPORT_RECIPES.values()
    }
    assert shared == {recipe}, "one recipe serves all five models"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "lenet"}, "architecture: expected one of net, improved, resnet"),
        ({"activation": "gelu"}, "activation: expected one of"),
        ({"learning_rate": 0}, "learning_rate: expected a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate: expected a finite number"),
        ({"learning_rate": "0.1"}, "learning_rate: expected a finite number"),
        ({"momentum": 1}, r"momentum: expected a number in \[0, 1\)"),
        ({"batch_size": 0}, "batch_size: expected an integer from 1"),
        ({"batch_size": True}, "batch_size: expected an integer"),
        ({"batch_size": 20.0}, "batch_size: expected an integer"),
        ({"dropout_at_prediction": 1}, "dropout_at_prediction"),
        ({"optimiser": "adam", "momentum": 0.9}, "momentum: Adam"),
        (
            {"architecture": "resnet", "activation": "swish"},
            "activation: ResNet is torchvision's resnet18",
        ),
    ],
)
def test_a_recipe_rejects_what_it_cannot_mean(change, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**{"architecture": "net", **change})


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, True, "0"])
def test_a_run_rejects_a_seed_that_is_none(seed):
    with pytest.raises(ValueError, match="seed: expected"):
        RunSpec(recipe=REPORT_RECIPES["net-relu"], seed=seed)


@pytest.mark.parametrize("epochs", [0, -1, 1.5, True, 100_001])
def test_epochs_are_counted_from_one(epochs):
    with pytest.raises(ValueError, match="epochs: expected an integer"):
        check_epochs(epochs)


def test_numbers_that_are_equal_name_one_run():
    as_integer = RunSpec(recipe=Recipe(architecture="net", learning_rate=1), seed=0)
    as_float = RunSpec(recipe=Recipe(architecture="net", learning_rate=1.0), seed=0)
    assert as_integer.digest == as_float.digest


def test_the_test_set_is_read_at_the_tables_rows_and_some_later_epochs():
    assert Recipe(architecture="net").reading_epochs == (10, 30, 60, 100, 150, 200, 250, 300)
    assert Recipe(architecture="net", readings=(2,)).reading_epochs == (2,)


def test_the_name_of_a_run_is_pinned():
    """A changed name orphans every record in every store: change it knowingly or not at all."""
    spec = RunSpec(recipe=REPORT_RECIPES["net-relu"], seed=0)
    assert spec.name == "net-relu-seed0-193bf8325dcb"
    earlier = dataclasses.replace(spec, engine="portable")
    assert earlier.name == "net-relu-seed0-b4cfc4b736cf", "as version 0.1 named it"
    assert earlier.is_earlier
    assert not spec.is_earlier


def test_the_kernels_compute_the_reports_networks_on_a_cpu_or_a_gpu():
    spec = RunSpec(recipe=REPORT_RECIPES["net-relu"], seed=0)
    other = Recipe(architecture="torchvision:vgg11")
    with pytest.raises(ValueError, match="torchvision:vgg11 needs the torch engine"):
        dataclasses.replace(spec, recipe=other)
    with pytest.raises(ValueError, match="the same everywhere; expected cpu, got cuda"):
        dataclasses.replace(spec, device="cuda")
    assert [engine_for(spec.recipe, device) for device in ("cpu", "cuda", "mps")] == [
        "kernels", "kernels", "torch",
    ]  # fmt: skip
    assert {engine_for(other, device) for device in ("cpu", "cuda", "mps")} == {"torch"}


def test_streams_differ_by_purpose_seed_and_epoch_and_are_pinned():
    assert stream_seed(0, "init") == 2426500718091468252
    values = {
        stream_seed(seed, purpose, epoch)
        for seed in range(20)
        for purpose in ("split", "init", "shuffle", "dropout", "prediction")
        for epoch in range(20)
    }
    assert len(values) == 20 * 5 * 20
    assert all(0 <= value < 2**63 for value in values)


def test_spec_needs_the_standard_library_only():
    code = "import repro.spec, sys; assert not {'numpy', 'torch', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
