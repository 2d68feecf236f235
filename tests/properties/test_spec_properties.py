from __future__ import annotations

import dataclasses
import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from repro.spec import MAX_SEED, Recipe, RunSpec

fields = {
    "learning_rate": st.floats(1e-6, 10),
    "batch_size": st.integers(1, 1000),
    "pixels": st.sampled_from(["unit", "symmetric", "imagenet"]),
    "dropout_at_prediction": st.booleans(),
}
activations = st.sampled_from(["relu", "leaky_relu", "swish"])
recipes = st.one_of(
    st.builds(
        Recipe, architecture=st.sampled_from(["net", "improved"]), activation=activations,
        momentum=st.floats(0, 0.99), **fields,
    ),
    st.builds(
        Recipe, architecture=st.sampled_from(["net", "improved"]), activation=activations,
        optimiser=st.just("adam"), **fields,
    ),
    st.builds(Recipe, architecture=st.just("resnet"), momentum=st.floats(0, 0.99), **fields),
)  # fmt: skip
filter_runs = st.one_of(
    st.tuples(st.just("cpu"), st.just("kernels")),
    st.tuples(
        st.sampled_from(["cpu", "cuda", "mps"]), st.sampled_from(["torch", "portable", "native"])
    ),
)
specs = st.builds(
    lambda recipe, seed, place, dataset: RunSpec(
        recipe=recipe, seed=seed, device=place[0], engine=place[1], dataset=dataset
    ),
    recipes,
    st.integers(0, MAX_SEED),
    filter_runs,
    st.sampled_from(["cifar10", "synthetic"]),
)


@given(specs)
def test_json_round_trip_keeps_spec_and_digest(spec: RunSpec):
    fields = spec.to_dict()
    assert ("profile" in fields) == spec.is_earlier, "as version 0.1 wrote it"
    fields = {"engine" if name == "profile" else name: each for name, each in fields.items()}
    again = msgspec.json.decode(json.dumps(fields), type=RunSpec)
    assert again == spec
    assert again.digest == spec.digest


@given(specs, specs)
def test_the_digest_changes_when_any_field_changes(one: RunSpec, other: RunSpec):
    for field in dataclasses.fields(RunSpec):
        try:
            changed = dataclasses.replace(one, **{field.name: getattr(other, field.name)})
        except ValueError:
            continue  # the kernels on another device
        assert (changed.digest == one.digest) == (changed == one)
    for field in dataclasses.fields(Recipe):
        value = getattr(other.recipe, field.name)
        try:
            recipe = dataclasses.replace(one.recipe, **{field.name: value})
        except ValueError:
            continue  # a combination that no recipe can have
        changed = dataclasses.replace(one, recipe=recipe)
        assert (changed.digest == one.digest) == (changed == one)
    assert (one.digest == other.digest) == (one == other)
