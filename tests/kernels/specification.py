"""The networks as `c/specification.c` computes them, for the tests to compare with."""

from __future__ import annotations

import ctypes

import numpy as np

from repro.kernels import binding


class _Plain(ctypes.Structure):
    """`Plain` of `c/specification.c`."""

    _fields_ = [
        *((name, ctypes.c_int) for name in ("height", "width", "channels")),
        *((name, ctypes.c_void_p) for name in ("value", "gradient", "before", "from_", "kept")),
        ("mean", ctypes.c_float * 512),
        ("deviation", ctypes.c_float * 512),
    ]


class Specification:
    """Trains a copy of `network` (a :class:`binding.Network`), step by step."""

    def __init__(self, library: ctypes.CDLL, network: binding.Network) -> None:
        self._step = library.specification_step
        self._step.restype = ctypes.c_float
        self._network, self._batch = network, network.capacity
        self.flat = network.flat()
        self.moments = [np.zeros_like(self.flat) for _ in range(2)]
        self.steps = 0
        shapes = list(network.table.maps.values())
        self._maps = (_Plain * len(shapes))()
        self._arrays = []
        for plain, (height, width, channels) in zip(self._maps, shapes, strict=True):
            size = self._batch * height * width * channels
            plain.height, plain.width, plain.channels = height, width, channels
            for name, dtype in (
                ("value", np.float32), ("gradient", np.float32), ("before", np.float32),
                ("from_", np.int8), ("kept", np.uint8),
            ):  # fmt: skip
                array = np.zeros(size, dtype)
                self._arrays.append(array)  # it is C's, and lives as long as this object
                setattr(plain, name, array.ctypes.data)

    def train(self, images, labels, order, *, seed=0, epoch=1, dropout=True):
        """As :meth:`binding.Network.train`."""
        batch, losses = self._network.batch, []
        for first in range(0, len(order), batch):
            chosen = order[first : first + batch]
            self.steps += 1
            losses.append(
                self._call(images[chosen], labels[chosen], seed, epoch, first, dropout, self.steps)
            )
        return np.array(losses, np.float32)

    def predict(self, images, *, seed=0, epoch=0, dropout=False):
        """As :meth:`binding.Network.predict`, for at most `capacity` images."""
        self._call(images, None, seed, epoch, 0, dropout, 1)
        classes = self._network.table.layers[-1].shape[2]
        logits = (ctypes.c_float * (len(images) * classes)).from_address(self._maps[-1].value)
        return np.array(logits, np.float32).reshape(len(images), classes)

    def _call(self, images, labels, seed, epoch, first, dropout, steps):
        images = np.ascontiguousarray(images)
        labels = None if labels is None else np.ascontiguousarray(labels, np.uint8)
        return self._step(
            ctypes.byref(self._network._config), self._maps,
            *(ctypes.c_void_p(each.ctypes.data) for each in (self.flat, *self.moments, images)),
            ctypes.c_void_p(None if labels is None else labels.ctypes.data),
            ctypes.c_int32(len(images)), ctypes.c_int64(steps), ctypes.c_uint64(seed),
            ctypes.c_uint32(epoch), ctypes.c_int64(first), ctypes.c_int32(dropout),
        )  # fmt: skip
