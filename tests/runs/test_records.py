from __future__ import annotations

import dataclasses
import json

import pytest

from repro.errors import DataError
from repro.runs.environments import same_arithmetic
from repro.runs.records import dump, is_complete, parse
from tests.examples import ENVIRONMENT, TORCH_ENVIRONMENT, record


def changed(**top):
    return json.dumps({**record().to_dict(), **top}).encode()


def test_a_record_says_first_what_it_is():
    fields = json.loads(dump(record()))
    assert list(fields)[:3] == ["schema_version", "run", "digest"]
    assert fields["run"] == record().spec.name
    assert fields["spec"]["recipe"]["learning_rate"] == 0.01


def test_a_record_survives_its_json():
    one = record(accuracies={10: 0.5, 30: 1.0})
    assert parse(dump(one), "x") == one


def test_accuracy_is_read_by_epoch_and_seconds_add_up():
    one = record(accuracies={10: 0.5, 30: 0.625})
    assert (one.accuracy_at(30), one.accuracy_at(20)) == (0.625, None)
    assert one.duration_s == 30 * 3.5


def test_the_best_epoch_is_the_first_of_those_with_the_highest_validation_accuracy():
    one = record(accuracies={10: 0.5})
    better = [
        dataclasses.replace(each, validation_accuracy=0.6) if each.epoch in {4, 7} else each
        for each in one.epochs
    ]
    assert dataclasses.replace(one, epochs=tuple(better)).best == better[3]
    assert dataclasses.replace(one, epochs=(), readings=()).best is None


def test_a_run_is_complete_with_every_reading_up_to_its_end():
    to_the_tables_end = record("improved", accuracies={10: 0.6, 30: 0.7, 60: 0.7, 100: 0.7})
    assert is_complete(to_the_tables_end, 100)
    unread = record("improved", accuracies={10: 0.6, 30: 0.7, 60: 0.7, 100: 0.7}, epochs=150)
    assert is_complete(unread, 149)
    assert not is_complete(unread, 150)


@pytest.mark.parametrize("drop", ["epochs", "readings"])
def test_a_history_with_a_hole_is_refused(drop):
    one = record(accuracies={10: 0.5, 30: 0.6})
    with pytest.raises(ValueError, match="epochs: expected epoch 10 in its place; got 11"):
        dataclasses.replace(one, epochs=one.epochs[:9] + one.epochs[10:])
    with pytest.raises(ValueError, match="readings: expected rising epochs up to 30; got"):
        dataclasses.replace(one, readings=one.readings[::-1])
    with pytest.raises(ValueError, match="readings: expected rising epochs up to 9"):
        dataclasses.replace(one, epochs=one.epochs[:9])


def nested(path, value, engine="kernels"):
    fields = record(accuracies={10: 0.5}, engine=engine).to_dict()
    fields = json.loads(json.dumps(fields))
    at = fields
    for key in path[:-1]:
        at = at[key]
    if value is KeyError:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    "path",
    [
        ("schema_version",), ("run",), ("digest",), ("spec",), ("spec", "seed"), ("spec", "recipe"),
        ("spec", "recipe", "activation"), ("environment", "kernels"), ("environment", "numpy"),
        ("epochs",), ("epochs", 0, "train_loss"), ("epochs", 3, "weights_sha256"),
        ("readings",), ("readings", 0, "accuracy"),
    ],
)  # fmt: skip
def test_every_missing_field_is_refused(path):
    with pytest.raises(DataError, match="r.json.*not a run record"):
        parse(nested(path, KeyError), "r.json")


@pytest.mark.parametrize("name", ["torch", "accelerator"])
def test_every_missing_field_of_the_torch_engine_is_refused(name):
    with pytest.raises(DataError, match="r.json.*not a run record"):
        parse(nested(("environment", name), KeyError, "torch"), "r.json")


@pytest.mark.parametrize("engine", ["kernels", "torch"])
def test_an_environment_is_that_of_the_runs_engine(engine):
    other = TORCH_ENVIRONMENT if engine == "kernels" else ENVIRONMENT
    with pytest.raises(ValueError, match=f"environment: expected one of the {engine} engine"):
        dataclasses.replace(record(engine=engine), environment=other)


@pytest.mark.parametrize(
    "where", [(), ("spec",), ("spec", "recipe"), ("environment",), ("epochs", 0)]
)
def test_every_unknown_field_is_refused(where):
    with pytest.raises(DataError, match="r.json.*not a run record"):
        parse(nested((*where, "colour"), 1), "r.json")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("run",), "net-relu-seed1-000000000000"), (("digest",), "0" * 64), (("spec", "seed"), 1),
        (("spec", "seed"), -1), (("spec", "seed"), 10**30), (("spec", "seed"), 0.5),
        (("spec", "recipe", "learning_rate"), 0.02), (("spec", "recipe", "activation"), "gelu"),
        (("epochs", 0, "epoch"), 2), (("epochs", 0, "train_loss"), -1),
        (("epochs", 0, "train_loss"), "0.5"), (("epochs", 0, "validation_accuracy"), 1.01),
        (("epochs", 0, "weights_sha256"), "xyz"), (("readings", 0, "accuracy"), 57.44),
        (("readings", 0, "epoch"), 11), (("readings",), {}), (("epochs", 0), None),
        (("schema_version",), "1"), (("schema_version",), 0),
    ],
)  # fmt: skip
def test_every_impossible_value_is_refused(path, value):
    with pytest.raises(DataError, match="r.json.*not a run record"):
        parse(nested(path, value), "r.json")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        changed()
        .replace(b'"run": "', b'"run": ' + b"[" * 990 + b'"')
        .replace(b'", "digest', b'"' + b"]" * 990 + b', "digest'),
        changed().replace(b"0.5", b"NaN"),
    ],
)
def test_what_is_not_json_is_refused(data):
    with pytest.raises(DataError, match="r.json: not a run record"):
        parse(data, "r.json")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"seed": 0', b'"seed": 7,\n  "seed": 0'),
        (b"3.5", b"3.50"),
        (b'"seed": 0', b'"seed": -0'),
        (b"{\n", b"{\r\n"),
        (b"}\n", b"}"),
        (b"net-relu", b"net\\u002drelu"),
    ],
)
def test_other_bytes_of_the_same_values_are_refused(old, new):
    """A second `seed` before the first would be read by people and not by programs."""
    data = dump(record())
    assert old in data
    with pytest.raises(DataError, match="the same values, but other bytes than were written"):
        parse(data.replace(old, new), "r.json")


def test_a_seal_of_other_content_is_named():
    data = dump(record()).replace(b"3.5", b"3.4", 1)
    with pytest.raises(DataError, match="changed after it was written: sha256: expected"):
        parse(data, "r.json")


def test_a_record_of_a_newer_version_says_to_update():
    with pytest.raises(
        DataError, match=r"written by a newer version \(schema 4; this one reads up to 3\)"
    ):
        parse(changed(schema_version=4, novelty=True), "r.json")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["train_loss", "last_batch_loss", "validation_loss"])
def test_a_loss_is_a_finite_number(field, value):
    with pytest.raises(ValueError, match="epoch 1: expected finite losses"):
        dataclasses.replace(record().epochs[0], **{field: value})


def test_the_kernels_bits_depend_on_their_arithmetic_alone():
    spec, here = record().spec, ENVIRONMENT
    for change in (
        {"numpy": "3.0"}, {"platform": "Darwin-arm64"}, {"repro": "0.9.0"}, {"python": "3.13.0"},
        {"processor": "Another CPU"}, {"kernels": "1, avx512"},
    ):  # fmt: skip
        assert same_arithmetic(here, dataclasses.replace(here, **change), spec), change
    assert not same_arithmetic(here, dataclasses.replace(here, kernels="2, avx2"), spec)


def test_going_on_with_torch_needs_the_same_arithmetic():
    spec, here = record(engine="torch").spec, TORCH_ENVIRONMENT
    native = dataclasses.replace(spec, engine="native")
    for change in (
        {"torch": "2.15.0"},
        {"numpy": "3.0"},
        {"platform": "Linux-aarch64"},
        {"repro": "0.3.0"},
    ):
        assert not same_arithmetic(here, dataclasses.replace(here, **change), spec)
    patch = dataclasses.replace(here, repro="0.2.9", python="3.13.0")
    assert same_arithmetic(here, patch, spec)
    other = dataclasses.replace(here, processor="Another CPU")
    assert same_arithmetic(here, other, spec), "level L3 does not depend on it"
    assert not same_arithmetic(here, other, native)
    on_gpu = dataclasses.replace(spec, device="cuda")
    assert same_arithmetic(here, other, on_gpu), "the card decides"
    assert not same_arithmetic(here, dataclasses.replace(here, accelerator="A100"), on_gpu)
    arm, graviton = (dataclasses.replace(here, platform="Linux-aarch64", processor=p) for p in "ab")
    assert not same_arithmetic(arm, graviton, spec), "nothing is promised of other processors"
