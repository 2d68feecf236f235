from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from repro.data.layout import decode, encode
from repro.spec import MAX_SEED
from repro.streams import split


@given(st.integers(1, 60_000), st.integers(0, MAX_SEED))
def test_a_split_is_disjoint_exhaustive_and_a_fifth(count, seed):
    train, validation = split(count, seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(count))
    assert abs(len(validation) - count / 5) <= 0.5


@given(st.integers(50, 2000), st.integers(0, MAX_SEED - 1))
def test_a_split_depends_on_the_seed_alone(count, seed):
    np.testing.assert_array_equal(split(count, seed)[0], split(count, seed)[0])
    assert not np.array_equal(split(count, seed)[1], split(count, seed + 1)[1])


@given(st.integers(1, 4).flatmap(lambda n: st.tuples(
    hnp.arrays(np.uint8, (n, 3, 32, 32)), hnp.arrays(np.uint8, n, elements=st.integers(0, 9))
)))  # fmt: skip
def test_the_binary_layout_round_trips(pair):
    images, labels = pair
    again_images, again_labels = decode(encode(images, labels))
    np.testing.assert_array_equal(again_images, images)
    np.testing.assert_array_equal(again_labels, labels)
