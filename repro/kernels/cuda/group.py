"""Runs of one network that a GPU trains together, each to the bits that it has by itself."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from repro.kernels.cuda.device import Device, Graph, OutOfMemoryError
from repro.kernels.cuda.launches import Args, Launch, Replica, Tiles
from repro.kernels.cuda.plan import BLOCK, TILES, Plan
from repro.kernels.networks import ACTIVATIONS, MOMENTS, Table, state_dict
from repro.spec import PIXEL_STATISTICS, Pixels

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What one run of a group has of its own."""

    table: Table
    """The group's but for activations."""
    seed: int
    learning_rate: float = 0.01
    momentum: float = 0.0
    pixels: Pixels = "symmetric"


class Group:
    """The networks of `members`, their weights zeros until :meth:`load`.

    `pictures` are uint8 (N, H, W, C), the same for all or one array for each run, `labels` uint8
    (N,): :meth:`train` and, where it has no other pictures, :meth:`predict` take from these.
    """

    def __init__(
        self,
        device: Device,
        members: Sequence[Member],
        pictures: npt.NDArray[np.uint8] | Sequence[npt.NDArray[np.uint8]],
        labels: npt.NDArray[np.uint8],
        *,
        batch: int,
        capacity: int = 500,
        optimiser: str = "sgd",
        tiles: Tiles = TILES,
    ) -> None:
        device.enter()
        self._device, self.members, self.runs = device, list(members), len(members)
        self.batch, self._optimiser = batch, optimiser
        self._plan = Plan(
            members[0].table, batch=batch, capacity=capacity, optimiser=optimiser, tiles=tiles
        )
        self.tensors = self._plan.tensors
        self._addresses: list[int] = []
        self._graphs: dict[object, Graph] = {}
        try:
            self._take_memory(pictures, labels)
        except OutOfMemoryError:
            self.close()
            raise
        self._functions: Mapping[str, Any] = device.compile(self._plan.source(), self._plan.entries)
        self._buffers: dict[str, tuple[int, int]] = {}
        self.steps = 0

    def _take_memory(
        self,
        pictures: npt.NDArray[np.uint8] | Sequence[npt.NDArray[np.uint8]],
        labels: npt.NDArray[np.uint8],
    ) -> None:
        self._base = self._new(self._plan.bytes * self.runs)
        self._flat_there = self._new(self._plan.flat_count * 4 * self.runs)
        each = [pictures] * self.runs if isinstance(pictures, np.ndarray) else list(pictures)
        there = {id(array): self._put(array) for array in {id(one): one for one in each}.values()}
        self._labels = self._put(labels)
        self._replicas = self._new(ctypes.sizeof(Replica) * self.runs)
        described = (Replica * self.runs)(
            *(
                _describe(member, there[id(one)])
                for member, one in zip(self.members, each, strict=True)
            )
        )
        self._device.upload(self._replicas, np.frombuffer(bytes(described), np.uint8))

    def close(self) -> None:
        """Give the memory back."""
        for graph in self._graphs.values():
            graph.close()
        self._graphs.clear()
        for address in self._addresses:
            self._device.free(address)
        self._addresses.clear()

    # ---- weights ----

    def load(
        self,
        states: Sequence[Mapping[str, npt.NDArray[Any]]],
        moments: Sequence[Mapping[str, npt.NDArray[Any]]] = (),
        steps: int = 0,
    ) -> None:
        """Take each run's state dict, as it was after `steps` steps, and its moments."""
        self._device.enter()
        self._load_plane(0, "", states)
        self.steps = steps
        for plane, moment in self._kept():
            self._load_plane(plane, f"{moment}.", moments)

    def _load_plane(
        self, plane: int, prefix: str, rows: Sequence[Mapping[str, npt.NDArray[Any]]]
    ) -> None:
        """Weights (`plane` 0) or a moment of each run, which not all of them have."""
        flat = np.zeros((self.runs, self._plan.flat_count), np.float32)
        for row, given in zip(flat, rows, strict=True):
            for tensor in self.tensors:
                name = f"{prefix}{tensor.name}"
                if plane == 0 or name in given:
                    tensor.of(row)[...] = given[name]
        self._device.upload(self._flat_there, flat)
        self._run(self._plan.carry(plane=plane, outwards=False))

    def _kept(self) -> list[tuple[int, str]]:
        """Number and name of the moments that some run has by now."""
        if not self.steps or not any(map(self._keeps, self.members)):
            return []
        return list(enumerate(MOMENTS[self._optimiser], 1))

    def _keeps(self, member: Member) -> bool:
        return self._optimiser == "adam" or member.momentum != 0

    def states(self) -> list[dict[str, npt.NDArray[Any]]]:
        """Each run's state dict: copies."""
        return [state_dict(self.tensors, row, self.steps) for row in self.flat(0)]

    def moments(self) -> list[dict[str, npt.NDArray[Any]]]:
        """What each run's optimiser keeps: as :meth:`repro.kernels.binding.Network.moments`."""
        found: list[dict[str, npt.NDArray[Any]]] = [{} for _ in self.members]
        for plane, moment in self._kept():
            for member, row, moments in zip(self.members, self.flat(plane), found, strict=True):
                if self._keeps(member):
                    for tensor in self.tensors:
                        if tensor.trained:
                            moments[f"{moment}.{tensor.name}"] = tensor.of(row)
        return found

    def flat(self, plane: int) -> Floats:
        """All weights (`plane` 0), or a moment, of each run in torch's order: (runs, N). In a
        moment's row nothing stands where a tensor is not trained."""
        rows = np.empty((self.runs, self._plan.flat_count), np.float32)
        self._device.enter()
        self._run(self._plan.carry(plane=plane, outwards=True))
        self._device.download(rows, self._flat_there)
        return rows

    # ---- work ----

    def train(self, orders: npt.NDArray[np.int32], *, epoch: int) -> Floats:
        """Train each run on the pictures that its row of `orders` (runs, M) names, batch by batch;
        returns each batch's loss, (runs, steps)."""
        self._device.enter()
        count = orders.shape[1]
        steps = -(-count // self.batch)
        losses = np.zeros((self.runs, steps), np.float32)
        common = {
            "order": self._buffer("order", np.ascontiguousarray(orders, np.int32)),
            "losses": self._room("losses", losses.nbytes),
            "count": count, "steps": steps, "epoch": epoch,
        }  # fmt: skip
        if self._optimiser == "adam":
            common["corrections"] = self._buffer("corrections", self._corrections(steps))
        self._run([self._plan.clock()], common)
        self._repeat(count // self.batch, lambda: self._plan.step(self.batch), common, "train")
        if count % self.batch:
            self._run(self._plan.step(count % self.batch), common)
        self._device.download(losses, common["losses"])
        self.steps += steps
        return losses

    def predict(
        self,
        orders: npt.NDArray[np.int32] | None = None,
        *,
        pictures: npt.NDArray[np.uint8] | None = None,
        epoch: int = 0,
        dropout: bool = False,
        norm_batch: int = 0,
    ) -> Floats:
        """Each run's logits (runs, M, classes) of the pictures that its row of `orders` (runs, M)
        names, or of all `pictures` (M, H, W, C)."""
        self._device.enter()
        there = 0 if pictures is None else self._buffer("pictures", pictures)
        assert orders is not None or pictures is not None  # noqa: S101
        count = orders.shape[1] if orders is not None else len(pictures)  # type: ignore[arg-type]
        batch = norm_batch or self._plan.capacity
        logits = np.zeros((self.runs, count, self._plan.classes), np.float32)
        common = {
            "pictures": there, "logits": self._room("logits", logits.nbytes),
            "order": 0 if orders is None
            else self._buffer("predicted", np.ascontiguousarray(orders, np.int32)),
            "count": count, "epoch": epoch, "batch": batch,
        }  # fmt: skip
        self._run([self._plan.clock()], common)

        def launches(images: int) -> Sequence[Launch]:
            return self._plan.prediction(images, dropout=dropout, by_batch=norm_batch > 0)

        self._repeat(
            count // batch, lambda: launches(batch), common, "predict", dropout, norm_batch
        )
        if count % batch:
            self._run(launches(count % batch), common)
        self._device.download(logits, common["logits"])
        return logits

    def one_step(self) -> list[tuple[tuple[Any, int, int, Args], str]]:
        """The calls of a step after :meth:`train`, and what each one is: to be timed."""
        common: dict[str, Any] = {
            "order": self._buffers["order"][0], "losses": self._buffers["losses"][0],
            "count": self.batch, "steps": 1,
        }  # fmt: skip
        self._run([self._plan.clock()], common)
        launches = [each for each in self._plan.step(self.batch) if "advance" not in each.entry]
        names = {entry: call for call, entry in self._plan.named.items()}
        calls = self._calls(launches, common)
        return [(call, names[each.entry]) for call, each in zip(calls, launches, strict=True)]

    def _corrections(self, steps: int) -> Floats:
        """Adam's size of a step and its root's divisor: (steps, runs, 2)."""
        rows = np.empty((steps, self.runs, 2), np.float32)
        powers = np.full((self.steps + steps, 2), (0.9, 0.999))
        beta1, beta2 = np.multiply.accumulate(powers, axis=0)[self.steps :].T
        for run, member in enumerate(self.members):
            rows[:, run, 0] = member.learning_rate / (1 - beta1)
            rows[:, run, 1] = np.sqrt(1 - beta2)
        return rows

    # ---- launches ----

    def _repeat(
        self,
        times: int,
        launches: Callable[[], Sequence[Launch]],
        common: Mapping[str, Any],
        *what: object,
    ) -> None:
        """Do the launches so many times. `what` and `common`, but for the epoch, which the clock
        has, say which launches they are: they are recorded once."""
        if not times:
            return
        key = (what, tuple(sorted((k, v) for k, v in common.items() if k != "epoch")))
        graph = self._graphs.get(key)
        if graph is None:
            calls = self._calls(launches(), common)
            graph = self._graphs[key] = self._device.record(calls)
        for _ in range(times):
            graph.replay()

    def _run(self, launches: Sequence[Launch], common: Mapping[str, Any] | None = None) -> None:
        for call in self._calls(launches, common or {}):
            self._device.launch(*call)

    def _calls(
        self, launches: Sequence[Launch], common: Mapping[str, Any]
    ) -> list[tuple[Any, int, int, Args]]:
        everywhere: dict[str, Any] = {
            "stride": self._plan.bytes, "replicas": self._replicas, "clock": "clock",
            "labels": self._labels, "batch": self.batch,
            "runs": self.runs, "flat": self._flat_there, "flat_count": self._plan.flat_count,
        }  # fmt: skip
        calls = []
        for launch in launches:
            args = Args()
            for name, value in {**everywhere, **launch.args, **common}.items():
                setattr(args, name, self._address(value))
            blocks = -(-launch.threads // BLOCK)
            calls.append((self._functions[launch.entry], blocks, self.runs, args))
        return calls

    def _address(self, value: Any) -> Any:
        return self._base + self._plan.place(value) if isinstance(value, str) else value

    # ---- memory ----

    def _new(self, size: int) -> int:
        address = self._device.allocate(size)
        self._addresses.append(address)
        return address

    def _put(self, array: npt.NDArray[Any]) -> int:
        array = np.ascontiguousarray(array)
        address = self._new(array.nbytes)
        self._device.upload(address, array)
        return address

    def _room(self, name: str, size: int) -> int:
        """A piece of memory that keeps its place from call to call, as long as it is enough."""
        address, there = self._buffers.get(name, (0, -1))
        if there < size:
            self._buffers[name] = address, _ = self._new(size), size
        return address

    def _buffer(self, name: str, array: npt.NDArray[Any]) -> int:
        array = np.ascontiguousarray(array)
        address = self._room(name, array.nbytes)
        self._device.upload(address, array)
        return address


def _describe(member: Member, pictures: int) -> Replica:
    replica = Replica(
        seed=member.seed,
        pictures=pictures,
        learning_rate=member.learning_rate,
        momentum=member.momentum,
    )
    for number, layer in enumerate(member.table.layers):
        replica.activations[number] = ACTIVATIONS.index(layer.activation)
    if (statistics := PIXEL_STATISTICS[member.pixels]) is not None:
        replica.scaled = 1
        replica.mean[:], replica.deviation[:] = statistics
    return replica
