"""How fast a network could be: its useful operations, at the rate of a large matrix product."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn


def _by_onednn(a: Tensor, b: Tensor) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(a, b.t(), None, "none", [], "")
    return product


def product_rate(seconds: float = 1.0) -> float:
    """Float32 operations a second of one core's matrix product, the best of many: by MKL or by
    oneDNN, of which either can be twice as fast as the other."""
    a, b = torch.rand(1024, 1024), torch.rand(1024, 1024)
    products: list[Callable[[Tensor, Tensor], Tensor]] = [torch.matmul]
    if torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        products.append(_by_onednn)
    rates, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        for product in products:
            start = time.perf_counter()
            product(a, b)
            rates.append(2 * 1024**3 / (time.perf_counter() - start))
    return max(rates)


def useful_operations(model: nn.Module) -> int:
    """Float32 operations to train `model` on one image: additions and multiplications of its
    convolutions and linear layers, forward and for both gradients, those with padding left out.

    The first layer's gradient needs none for the images.
    """
    counts: list[int] = []

    def count(layer: nn.Module, inputs: tuple[Tensor], out: Tensor) -> None:
        if isinstance(layer, nn.Linear):
            counts.append(2 * layer.in_features * layer.out_features)
        elif isinstance(layer, nn.Conv2d):
            taps = [
                _taps(int(inputs[0].shape[-axis]), int(out.shape[-axis]), layer, axis)
                for axis in (2, 1)
            ]
            counts.append(2 * layer.in_channels * layer.out_channels * taps[0] * taps[1])

    hooks = [layer.register_forward_hook(count) for layer in model.modules()]
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, 32, 32))
    for hook in hooks:
        hook.remove()
    return 3 * sum(counts) - counts[0]


def _taps(size: int, outputs: int, layer: nn.Conv2d, axis: int) -> int:
    """Along one axis, pairs of an output and a tap that does not look at padding."""
    kernel, stride = layer.kernel_size[-axis], layer.stride[-axis]
    padding = int(layer.padding[-axis])
    return sum(
        0 <= out * stride + tap - padding < size for out in range(outputs) for tap in range(kernel)
    )
