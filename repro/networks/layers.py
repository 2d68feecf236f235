"""Net and ImprovedNet layer by layer, for drawings and pages that do without torch.

A test holds every row to the model itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of a network's forward pass."""

    name: str
    kind: str
    """conv, pool, linear or dropout."""
    shape: tuple[int, ...]
    """Of what comes out, without the batch."""
    parameters: int
    kernel: int | None = None
    """Width of the window, where there is one."""


INPUT_SHAPE = (3, 32, 32)

NETWORKS: Mapping[str, tuple[Layer, ...]] = {
    "net": (
        Layer("conv1", "conv", (6, 28, 28), 456, 5),
        Layer("pool", "pool", (6, 14, 14), 0, 2),
        Layer("conv2", "conv", (16, 10, 10), 2_416, 5),
        Layer("pool", "pool", (16, 5, 5), 0, 2),
        Layer("fc1", "linear", (120,), 48_120),
        Layer("fc2", "linear", (84,), 10_164),
        Layer("fc3", "linear", (10,), 850),
    ),
    "improved": (
        Layer("conv1", "conv", (32, 32, 32), 896, 3),
        Layer("pool", "pool", (32, 16, 16), 0, 2),
        Layer("conv2", "conv", (64, 16, 16), 18_496, 3),
        Layer("pool", "pool", (64, 8, 8), 0, 2),
        Layer("conv3", "conv", (128, 8, 8), 73_856, 3),
        Layer("pool", "pool", (128, 4, 4), 0, 2),
        Layer("fc1", "linear", (512,), 1_049_088),
        Layer("dropout", "dropout", (512,), 0),
        Layer("fc2", "linear", (256,), 131_328),
        Layer("fc3", "linear", (10,), 2_570),
    ),
}
