"""A network in memory, trained and applied by the C kernels.

Nothing here imports torch. Weights come and go by the names, shapes and layout that torch's
`state_dict` has for the same network.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from repro.kernels.networks import (
    ACTIVATIONS,
    KINDS,
    MOMENTS,
    OPTIMISERS,
    Table,
    state_dict,
    tensors,
)
from repro.kernels.structures import CJob, Config
from repro.spec import PIXEL_STATISTICS, Pixels, Purpose
from repro.streams import PURPOSES

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.int64]


class Network:
    """The network of a table, its weights zeros until :meth:`load`.

    `batch` is the size of a step, `capacity` (at least as much) that of a forward pass without one,
    `threads` the number of threads that compute. `dtype` is float32, or float64 with a library that
    was built for it (-DREPRO_DOUBLE).
    """

    def __init__(
        self,
        library: ctypes.CDLL,
        table: Table,
        *,
        batch: int,
        capacity: int = 0,
        pixels: Pixels = "symmetric",
        optimiser: str = "sgd",
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        threads: int = 1,
        dtype: type[np.floating[Any]] = np.float32,
    ) -> None:
        self._library, self.table, self.batch, self.threads = library, table, batch, threads
        self.capacity = max(batch, capacity)
        self._dtype = np.dtype(dtype)
        maps = list(table.maps)
        config = Config(
            map_count=len(maps), layer_count=len(table.layers), batch=self.capacity,
            threads=threads,
            optimiser=OPTIMISERS.index(optimiser), learning_rate=learning_rate, momentum=momentum,
        )  # fmt: skip
        for number, shape in enumerate(table.maps.values()):
            config.maps[number] = shape
        for number, layer in enumerate(table.layers):
            config.layers[number] = (
                KINDS.index(layer.kind), maps.index(layer.in_), maps.index(layer.out),
                maps.index(layer.add) if layer.add else -1, layer.kernel, layer.stride,
                layer.padding, ACTIVATIONS.index(layer.activation), layer.dropout,
            )  # fmt: skip
        if (statistics := PIXEL_STATISTICS[pixels]) is not None:
            config.scaled = 1
            config.mean[:], config.deviation[:] = statistics
        self._config = config
        size = library.repro_size(ctypes.byref(config))
        memory = np.zeros(size + 64, np.uint8)
        start = -memory.ctypes.data % 64
        self._memory = memory  # it is C's, and lives as long as this object
        self._network = library.repro_create(ctypes.byref(config), memory.ctypes.data + start)
        self._tensors = tensors(table)
        self._flat_count: int = library.repro_flat_count(self._network)
        self._moments = MOMENTS[optimiser][: library.repro_moments(self._network)]
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None
        self.steps = 0

    def load(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take the tensors of a state dict.

        Raises:
            ValueError: a tensor is missing, or has another shape.
        """
        self._load_flat(state, "", plane=0)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """The state dict: copies."""
        return state_dict(self._tensors, self.flat(), self.steps)

    def flat(self, plane: int = 0) -> Floats:
        """A copy of all weights (`plane` 0), or of a moment (1, 2), in torch's order: (N,). In a
        moment a tensor that is not trained has zeros."""
        numbers: Floats = np.zeros(self._flat_count, self._dtype)
        self._library.repro_transfer(self._network, numbers.ctypes.data, plane, 1)
        return numbers

    def moments(self) -> dict[str, npt.NDArray[Any]]:
        """What the optimiser keeps, by "velocity.conv1.weight" and so on; none before a step."""
        found = {}
        for plane, moment in enumerate(self._moments if self.steps else (), 1):
            flat = self.flat(plane)
            for tensor in self._tensors:
                if tensor.trained:
                    found[f"{moment}.{tensor.name}"] = tensor.of(flat)
        return found

    def restore(
        self,
        state: Mapping[str, npt.NDArray[Any]],
        moments: Mapping[str, npt.NDArray[Any]],
        steps: int,
    ) -> None:
        """Take up what :meth:`state` and :meth:`moments` gave after `steps` steps.

        Raises:
            ValueError: a tensor is missing, or has another shape.
        """
        self.load(state)
        for plane, moment in enumerate(self._moments if steps else (), 1):
            trained = {
                t.name: moments.get(f"{moment}.{t.name}") for t in self._tensors if t.trained
            }
            present = {name: value for name, value in trained.items() if value is not None}
            self._load_flat(present, f"{moment}.", plane)
        self.steps = steps
        self._library.repro_set_steps(self._network, steps)

    def train(
        self,
        images: Bytes,
        labels: Bytes,
        order: Indices,
        *,
        seed: int = 0,
        epoch: int = 1,
        first: int = 0,
        dropout: bool = True,
    ) -> Floats:
        """Train on the images (N, H, W, 3) that `order` (M,) names, batch by batch.

        `first` is the place of the first one in the epoch, on which dropout's masks depend. Returns
        each batch's loss.
        """
        losses = np.zeros(-(-len(order) // self.batch), self._dtype)
        self._do(
            self._library.repro_train, images, order, labels=labels, seed=seed, epoch=epoch,
            first=first, purpose="dropout", dropout=dropout, losses=losses,
        )  # fmt: skip
        self.steps += len(losses)
        return losses

    def predict(
        self,
        images: Bytes,
        order: Indices | None = None,
        *,
        seed: int = 0,
        epoch: int = 0,
        dropout: bool = False,
        norm_batch: int = 0,
    ) -> Floats:
        """Logits (M, 10) of the images (N, H, W, 3), or of those that `order` (M,) names.

        Batch norm has its running statistics or, with a `norm_batch` of up to `capacity`, those of
        each batch of so many images, as a network that was left in training mode has.
        """
        count = len(images) if order is None else len(order)
        classes = self.table.layers[-1].shape[2]
        logits = np.zeros((count, classes), self._dtype)
        self._do(
            self._library.repro_predict, images, order, seed=seed, epoch=epoch,
            purpose="prediction", dropout=dropout, logits=logits, norm_batch=norm_batch,
        )  # fmt: skip
        return logits

    def _do(
        self,
        function: Any,
        images: Bytes,
        order: Indices | None,
        *,
        seed: int,
        epoch: int,
        purpose: Purpose,
        dropout: bool,
        first: int = 0,
        norm_batch: int = 0,
        labels: Bytes | None = None,
        losses: Floats | None = None,
        logits: Floats | None = None,
    ) -> None:
        if images.shape[1:] != self.table.image or images.dtype != np.uint8:
            raise ValueError(
                f"images: expected uint8 (N, {', '.join(map(str, self.table.image))}); "
                f"got {images.dtype} {images.shape}"
            )
        if norm_batch > self.capacity:
            raise ValueError(f"norm_batch: expected at most {self.capacity}; got {norm_batch}")
        images = np.ascontiguousarray(images)
        chosen = None if order is None else np.ascontiguousarray(order, np.int64)
        if (
            chosen is not None
            and chosen.size
            and not 0 <= chosen.min() <= chosen.max() < len(images)
        ):
            raise ValueError(f"order: expected numbers of {len(images)} images")
        if labels is not None:
            labels = np.ascontiguousarray(labels, np.uint8)
        job = CJob(
            images=images.ctypes.data, labels=_address(labels), order=_address(chosen),
            count=len(images) if chosen is None else len(chosen), first=first, seed=seed,
            epoch=epoch, purpose=PURPOSES[purpose], dropout=dropout,
            batch=self.batch if losses is not None else norm_batch or min(self.capacity, 100),
            threads=self.threads, by_batch=norm_batch > 0,
            losses=_address(losses), logits=_address(logits),
        )  # fmt: skip
        # Every thread computes its share of each layer; they wait for each other inside.
        if self._pool is None:
            function(self._network, ctypes.byref(job), 0)
            return
        others = [
            self._pool.submit(function, self._network, ctypes.byref(job), number)
            for number in range(1, self.threads)
        ]
        function(self._network, ctypes.byref(job), 0)
        for other in others:
            other.result()

    def _load_flat(self, state: Mapping[str, npt.NDArray[Any]], prefix: str, plane: int) -> None:
        """Give C the tensors of `state`, laid one after the other."""
        flat: Floats = np.zeros(self._flat_count, self._dtype)
        for tensor in self._tensors:
            if prefix and not tensor.trained:
                continue
            if tensor.name not in state:
                raise ValueError(f"{prefix}{tensor.name}: expected a tensor; there is none")
            given = state[tensor.name]
            if given.shape != tensor.shape:
                raise ValueError(
                    f"{prefix}{tensor.name}: expected {tensor.shape}; got {given.shape}"
                )
            tensor.of(flat)[...] = given
        self._library.repro_transfer(self._network, flat.ctypes.data, plane, 0)


def judge(library: ctypes.CDLL, logits: Floats, labels: Bytes) -> tuple[Floats, Floats]:
    """Of each image its cross-entropy and what the softmax gives the likeliest class, both (M,) and
    of the type of the logits (M, classes), for labels uint8 (M,)."""
    logits = np.ascontiguousarray(logits)
    labels = np.ascontiguousarray(labels, np.uint8)
    losses, confidences = (np.empty(len(logits), logits.dtype) for _ in range(2))
    library.repro_judge(
        logits.ctypes.data, labels.ctypes.data, len(logits), logits.shape[1],
        losses.ctypes.data, confidences.ctypes.data,
    )  # fmt: skip
    return losses, confidences


def _address(array: npt.NDArray[Any] | None) -> int | None:
    return None if array is None else array.ctypes.data
