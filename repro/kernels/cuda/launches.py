"""What a kernel is launched with, and in what a run may differ from its neighbours."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from repro.kernels.networks import MOST_LAYERS


class Replica(ctypes.Structure):
    """`Replica` of `numbers.cu`."""

    _fields_ = [
        ("seed", ctypes.c_uint64),
        ("pictures", ctypes.c_void_p),
        ("learning_rate", ctypes.c_float),
        ("momentum", ctypes.c_float),
        ("mean", ctypes.c_float * 3),
        ("deviation", ctypes.c_float * 3),
        ("scaled", ctypes.c_int32),
        ("activations", ctypes.c_int8 * MOST_LAYERS),
    ]


_FIELDS = """
    long stride
    pointer replicas clock pictures labels order corrections losses logits flat
    long flat_count flat_start
    int count batch images runs steps training dropout by_batch purpose dropout_layer
    int layer in_layer adds add_adds optimiser plane outwards step epoch
    float scale in_scale
    unsigned least
    pointer in_ in_gradient in_before out out_gradient before add add_gradient
    pointer from_ open counts kept in_kept weights turned bias
    long moment
    pointer norm
"""


_TYPES: Mapping[str, Any] = {
    "long": ctypes.c_int64, "unsigned": ctypes.c_uint64, "pointer": ctypes.c_void_p,
    "int": ctypes.c_int32, "float": ctypes.c_float,
}  # fmt: skip


class Args(ctypes.Structure):
    """`Args` of `numbers.cu`."""

    _fields_ = [
        (name, _TYPES[line.split()[0]])
        for line in _FIELDS.split("\n")
        if line.strip()
        for name in line.split()[1:]
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    """How much one thread computes: no bit depends on it, the speed does."""

    images: int = 2
    """Of a convolution without maximum, forward and backward."""
    rows: int = 4
    """Of a linear layer: images."""
    windows: int = 1
    """Of a pooled convolution: images."""
    outputs: int = 2
    """Of a dense layer's weights: groups of four output channels."""
    inputs: int = 8
    """Of a pooled convolution's input gradient: channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One call of an entry, by so many threads a run."""

    entry: str
    threads: int
    args: Mapping[str, float | str]
    """Fields of :class:`Args`; a text is the name of a piece of memory."""
