from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from repro.data.labels import accuracy, read_labels, write_labels

classes = st.lists(st.integers(0, 9), min_size=1, max_size=200)
pairs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=200)


@given(pairs, st.randoms())
def test_accuracy_does_not_depend_on_the_order(rows, random):
    shuffled = random.sample(rows, len(rows))
    assert accuracy(*zip(*rows, strict=True)) == accuracy(*zip(*shuffled, strict=True))


@given(pairs)
def test_accuracy_is_a_share_and_symmetric(rows):
    one, other = zip(*rows, strict=True)
    assert 0 <= accuracy(one, other) == accuracy(other, one) <= 1
    assert accuracy(one, one) == 1


@given(classes)
def test_labels_round_trip_through_csv(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("csv") / "s.csv"
    write_labels(path, values)
    np.testing.assert_array_equal(read_labels(path), values)


@given(classes, st.randoms())
def test_the_order_of_lines_has_no_part_in_what_is_read(tmp_path_factory, values, random):
    path = tmp_path_factory.mktemp("csv") / "s.csv"
    write_labels(path, values)
    header, *lines = path.read_text().splitlines()
    path.write_text("\n".join([header, *random.sample(lines, len(lines))]) + "\n")
    np.testing.assert_array_equal(read_labels(path), values)


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_raise_anything_but_its_own_error(tmp_path_factory, data):
    from repro.errors import DataError

    path = tmp_path_factory.mktemp("csv") / "s.csv"
    for text in (data, b"Image,Category\n" + data):
        path.write_bytes(text)
        try:
            read_labels(path)
        except DataError as error:
            assert "\n" not in str(error)
