"""The structures and functions of the C library, as ctypes has them."""

from __future__ import annotations

import ctypes

from repro.kernels.networks import (
    MOST_LAYERS,
)

_MOST_MAPS = 64


class Map(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int32) for name in ("height", "width", "channels")]


class Layer(ctypes.Structure):
    _fields_ = [
        *(
            (name, ctypes.c_int32)
            for name in (
                "kind", "in_", "out", "add", "kernel", "stride", "padding", "activation",
            )
        ),
        ("dropout", ctypes.c_double),
    ]  # fmt: skip


class Config(ctypes.Structure):
    """`Config` of `c/network.h`."""

    _fields_ = [
        ("map_count", ctypes.c_int32),
        ("layer_count", ctypes.c_int32),
        ("maps", Map * _MOST_MAPS),
        ("layers", Layer * MOST_LAYERS),
        ("batch", ctypes.c_int32),
        ("threads", ctypes.c_int32),
        ("optimiser", ctypes.c_int32),
        ("learning_rate", ctypes.c_double),
        ("momentum", ctypes.c_double),
        ("mean", ctypes.c_double * 3),
        ("deviation", ctypes.c_double * 3),
        ("scaled", ctypes.c_int32),
    ]


class CJob(ctypes.Structure):
    """`Job` of `c/kernels.c`."""

    _fields_ = [
        ("images", ctypes.c_void_p),
        ("labels", ctypes.c_void_p),
        ("order", ctypes.c_void_p),
        ("count", ctypes.c_int64),
        ("first", ctypes.c_int64),
        ("seed", ctypes.c_uint64),
        ("epoch", ctypes.c_uint32),
        ("purpose", ctypes.c_uint32),
        ("batch", ctypes.c_int32),
        ("dropout", ctypes.c_int32),
        ("threads", ctypes.c_int32),
        ("by_batch", ctypes.c_int32),
        ("losses", ctypes.c_void_p),
        ("logits", ctypes.c_void_p),
    ]


def declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Tell ctypes the functions of `library`."""
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    for name, result, arguments in (
        ("size", number, [pointer]),
        ("create", pointer, [pointer, pointer]),
        ("flat_count", number, [pointer]),
        ("moments", ctypes.c_int32, [pointer]),
        ("transfer", None, [pointer, pointer, ctypes.c_int32, ctypes.c_int32]),
        ("set_steps", None, [pointer, number]),
        ("train", None, [pointer, pointer, ctypes.c_int32]),
        ("predict", None, [pointer, pointer, ctypes.c_int32]),
        ("judge", None, [pointer, pointer, number, ctypes.c_int32, pointer, pointer]),
        (
            "words",
            None,
            [ctypes.c_uint64, *[ctypes.c_uint32] * 3, ctypes.c_uint64, number, pointer],
        ),
        ("version", ctypes.c_int32, []),
    ):
        function = getattr(library, f"repro_{name}")
        function.restype, function.argtypes = result, arguments
    return library
