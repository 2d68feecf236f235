"""What a GPU does for a table of layers: code of its entries, memory of a run, launches.

Nothing here needs a GPU. The files `*.cu` are the arithmetic; this says which function runs with
which shape, in which order, and where its numbers lie.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from repro.kernels.cuda.launches import Launch, Tiles
from repro.kernels.networks import MOMENTS, OPTIMISERS, Layer, Table, tensors
from repro.streams import PURPOSES

SOURCES = tuple(
    Path(__file__).with_name(f"{name}.cu") for name in ("numbers", "forward", "backward")
)
"""In the order in which one needs the other."""

BLOCK = 128
"""Threads of a block."""
_BOUNDARY = 256


TILES = Tiles()


class Plan:
    """The launches of a step of `batch` images, of predictions of `capacity` images at a time, and
    of the ways in and out, for a network of this table.

    `optimiser` is "sgd" or "adam". Activations are those of each run, not the table's.
    """

    def __init__(
        self, table: Table, *, batch: int, capacity: int, optimiser: str = "sgd",
        tiles: Tiles = TILES,
    ) -> None:  # fmt: skip
        self.table, self.batch, self.capacity = table, batch, max(batch, capacity)
        self.optimiser, self.tiles = optimiser, tiles
        self.named: dict[str, str] = {}
        self._memory: dict[str, tuple[int, int]] = {}
        self.bytes = 0
        self.tensors = tensors(table)
        self._lay_out()
        self.classes = table.layers[-1].shape[2]
        # All entries there are, in one order: the same network has the same source every time.
        self.step(1)
        for dropout in (False, True):
            self.prediction(1, dropout=dropout)
        self.carry(plane=0, outwards=True)
        self.clock()

    # ---- memory ----

    def _border(self, name: str) -> int:
        """Pixels of zeros around a map: as in `c/network.h`."""
        first = next(iter(self.table.maps))
        wanted = (
            layer.padding for layer in self.table.layers
            if layer.in_ == name
            and (layer.kind == "conv_pool" or (layer.kind == "conv" and name == first))
        )  # fmt: skip
        return max(wanted, default=0)

    def _size(self, name: str) -> int:
        """Numbers of an image of a map."""
        height, width, channels = self.table.maps[name]
        border = 2 * self._border(name)
        return (height + border) * (width + border) * _round4(channels)

    def _take(self, name: str, count: int, size: int = 4) -> None:
        self._memory[name] = (self.bytes, count * size)
        self.bytes += -(-count * size // _BOUNDARY) * _BOUNDARY

    def _lay_out(self) -> None:
        maps = self.table.maps
        parameters: list[tuple[str, int]] = []
        self._take("clock", 2)
        self._take("losses of images", self.batch)
        for name in maps:
            size = self._size(name)
            self._take(f"{name} value", size * self.capacity)
            self._take(f"{name} gradient", size * self.batch)
        for layer in self.table.layers:
            channels = maps[layer.in_][2]
            rows, columns, outputs = layer.shape
            size = self._size(layer.out)
            if layer.kind == "norm":
                parameters += [(f"{layer.name} weight", outputs), (f"{layer.name} bias", outputs)]
                self._take(f"{layer.name} norm", 6 * _round4(outputs))
                self._take(f"{layer.name} turned", outputs)
            elif layer.kind == "max_pool":
                self._take(f"{layer.name} from", size * self.batch, 1)
            else:
                taps = math.prod(self._kernel(layer))
                parameters.append((f"{layer.name} weight", taps * channels * _round4(outputs)))
                self._take(f"{layer.name} turned", taps * outputs * _round4(channels))
                if layer.kind != "conv":
                    parameters.append((f"{layer.name} bias", _round4(outputs)))
                    self._take(f"{layer.name} before", size * self.batch)
                if layer.kind == "conv_pool":
                    self._take(f"{layer.name} from", size * self.batch, 1)
                    listed = -(-rows * columns // 32) * 32
                    self._take(f"{layer.name} open", self.batch * outputs * listed, 8)
                    self._take(f"{layer.name} counts", self.batch * outputs)
                if layer.dropout > 0:
                    self._take(f"{layer.name} kept", size * self.capacity, 1)
        self.flat_count = sum(math.prod(tensor.shape) for tensor in self.tensors)
        start = self.bytes
        for name, count in parameters:
            self._take(name, count)
        self.moment = (self.bytes - start) // 4
        for plane in range(1, len(MOMENTS[self.optimiser]) + 1):
            self._take(f"moment {plane}", self.moment)

    def place(self, name: str) -> int:
        """Where a piece of memory begins, in bytes from the start of a run's."""
        return self._memory[name][0]

    # ---- entries ----

    def _entry(self, call: str) -> str:
        if call not in self.named:
            word = re.sub(r"\W+", "_", call.split("<", maxsplit=1)[0])
            self.named[call] = f"{word}_{len(self.named)}"
        return self.named[call]

    def source(self) -> str:
        """The code of the arithmetic and of every entry that was named so far."""
        lines = [f"ENTRY({name}) {{ {call}(a); }}" for call, name in self.named.items()]
        parts = [path.read_text(encoding="utf-8") for path in SOURCES]
        return "\n".join([*parts, *lines, ""])

    @property
    def entries(self) -> Sequence[str]:
        """Their names."""
        return list(self.named.values())

    # ---- launches ----

    def step(self, images: int) -> list[Launch]:
        """A step on a batch of `images`."""
        last = self.table.layers[-1].out
        return [
            *self.forward(images, training=True),
            self._launch(
                f"lose<{self.classes}>", images,
                {"out": f"{last} value", "out_gradient": f"{last} gradient",
                 "norm": "losses of images", "images": images},
            ),
            *self._backward(images),
            self._launch(
                "advance", 1, {"norm": "losses of images", "images": images, "training": 1}
            ),
        ]  # fmt: skip

    def prediction(self, images: int, *, dropout: bool, by_batch: bool = False) -> list[Launch]:
        """The logits of `images` images."""
        last = self.table.layers[-1].out
        return [
            *self.forward(images, training=False, dropout=dropout, by_batch=by_batch),
            self._launch(
                f"copy_logits<{self.classes}>", images * self.classes,
                {"out": f"{last} value", "images": images},
            ),
            self._launch("advance", 1, {"images": images}),
        ]  # fmt: skip

    def clock(self) -> Launch:
        """Sets the step and the epoch."""
        return self._launch("set_clock", 1, {})

    def forward(
        self, images: int, *, training: bool, dropout: bool = True, by_batch: bool = False
    ) -> list[Launch]:
        """From pictures to logits."""
        height, width, channels = self.table.image
        common: dict[str, float | str] = {
            "images": images, "training": training, "dropout": dropout,
            "by_batch": training or by_batch,
            "purpose": PURPOSES["dropout" if training else "prediction"],
        }  # fmt: skip
        first = next(iter(self.table.maps))
        image = f"{height}, {width}, {channels}, {self._border(first)}"
        launches = [
            self._launch(
                f"read_pictures<{image}>", images * height * width,
                {**common, "in_": f"{first} value"},
            )
        ]  # fmt: skip
        dropouts = 0
        for layer in self.table.layers:
            args = {**common, **self._of(layer), "dropout_layer": dropouts}
            dropouts += layer.dropout > 0
            rows, columns, outputs = layer.shape
            pixels, groups = rows * columns, _round4(outputs) // 4
            shape, tiles = self._shape(layer), self.tiles
            if layer.kind == "conv_pool":
                tile = tiles.windows
                launches.append(self._launch(
                    f"forward_pooled<{shape}, {tile}>", groups * pixels * -(-images // tile), args
                ))  # fmt: skip
            elif layer.kind == "norm":
                launches.append(self._launch(f"forward_norm_statistics<{shape}>", outputs, args))
                launches.append(
                    self._launch(f"forward_norm<{shape}>", images * pixels * 4 * groups, args)
                )
            elif layer.kind == "max_pool":
                launches.append(
                    self._launch(f"forward_max_pool<{shape}>", images * pixels * 4 * groups, args)
                )
            elif self._is_flat(layer):
                tile = tiles.rows
                launches.append(self._launch(
                    f"forward_flat<{shape}, {tile}>", 4 * groups * -(-images // tile), args
                ))  # fmt: skip
            else:
                bias = "true" if layer.kind == "linear" else "false"
                launches.append(self._launch(
                    f"forward<{shape}, {tiles.images}, {bias}>",
                    groups * pixels * -(-images // tiles.images), args,
                ))  # fmt: skip
        return launches

    def _backward(self, images: int) -> list[Launch]:
        """From the last layer to the first; a layer's weights are used before they step."""
        has_gradient: dict[str, int] = {}
        launches: list[Launch] = []
        first = next(iter(self.table.maps))
        for layer in reversed(self.table.layers):
            args = {
                **self._of(layer), "images": images, "training": 1, "dropout": 1,
                "adds": has_gradient.get(layer.in_, 0) > 0,
            }  # fmt: skip
            if layer.kind == "norm" and layer.add:
                args["add_adds"] = has_gradient.get(layer.add, 0) > 0
                has_gradient[layer.add] = 1
            has_gradient[layer.in_] = 1
            launches += self._backward_layer(layer, args, images, is_first=layer.in_ == first)
        return launches

    def _backward_layer(
        self, layer: Layer, args: Mapping[str, float | str], images: int, *, is_first: bool
    ) -> list[Launch]:
        height, width, channels = self.table.maps[layer.in_]
        outputs, shape, tiles = layer.shape[2], self._shape(layer), self.tiles
        pixels, four = height * width, _round4(channels)
        if layer.kind == "norm":
            return [
                self._launch(f"step_norm<{shape}>", channels, args),
                self._launch(f"input_gradients_norm<{shape}>", images * pixels * four, args),
            ]
        if layer.kind == "max_pool":
            return [
                self._launch(f"input_gradients_max_pool<{shape}>", images * pixels * four, args)
            ]
        taps = math.prod(self._kernel(layer))
        if layer.kind == "conv_pool":
            group = 1 if channels <= 3 else 4
            threads = -(-taps * -(-channels // group) // 32) * 32
            calls = [
                (f"input_gradients_pooled<{shape}, {tiles.inputs}>",
                 -(-channels // tiles.inputs) * pixels * images),
                (f"list_open<{shape}>", outputs * images),
                (f"step_weights_pooled<{shape}, {group}>", outputs * threads + outputs),
            ]  # fmt: skip
        else:
            bias, begins = (
                "true" if each else "false" for each in (layer.kind == "linear", is_first)
            )
            # Few sums are long: many small tiles, each far ahead.
            groups = tiles.outputs if layer.shape[:2] == (1, 1) else 1
            size = 4 * groups
            lanes = 4 if channels >= 32 else min(32, 1 << (-(-outputs // size) - 1).bit_length())
            tiled = -(-outputs // (size * lanes)) * -(-four // (4 * (32 // lanes))) * 32
            inputs = (
                f"input_gradients<{shape}, {tiles.images}>",
                four // 4 * pixels * -(-images // tiles.images),
            )
            if self._is_flat(layer):
                inputs = (
                    f"input_gradients_flat<{shape}, {tiles.rows}>",
                    pixels * four * -(-images // tiles.rows),
                )
            calls = [
                inputs,
                (f"step_weights<{shape}, {groups}, {lanes}, {bias}, {begins}>",
                 tiled * taps + outputs),
            ]  # fmt: skip
        return [self._launch(call, threads, args) for call, threads in calls[is_first:]]

    def carry(self, *, plane: int, outwards: bool) -> list[Launch]:
        """Weights (`plane` 0) or a moment from or to torch's order."""
        launches = []
        starts = {tensor.name: tensor.start for tensor in self.tensors}
        for layer in self.table.layers:
            if layer.kind == "max_pool":
                continue
            channels, outputs = self.table.maps[layer.in_][2], layer.shape[2]
            shape = self._shape(layer)
            args = {
                **self._of(layer), "plane": plane, "outwards": outwards,
                "flat_start": starts[f"{layer.name}.weight"],
            }  # fmt: skip
            if layer.kind == "norm":
                launches.append(self._launch(f"carry_norm<{shape}>", 4 * outputs, args))
                continue
            bias = "false" if layer.kind == "conv" else "true"
            threads = outputs * channels * math.prod(self._kernel(layer)) + outputs
            launches.append(self._launch(f"carry_weights<{shape}, {bias}>", threads, args))
        return launches

    def _is_flat(self, layer: Layer) -> bool:
        """Whether it is linear and its inputs lie side by side."""
        channels = self.table.maps[layer.in_][2]
        return layer.kind == "linear" and channels % 4 == 0 and not self._border(layer.in_)

    def _launch(self, call: str, threads: int, args: Mapping[str, float | str]) -> Launch:
        return Launch(entry=self._entry(call), threads=threads, args=args)

    def _kernel(self, layer: Layer) -> tuple[int, int]:
        """Its height and width: a linear layer sees its whole input."""
        if layer.kind == "linear":
            return self.table.maps[layer.in_][:2]
        return layer.kernel, layer.kernel

    def _shape(self, layer: Layer) -> str:
        numbers = (
            *self.table.maps[layer.in_], *self._kernel(layer), layer.stride, layer.padding,
            *layer.shape,
            self._border(layer.in_), self._border(layer.out),
        )  # fmt: skip
        return f"Shape<{', '.join(map(str, numbers))}>"

    def _of(self, layer: Layer) -> dict[str, float | str]:
        """The arguments that say where a layer's numbers lie."""
        layers = {each.out: (number, each) for number, each in enumerate(self.table.layers)}
        args: dict[str, float | str] = {
            "layer": layers[layer.out][0], "in_layer": -1, "moment": self.moment,
            "in_": f"{layer.in_} value", "in_gradient": f"{layer.in_} gradient",
            "out": f"{layer.out} value", "out_gradient": f"{layer.out} gradient",
            "optimiser": OPTIMISERS.index(self.optimiser),
        }  # fmt: skip
        for field, name in (
            ("before", "before"), ("from_", "from"), ("open", "open"), ("counts", "counts"),
            ("kept", "kept"), ("norm", "norm"), ("weights", "weight"), ("turned", "turned"),
            ("bias", "bias"),
        ):  # fmt: skip
            if f"{layer.name} {name}" in self._memory:
                args[field] = f"{layer.name} {name}"
        if layer.add:
            args |= {"add": f"{layer.add} value", "add_gradient": f"{layer.add} gradient"}
        if layer.dropout > 0:
            args |= {"scale": 1 / (1 - layer.dropout), "least": int(layer.dropout * 2**32 + 0.5)}
        number, producer = layers.get(layer.in_, (-1, None))
        if producer is not None and producer.kind in {"conv_pool", "linear"}:
            args |= {"in_layer": number, "in_before": f"{producer.name} before"}
            if producer.dropout > 0:
                args |= {
                    "in_scale": 1 / (1 - producer.dropout), "in_kept": f"{producer.name} kept",
                }  # fmt: skip
        return args


def _round4(count: int) -> int:
    return -(-count // 4) * 4
