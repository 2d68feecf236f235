"""The report's networks as tables of layers, to be held beside `repro/networks/models.py`.

A layer reads the map of activations called `in_` and writes the one called `out`; a map is (height,
width, channels), and the first one is the image. Names of layers are those of the torch modules.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from repro.spec import DROPOUT

LayerKind = Literal["conv_pool", "conv", "norm", "max_pool", "linear"]
Activation = Literal["identity", "relu", "leaky_relu", "swish", "sigmoid"]
Shape = tuple[int, int, int]

IMAGE: Shape = (32, 32, 3)

# In the order in which the C and the CUDA files number them.
KINDS = ("conv_pool", "conv", "norm", "max_pool", "linear")
ACTIVATIONS = ("identity", "relu", "leaky_relu", "swish", "sigmoid")
OPTIMISERS = ("sgd", "adam")
MOST_LAYERS = 64

MOMENTS: Mapping[str, tuple[str, ...]] = {"sgd": ("velocity",), "adam": ("exp_avg", "exp_avg_sq")}
"""What an optimiser keeps of each parameter; SGD without momentum keeps nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of a network; see `c/network.h` for what each kind does."""

    name: str
    kind: LayerKind
    in_: str
    out: str
    shape: Shape
    """Height, width and channels of what it writes."""
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    activation: Activation = "identity"
    dropout: float = 0.0
    add: str | None = None
    """A map that is added before the activation."""


@dataclass(frozen=True, slots=True)
class Table:
    """A network: the shape of its images, and its layers in the order of the forward pass."""

    image: Shape
    layers: tuple[Layer, ...]

    @property
    def maps(self) -> Mapping[str, Shape]:
        """The maps by name, in the order in which they are written."""
        return {"image": self.image, **{layer.out: layer.shape for layer in self.layers}}


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where a tensor of the state dict lies among all numbers of a network."""

    name: str
    shape: tuple[int, ...]
    start: int
    trained: bool

    def of(self, flat: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Its part of all numbers (N,), in its shape: a view."""
        return flat[self.start : self.start + math.prod(self.shape)].reshape(self.shape)


def tensors(table: Table) -> Sequence[Tensor]:
    """The tensors of a table, layer by layer, in the order of `transfer` in `c/network.h`."""
    found: list[Tensor] = []
    start = 0

    def add(layer: Layer, part: str, shape: tuple[int, ...], *, trained: bool = True) -> None:
        nonlocal start
        found.append(Tensor(f"{layer.name}.{part}", shape, start, trained))
        start += math.prod(shape)

    for layer in table.layers:
        height, width, channels = table.maps[layer.in_]
        outputs = layer.shape[2]
        if layer.kind == "norm":
            add(layer, "weight", (outputs,))
            add(layer, "bias", (outputs,))
            add(layer, "running_mean", (outputs,), trained=False)
            add(layer, "running_var", (outputs,), trained=False)
        elif layer.kind == "linear":
            add(layer, "weight", (outputs, height * width * channels))
            add(layer, "bias", (outputs,))
        elif layer.kind != "max_pool":
            add(layer, "weight", (outputs, channels, layer.kernel, layer.kernel))
            if layer.kind == "conv_pool":
                add(layer, "bias", (outputs,))
    return found


def state_dict(
    of: Sequence[Tensor], flat: npt.NDArray[Any], steps: int
) -> dict[str, npt.NDArray[Any]]:
    """The state dict of a network that has all numbers `flat` (N,) after `steps` steps: views."""
    state = {}
    for tensor in of:
        state[tensor.name] = tensor.of(flat)
        if tensor.name.endswith("running_var"):
            name = tensor.name.replace("running_var", "num_batches_tracked")
            state[name] = np.array(steps, np.int64)
    return state


def net(activation: Activation = "relu") -> Table:
    """`models.Net`: figure 3-9 and section 3.2.2 of the report."""
    return Table(
        IMAGE,
        (
            _conv_pool("conv1", "image", (14, 14, 6), 5, 0, activation),
            _conv_pool("conv2", "conv1", (5, 5, 16), 5, 0, activation),
            _linear("fc1", "conv2", 120, activation),
            _linear("fc2", "fc1", 84, activation),
            _linear("fc3", "fc2", 10),
        ),
    )


def improved(activation: Activation = "relu", dropout: float = DROPOUT) -> Table:
    """`models.ImprovedNet`: section 3.2.4."""
    return Table(
        IMAGE,
        (
            _conv_pool("conv1", "image", (16, 16, 32), 3, 1, activation),
            _conv_pool("conv2", "conv1", (8, 8, 64), 3, 1, activation),
            _conv_pool("conv3", "conv2", (4, 4, 128), 3, 1, activation),
            _linear("fc1", "conv3", 512, activation, dropout=dropout),
            _linear("fc2", "fc1", 256, activation),
            _linear("fc3", "fc2", 10),
        ),
    )


def resnet() -> Table:
    """Torchvision's resnet18 on 32x32 images: section 3.2.5. The last map has one pixel, of which
    the average is itself."""
    layers = [
        _conv("conv1", "image", (16, 16, 64), 7, 2, 3),
        _norm("bn1", "conv1", (16, 16, 64)),
        Layer(name="maxpool", kind="max_pool", in_="bn1", out="maxpool", shape=(8, 8, 64)),
    ]
    before, size = "maxpool", 8
    for stage, channels in enumerate((64, 128, 256, 512), 1):
        for number in range(2):
            stride = 2 if stage > 1 and number == 0 else 1
            size //= stride
            layers += _block(f"layer{stage}.{number}", before, (size, size, channels), stride)
            before = f"layer{stage}.{number}.bn2"
    layers.append(_linear("fc", before, 10))
    return Table(IMAGE, tuple(layers))


def table(architecture: str, activation: Activation = "relu", dropout: float = DROPOUT) -> Table:
    """The table of one of the report's networks: "net", "improved" or "resnet"; `dropout` is
    ImprovedNet's."""
    if architecture == "resnet":
        return resnet()
    return net(activation) if architecture == "net" else improved(activation, dropout)


def _block(name: str, before: str, shape: Shape, stride: int) -> list[Layer]:
    """A basic block: two 3x3 convolutions, and what came in added before the last ReLU."""
    layers = [
        _conv(f"{name}.conv1", before, shape, 3, stride, 1),
        _norm(f"{name}.bn1", f"{name}.conv1", shape),
        _conv(f"{name}.conv2", f"{name}.bn1", shape, 3, 1, 1),
    ]
    added = before
    if stride > 1:
        added = f"{name}.downsample.1"
        layers += [
            _conv(f"{name}.downsample.0", before, shape, 1, stride, 0),
            _norm(added, f"{name}.downsample.0", shape, "identity"),
        ]
    return [*layers, _norm(f"{name}.bn2", f"{name}.conv2", shape, add=added)]


def _conv_pool(
    name: str, in_: str, shape: Shape, kernel: int, padding: int, activation: Activation
) -> Layer:
    return Layer(
        name=name, kind="conv_pool", in_=in_, out=name, shape=shape,
        kernel=kernel, padding=padding, activation=activation,
    )  # fmt: skip


def _conv(name: str, in_: str, shape: Shape, kernel: int, stride: int, padding: int) -> Layer:
    return Layer(
        name=name, kind="conv", in_=in_, out=name, shape=shape,
        kernel=kernel, stride=stride, padding=padding,
    )  # fmt: skip


def _norm(
    name: str, in_: str, shape: Shape, activation: Activation = "relu", add: str | None = None
) -> Layer:
    return Layer(
        name=name, kind="norm", in_=in_, out=name, shape=shape, activation=activation, add=add
    )


def _linear(
    name: str, in_: str, outputs: int, activation: Activation = "identity", dropout: float = 0.0
) -> Layer:
    return Layer(
        name=name, kind="linear", in_=in_, out=name, shape=(1, 1, outputs),
        activation=activation, dropout=dropout,
    )  # fmt: skip
