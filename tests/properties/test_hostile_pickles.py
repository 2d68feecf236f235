from __future__ import annotations

import copy
import io
import os
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.data import pickles
from repro.data.pickles import PickledArray, _Dtype, load_pickle
from repro.errors import ReproError
from tests.hostile import guarded, mutated, outcome, watching
from tests.python2_pickle import python2_batch

# Of a text of protocol 0; Python shows such warnings to nobody but pytest.
pytestmark = pytest.mark.filterwarnings("ignore:invalid escape sequence")

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 3072), dtype=np.uint8)
HONEST = {
    "python2": python2_batch(IMAGES, [3, 9]),
    **{
        f"protocol {n}": pickle.dumps({b"labels": [3, 9], b"data": IMAGES}, protocol=n)
        for n in range(5)
    },
}


class Payload:
    def __reduce__(self):
        return os.system, ("true",)


@pytest.mark.parametrize("kind", list(HONEST))
def test_every_protocol_of_an_honest_batch_is_read(kind):
    batch = load_pickle(HONEST[kind], "b")
    assert batch[b"labels"] == [3, 9]
    np.testing.assert_array_equal(batch[b"data"].rows_of_bytes(3072, "b"), IMAGES)


def test_the_watch_sees_what_a_pickle_does():
    with watching() as deeds:
        pickle.loads(pickle.dumps(Payload()))
    assert "os.system" in deeds


def text(value: bytes) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value


names = st.sampled_from([
    b"os\nsystem", b"posix\nsystem", b"builtins\neval", b"builtins\nexec", b"builtins\n__import__",
    b"builtins\ngetattr", b"subprocess\nPopen", b"numpy\ndtype", b"numpy\nndarray",
    b"numpy.core.multiarray\n_reconstruct", b"numpy._core.multiarray\n_reconstruct",
    b"_codecs\nencode", b"_codecs\nlookup", b"repro.data.pickles\nload_pickle", b"numpy\nload",
    b"collections\nOrderedDict", b"copyreg\n_reconstructor", b"\n", b"a b\nc d", b"\xff\n\xfe",
])  # fmt: skip
lengths = st.sampled_from([0, 1, 2, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1])
pieces = st.one_of(
    st.sampled_from(
        [bytes([code]) for code in b"(.01234]}lsduaetbRNQ)\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x81\x97\x98"]
    ),
    names.map(lambda name: b"c" + name + b"\n"),
    names.map(lambda name: b"i" + name + b"\n"),
    names.map(lambda name: b"".join(map(text, name.split(b"\n"))) + b"\x93"),
    st.sampled_from([b"true", b"labels", b"data", b"latin1", b"u1", b"__defaults__"]).map(text),
    st.binary(max_size=8).map(lambda data: b"U" + bytes([len(data)]) + data),
    st.binary(max_size=8).map(lambda data: b"C" + bytes([len(data)]) + data),
    st.integers(0, 255).map(lambda n: b"K" + bytes([n])),
    st.integers(0, 3).map(lambda n: b"h" + bytes([n])),
    st.integers(0, 3).map(lambda n: b"q" + bytes([n])),
    st.builds(lambda code, n: code + struct.pack("<I", n), st.sampled_from([b"r", b"j", b"T", b"X", b"B", b"\x8b", b"J"]), lengths),
    st.builds(lambda code, n: code + struct.pack("<Q", n), st.sampled_from([b"\x8d", b"\x8e", b"\x95", b"\x96"]), lengths | st.just(2**63)),
    st.sampled_from([b"I" + b"9" * 5000 + b"\n", b"L" + b"9" * 5000 + b"L\n", b"Fnan\n", b"p99999999999\n", b"g7\n", b"Pid\n", b"S'a\\x", b"V\\ud800\n", b"\x82\x01"]),
    st.sampled_from([pickle.dumps(Payload(), protocol=n)[:-1] for n in range(3)]),
)  # fmt: skip
programs = st.builds(
    lambda head, body, end: head + b"".join(body) + end,
    st.sampled_from([b"", b"\x80\x02", b"\x80\x04", b"\x80\xff", b"\x80\x02}", b"\x80\x02}("]),
    st.lists(pieces, max_size=12),
    st.sampled_from([b".", b"", b"u."]),
)


def assert_nothing_runs(data: bytes) -> None:
    before = copy.copy(vars(pickles))
    with watching() as deeds:
        given_back = outcome(lambda: load_pickle(data, "b"))
    assert deeds == []
    assert vars(pickles) == before
    assert isinstance(given_back, (dict, ReproError))


@given(programs)
def test_whatever_a_pickle_consists_of_nothing_runs(data):
    assert_nothing_runs(data)


@given(st.sampled_from(sorted(HONEST)).flatmap(lambda kind: mutated(HONEST[kind], near=[0, len(HONEST[kind]) - 100])))  # fmt: skip
def test_a_damaged_batch_runs_nothing(data):
    assert_nothing_runs(data)


@given(st.sampled_from(sorted(HONEST)), st.binary(min_size=1, max_size=60), st.integers(0, 120))
def test_a_call_that_is_put_into_an_honest_batch_is_found(kind, junk, at):
    """The payload stands whole in the stream, wherever that may be."""
    honest = HONEST[kind]
    for data in (
        honest[:at] + pickle.dumps(Payload(), protocol=2)[2:-1] + honest[at:],
        honest[:-1] + pickle.dumps(Payload(), protocol=2)[2:-1] + b"0.",
        honest[:at] + junk + honest[at:],
    ):
        assert_nothing_runs(data)


def nested(levels: int) -> bytes:
    """Lists of ten references to the list before: 10 to the power of `levels` entries."""
    out = b"\x80\x02]q\x00"
    for n in range(1, levels):
        out += b"](" + (b"h" + bytes([n - 1])) * 10 + b"eq" + bytes([n])
    return out


def memo(index: int) -> bytes:
    return b"\x80\x02}r" + struct.pack("<I", index)


BOMBS = {
    "a memo of gigabytes": memo(2**29) + b".",
    "a memo of four thousand million": memo(2**32 - 1) + b".",
    "lists of lists of lists": nested(60) + b".",
    "a tuple nested a million times as a key": b"\x80\x02}N" + b"\x85" * 1_000_000 + b"Ns.",
    "a tuple as a key that takes a century to hash": b"\x80\x02}N" + b"2\x86" * 60 + b"Ns.",
    "the same without DUP": b"\x80\x02}N" + b"q\x00h\x00\x86" * 60 + b"Ns.",
    "a pair nested as dtype": b"\x80\x02}cnumpy\ndtype\nN" + b"q\x00h\x00\x86" * 60 + b"\x85Rb.",
    "sixty million empty sets": b"\x80\x04" + b"\x8f" * 60_000_000 + b".",
    "sixty million empty lists": b"\x80\x02" + b"]" * 60_000_000 + b".",
    "sixty million marks": b"\x80\x02" + b"(" * 60_000_000 + b".",
    "a text that is encoded ten thousand times": (
        b"\x80\x02X" + struct.pack("<I", 1_000_000) + b"a" * 1_000_000 + b"q\x00"
        + b"c_codecs\nencode\nh\x00" + text(b"latin1") + b"\x86R" * 1
        + (b"c_codecs\nencode\nh\x00" + text(b"latin1") + b"\x86R") * 10_000 + b"."
    ),
    "a frame of an exabyte": b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"N.",
    "bytes of an exabyte": b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b".",
    "an integer of fifty million digits": b"I" + b"9" * 50_000_000 + b"\n.",
    "an integer of sixty megabytes": (
        b"\x80\x02\x8b" + struct.pack("<i", 60_000_000) + b"\x7f" * 60_000_000 + b"."
    ),
    "a name of a megabyte": b"c" + b"a" * 1_000_000 + b"\nb\n.",
    "a name of two lines": b"\x80\x04" + text(b"a\nb") + text(b"c\rd") + b"\x93.",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", list(BOMBS))
def test_a_pickle_that_unfolds_stays_within_memory_and_time(name):
    guarded(lambda: load_pickle(BOMBS[name], "b"))


@pytest.mark.parametrize(
    "name", [b"_codecs\nencode", b"numpy.core.multiarray\n_reconstruct", b"numpy\nndarray"]
)
def test_a_pickle_cannot_set_anything_on_what_it_names(name):
    """An unpickler sets every attribute that the second part of such a state has."""
    state = b"N}" + text(b"__defaults__") + b"K\x01s\x86b"
    assert_nothing_runs(b"\x80\x02c" + name + b"\n" + state + b".")


def mostly(honest, *others):
    return st.just(honest) | st.sampled_from(others)


@given(
    mostly((2, 3072), (-1, 3072), (1, 3072), (3, 3072), (0, 3072), (2**63, 3072), (10**4000, 3072),
           (1, 6144), (2, 0), (2, -1), (2,), (2, 3072, 1), (), None, "23", (2, "3072"), (2.0, 3072)),
    mostly("u1", b"u1", "f8", "O", None, ("u1",), 2**70, "i1"),
    mostly(False, 0, True, None, 1, "F"),
    mostly(IMAGES.tobytes(), b"", "text", None, [1], 7, "a" * 6144, [0] * 6144),
)  # fmt: skip
def test_only_an_array_of_the_honest_form_is_one(shape, dtype, order, raw):
    array = PickledArray()
    array.state = (1, shape, _Dtype(dtype), order, raw)
    rows = outcome(lambda: array.rows_of_bytes(3072, "b"))
    is_honest = (
        isinstance(raw, bytes) and shape == (len(raw) // 3072, 3072) and type(shape[0]) is int
        and dtype in ("u1", b"u1") and order in (False, 0) and order is not None
    )  # fmt: skip
    assert isinstance(rows, ReproError) == (not is_honest)
    if is_honest:
        assert rows.tobytes() == raw


def test_the_bombs_are_bombs_where_nothing_restrains_them():
    """One of them, small enough to be seen: the unpickler makes what it is told to make."""
    unpickler = pickle.Unpickler(io.BytesIO(memo(2**20) + b"."))
    assert unpickler.load() == {}
    assert unpickler.memo
