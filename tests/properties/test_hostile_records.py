from __future__ import annotations

import dataclasses
import hashlib
import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.errors import DataError, ReproError
from repro.runs.records import dump, parse
from repro.runs.store import Store
from tests.examples import record
from tests.hostile import guarded, mutated, outcome

PREDICTIONS = {"2": np.arange(100, dtype=np.uint8) % 10}
EXAMPLE = record(accuracies={2: 0.5})
DIGEST = hashlib.sha256(PREDICTIONS["2"].tobytes()).hexdigest()
ONE = dataclasses.replace(
    EXAMPLE, readings=(dataclasses.replace(EXAMPLE.readings[0], predictions_sha256=DIGEST),)
)
HONEST = dump(ONE)


def assert_read_as_it_says_or_refused(data: bytes) -> None:
    read = outcome(lambda: parse(data, "r"))
    if isinstance(read, ReproError):
        assert isinstance(read, DataError)
        return
    assert parse(dump(read), "r") == read
    assert json.loads(dump(read)) == json.loads(data)


@given(mutated(HONEST))
def test_a_damaged_record_is_read_as_it_says_or_refused(data):
    assert_read_as_it_says_or_refused(data)


tokens = st.sampled_from([
    "NaN", "-NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "-0.0", "0", "1", "1.0",
    "true", "null", '""', '"\\u0000"', '"\\ud800"', '"a\\nb"', "[]", "{}", "9" * 10_000,
    "-" + "9" * 10_000, "9223372036854775807", "9223372036854775808", "18446744073709551616",
    "1" + "0" * 400, "0x10", "01", "1_000", "[" * 200 + "]" * 200, '{"a":' * 200 + "1" + "}" * 200,
    '"' + "a" * 100_000 + '"', '"relu"', '"' + "0" * 64 + '"', "1 2", "1,", '1, "x": 2', "0.5", "",
])  # fmt: skip


def spans() -> list[tuple[int, int]]:
    """Where in the honest JSON each value stands that has no others inside."""
    text, decoder = HONEST.decode(), json.JSONDecoder()
    starts = [at + 2 for at in range(len(text)) if text[at : at + 2] == ": "]
    return [(at, decoder.raw_decode(text, at)[1]) for at in starts if text[at] not in "[{"]


SPANS = spans()


@given(st.lists(st.tuples(st.sampled_from(SPANS), tokens), min_size=1, max_size=3))
def test_a_record_with_strange_values_is_read_as_it_says_or_refused(changes):
    text = HONEST.decode()
    for (start, end), token in sorted(dict(changes).items(), reverse=True):
        text = text[:start] + token + text[end:]
    assert_read_as_it_says_or_refused(text.encode())


@given(
    st.sampled_from(SPANS), st.text(max_size=10) | st.just("k" * 100_000), tokens,
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)  # fmt: skip
def test_a_record_with_an_extra_field_or_in_another_encoding_is_refused(span, key, token, encoding):
    text = HONEST.decode()
    start = text.rindex('"', 0, span[0] - 2)
    start = text.rindex('"', 0, start)
    text = f"{text[:start]}{json.dumps(key)}: {token}, {text[start:]}"
    data = text.encode(encoding)
    read = outcome(lambda: parse(data, "r"))
    assert isinstance(read, DataError) or key in HONEST.decode()


RECORDS = {
    "ten million brackets": b"[" * 10_000_000,
    "ten million objects": b'{"a":' * 10_000_000,
    "fifty megabytes of digits": b'{"schema_version": ' + b"9" * 50_000_000 + b"}",
    "a key of fifty megabytes": b'{"' + b"a" * 50_000_000 + b'": 1}',
    "a hundred thousand epochs out of order": json.dumps(
        {**json.loads(HONEST), "epochs": json.loads(HONEST)["epochs"][1:] * 100_000}
    ).encode(),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(RECORDS))
def test_a_record_that_unfolds_stays_within_memory_and_time(name):
    assert "not a run record" in guarded(lambda: parse(RECORDS[name], "r"))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    store.save(ONE, PREDICTIONS)
    return store


@pytest.fixture(scope="module")
def predictions(store):
    return store.folder(ONE.spec) / "predictions.safetensors"


@pytest.fixture(scope="module")
def honest_predictions(predictions):
    return predictions.read_bytes()


def assert_honest_or_refused(store) -> None:
    given_back = outcome(lambda: store.predictions(ONE))
    if not isinstance(given_back, ReproError):
        assert given_back.keys() == PREDICTIONS.keys()
        np.testing.assert_array_equal(given_back["2"], PREDICTIONS["2"], strict=True)


@given(st.data())
def test_damaged_predictions_are_the_records_or_refused(
    store, predictions, honest_predictions, data
):
    predictions.write_bytes(data.draw(mutated(honest_predictions)))
    assert_honest_or_refused(store)


numbers = st.sampled_from([0, 1, 50, 99, 100, 101, 200, -1, 2**31, 2**63, 2**64, 10**30])
tensors = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["U8", "I8", "BF16", "F8_E5M2", "BOOL", "U16", "I64", "F16", "F64", "XX", "", "u8", 7, None, "a" * 5000]),
        "shape": st.lists(numbers | st.just("1"), max_size=3) | st.none() | st.just([100]),
        "data_offsets": st.lists(numbers, max_size=3) | st.just([0, 100]),
    },
    optional={"extra": numbers},
)  # fmt: skip
tables = st.dictionaries(
    st.sampled_from(["2", "10", "", "__metadata__", "2\n", "a" * 5000]),
    tensors | numbers,
    max_size=3,
)
lengths = st.sampled_from([None, 0, 1, 100, 2**31, 2**40, 2**63, 2**64 - 1])


@given(tables, lengths, st.sampled_from([PREDICTIONS["2"].tobytes(), b"", bytes(100), bytes(300)]))
def test_predictions_of_a_strange_form_are_the_records_or_refused(
    store, predictions, table, length, data
):
    header = json.dumps(table).encode()
    length = len(header) if length is None else length
    predictions.write_bytes(struct.pack("<Q", length) + header + data)
    assert_honest_or_refused(store)


markers = st.one_of(
    st.binary(max_size=30),
    tokens.map(lambda token: f'{{"version": {token[:1000]}}}'.encode()),
    mutated(b'{"version": 1}\n'),
)


@given(markers, st.sampled_from(["", "utf-16"]))
def test_a_strange_marker_opens_a_store_or_is_refused(tmp_path_factory, data, encoding):
    root = tmp_path_factory.getbasetemp() / "marked"
    root.mkdir(exist_ok=True)
    (root / "store.json").write_bytes(data.decode("latin-1").encode(encoding) if encoding else data)
    opened = outcome(lambda: Store(root))
    if isinstance(opened, Store) and data:
        assert json.loads((root / "store.json").read_bytes())["version"] <= 1
