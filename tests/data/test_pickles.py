from __future__ import annotations

import pickle

import pytest

from repro.data import layout
from repro.data.pickles import load_pickle
from repro.errors import DataError

ENCODE = b"c_codecs\nencode\n"


def encoded(text: bytes, times: int) -> bytes:
    """A pair of a text and a list of `times` byte strings that calls make of it, in protocol 2."""
    latin1 = b"X\x06\x00\x00\x00latin1"
    first = b"X" + len(text).to_bytes(4, "little") + text + b"q\x01"
    call = ENCODE + b"h\x01" + latin1 + b"\x86R"
    return b"\x80\x02" + first + b"}X\x01\x00\x00\x00a](" + call * times + b"es" + b"\x86."


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pickle.dumps({b"a": 1.5}, 2), "the operation BINFLOAT has no place in CIFAR-10"),
        (pickle.dumps({1: 2}, 2), "expected text as a key; got int"),
        (pickle.dumps({(1,): 2}, 2), "expected text as a key; got tuple"),
        (b"\x80\x02]}b.", "a state for something other than an array or its dtype"),
        (b"\x80\x02\x85.", "something is taken from an empty stack"),
        (b"\x80\x02}(K\x01u.", "zip"),
        (b"\x80\x02K\x01K\x02R.", "a call that has no place in CIFAR-10"),
        (b"\x80\x02cnumpy\nload\n.", "numpy.load has no place in CIFAR-10"),
        (b"\x80\x02c_codecs\nencode x\n.", "_codecs.encode x has no place in CIFAR-10"),
        (b"\x80\x02h\x05.", "KeyError"),
    ],
)
def test_what_honest_batches_never_say_is_named(data, message):
    with pytest.raises(DataError, match=f"b: not a pickle of CIFAR-10: .*{message}"):
        load_pickle(data, "b")


def test_operations_are_counted(monkeypatch):
    monkeypatch.setattr(layout, "IMAGES_PER_FILE", 10)
    assert load_pickle(pickle.dumps({b"a": [None] * 1100}, 2), "b") == {b"a": [None] * 1100}
    with pytest.raises(DataError, match="expected at most 1,200 operations"):
        load_pickle(pickle.dumps({b"a": [None] * 1200}, 2), "b")


def test_one_text_is_not_made_into_many_times_its_size():
    honest = encoded(b"x" * 1000, 1)
    with pytest.raises(DataError, match="expected a pickled dictionary; got tuple"):
        load_pickle(honest, "b")
    with pytest.raises(DataError, match="a call that has no place in CIFAR-10"):
        load_pickle(encoded(b"x" * 1000, 10), "b")
