from __future__ import annotations

import dataclasses
import json

from hypothesis import given
from hypothesis import strategies as st

from repro.spec import MAX_SEED, Recipe, RunSpec

recipes = st.builds(
    Recipe,
    architecture=st.sampled_from(["net", "improved"]),
    activation=st.sampled_from(["relu", "leaky_relu", "swish"]),
    learning_rate=st.floats(1e-6, 10),
    momentum=st.floats(0, 0.99),
    batch_size=st.integers(1, 1000),
    pixels=st.sampled_from(["unit", "symmetric", "imagenet"]),
    dropout_at_prediction=st.booleans(),
)
specs = st.builds(
    RunSpec,
    recipe=recipes,
    seed=st.integers(0, MAX_SEED),
    device=st.sampled_from(["cpu", "cuda", "mps"]),
    profile=st.sampled_from(["portable", "native"]),
    dataset=st.sampled_from(["cifar10", "synthetic"]),
)


@given(specs)
def test_json_round_trip_keeps_spec_and_digest(spec: RunSpec):
    again = RunSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert again.digest == spec.digest


@given(specs, specs)
def test_the_digest_changes_when_any_field_changes(one: RunSpec, other: RunSpec):
    for field in dataclasses.fields(RunSpec):
        changed = dataclasses.replace(one, **{field.name: getattr(other, field.name)})
        assert (changed.digest == one.digest) == (changed == one)
    for field in dataclasses.fields(Recipe):
        value = getattr(other.recipe, field.name)
        recipe = dataclasses.replace(one.recipe, **{field.name: value})
        changed = dataclasses.replace(one, recipe=recipe)
        assert (changed.digest == one.digest) == (changed == one)
