"""The report's activations (section 3.1.3), each as its formula says and as torch computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

LEAKY_SLOPE = 0.01
"""The report's alpha (section 3.2.3, the activations)."""


def relu(x: Tensor) -> Tensor:
    """max(0, x), elementwise; any shape, the same shape and dtype out."""
    return F.relu(x)


def leaky_relu(x: Tensor) -> Tensor:
    """max(0.01 x, x), elementwise; any shape, the same shape and dtype out."""
    return F.leaky_relu(x, LEAKY_SLOPE)


def swish(x: Tensor) -> Tensor:
    """Elementwise x times sigmoid(x) (Ramachandran et al. 2017); any shape, the same out."""
    return F.silu(x)


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x)), elementwise; any shape, the same shape and dtype out."""
    return torch.sigmoid(x)


ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": relu,
    "leaky_relu": leaky_relu,
    "swish": swish,
    "sigmoid": sigmoid,
}
