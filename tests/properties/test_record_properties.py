from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from repro.errors import DataError
from repro.runs.environments import Environment
from repro.runs.records import EpochRecord, Reading, RunRecord, Switched, dump, parse
from tests.examples import record, sha
from tests.properties.test_spec_properties import specs

text = st.text(max_size=20)
shares = st.floats(0, 1)
losses = st.floats(0, 1e6)
machines = dict.fromkeys(("repro", "python", "numpy", "platform", "processor"), text)
of_torch = st.builds(
    Environment, torch=text, torchvision=text, accelerator=st.none() | text, **machines
)
of_kernels = st.builds(Environment, kernels=text, **machines)


@st.composite
def records(draw):
    count = draw(st.integers(0, 4))
    epochs = tuple(
        EpochRecord(
            epoch=n, train_loss=draw(losses), last_batch_loss=draw(losses),
            validation_loss=draw(losses),
            validation_accuracy=draw(shares), weights_sha256=sha(n), duration_s=draw(losses),
        )
        for n in range(1, count + 1)
    )  # fmt: skip
    read = sorted(draw(st.sets(st.integers(1, count)))) if count else []
    spec = draw(specs)
    readings = tuple(
        Reading(
            epoch=n, accuracy=draw(shares), predictions_sha256=sha(n),
            switched=(
                Switched(accuracy=draw(shares), predictions_sha256=sha((n, "switched")))
                if spec.recipe.has_dropout else None
            ),
        )
        for n in read
    )  # fmt: skip
    environment = draw(of_kernels if spec.engine == "kernels" else of_torch)
    return RunRecord(spec=spec, environment=environment, epochs=epochs, readings=readings)


@given(records())
def test_any_record_survives_its_json(one):
    assert parse(dump(one), "x") == one


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.data(), json_values)
def test_a_record_changed_anywhere_is_another_record_or_none(data, value):
    """One value anywhere in the JSON replaced: refused, or read as a record that says so."""
    fields = json.loads(dump(record(accuracies={2: 0.5})))
    at, path = fields, []
    while isinstance(at, (dict, list)) and at and (not path or data.draw(st.booleans())):
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        parent, at = at, at[key]
        path.append(key)
    parent[key] = value
    try:
        read = parse(json.dumps(fields).encode(), "x")
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert json.loads(dump(read)) == fields


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parser_raise_anything_but_its_own_error(data):
    try:
        parse(data, "x")
    except DataError:
        pass
    else:
        raise AssertionError
