"""Writes a batch as Python 2 pickled CIFAR-10: protocol 2, byte strings, NumPy 1."""

from __future__ import annotations

import struct


def _string(data: bytes) -> bytes:
    return (
        b"U" + bytes([len(data)]) + data
        if len(data) < 256
        else b"T" + struct.pack("<i", len(data)) + data
    )


def _integer(value: int) -> bytes:
    return b"K" + bytes([value]) if 0 <= value < 256 else b"J" + struct.pack("<i", value)


def python2_batch(images, labels, *, label_key: bytes = b"labels") -> bytes:
    """`images` uint8 (N, 3072), `labels` a list of integers."""
    dtype = (
        b"cnumpy\ndtype\n" + _string(b"u1") + _integer(0) + _integer(1) + b"\x87R"
        + b"(" + _integer(3) + _string(b"|") + b"NNN"
        + b"J\xff\xff\xff\xff" * 2 + _integer(0) + b"tb"
    )  # fmt: skip
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n" + b"cnumpy\nndarray\n" + _integer(0) + b"\x85"
        + _string(b"b") + b"\x87R"
        + b"(" + _integer(1) + _integer(len(images)) + _integer(images.shape[1]) + b"\x86"
        + dtype + b"\x89" + _string(images.tobytes()) + b"tb"
    )  # fmt: skip
    items = (
        _string(b"batch_label") + _string(b"training batch 1 of 5")
        + _string(label_key) + b"](" + b"".join(_integer(x) for x in labels) + b"e"
        + _string(b"data") + array
        + _string(b"filenames") + b"](" + b"".join(_string(b"a.png") for _ in labels) + b"e"
    )  # fmt: skip
    return b"\x80\x02}(" + items + b"u."
