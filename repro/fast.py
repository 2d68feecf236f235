"""The report's networks again, as one CPU core computes them soonest.

`models.py` says what a network is; here are the same functions of the same parameters, up to
rounding, with the same state dict. What each change saves is measured in benchmarks/README.md.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from repro import models
from repro.activations import relu
from repro.models import ImprovedNet, Net
from repro.spec import Recipe

VECTOR = 8
"""Float32 numbers in a register of AVX2."""

LARGE = 100_000
"""Weights of a linear layer from which oneDNN is worth its preparations."""


def build(recipe: Recipe, *, seed: int, onednn: bool) -> nn.Module:
    """:func:`repro.models.build`, then :func:`accelerate`."""
    return accelerate(models.build(recipe, seed=seed), onednn=onednn)


def accelerate(model: nn.Module, *, onednn: bool) -> nn.Module:
    """One of the report's networks with faster layers, which take the parameters of `model`.

    `onednn` sends large matrix products to oneDNN; :func:`repro.training.prefers_onednn` says where
    that is faster.
    """
    model = model.to(memory_format=torch.channels_last)
    if isinstance(model, (Net, ImprovedNet)):
        return PooledFirst(model, onednn=onednn)
    for stage in (model.layer2, model.layer3):
        for block in stage:  # type: ignore[union-attr]
            block.conv1 = FewPixelsConv2d(block.conv1, onednn=onednn)
            block.conv2 = FewPixelsConv2d(block.conv2, onednn=onednn)
    first, second = model.layer4  # type: ignore[misc]
    first.conv1 = SinglePixelConv2d(first.conv1, size=2, onednn=onednn)
    first.conv2 = SinglePixelConv2d(first.conv2, size=1, onednn=onednn)
    first.downsample[0] = SinglePixelConv2d(first.downsample[0], size=2, onednn=onednn)
    second.conv1 = SinglePixelConv2d(second.conv1, size=1, onednn=onednn)
    second.conv2 = SinglePixelConv2d(second.conv2, size=1, onednn=onednn)
    return model


class PooledFirst(nn.Module):
    """Net or ImprovedNet, pooling before ReLU: three of four activations need no computing then.

    Every bit is that of the plain order, gradients and ties included. With Leaky ReLU some would
    not be, since values that differ can round to one after it, and Swish is not monotonic: those
    two are pooled after their activation.
    """

    def __init__(self, plain: Net | ImprovedNet, *, onednn: bool) -> None:
        super().__init__()
        for name, layer in plain.named_children():
            self.add_module(name, layer)
            if onednn and isinstance(layer, nn.Linear) and layer.weight.numel() >= LARGE:
                self.add_module(name, OneDnnLinear(layer))
        self.activation = plain.activation

    def forward(self, x: Tensor) -> Tensor:
        layers = dict(self.named_children())
        for layer in layers.values():
            if isinstance(layer, nn.Conv2d):
                x = self._pool(convolve(x, layer))
        x = self.activation(layers["fc1"](x.flatten(1)))
        if "dropout" in layers:
            x = layers["dropout"](x)
        x = self.activation(layers["fc2"](x))
        logits: Tensor = layers["fc3"](x)
        return logits

    def _pool(self, x: Tensor) -> Tensor:
        if self.activation is relu:
            return relu(F.max_pool2d(x, 2))
        return F.max_pool2d(self.activation(x), 2)


def convolve(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """`layer` of x, with channels of zeros added to fill the last vector register.

    The channels that are added have no weight, so they stay zero, and so do their gradients; the
    next layer is given as many channels of zeros as came.
    """
    weight, bias = layer.weight, layer.bias
    out, channels = -weight.shape[0] % VECTOR, x.shape[1] - weight.shape[1]
    if out or channels:
        weight = F.pad(weight, (0, 0, 0, 0, 0, channels, 0, out))
        weight = weight.contiguous(memory_format=torch.channels_last)
        bias = None if bias is None else F.pad(bias, (0, out))
    return F.conv2d(x, weight, bias, padding=layer.padding)


def multiply(a: Tensor, b: Tensor, bias: Tensor | None = None, *, onednn: bool) -> Tensor:
    """a (M, K) times b (K, N), plus a bias (N,); oneDNN knows float32 alone."""
    if onednn and a.dtype == torch.float32:
        product: Tensor = torch.ops.mkldnn._linear_pointwise(a, b.t(), bias, "none", [], "")
        return product
    return F.linear(a, b.t(), bias)


class _Product(torch.autograd.Function):
    """x (B, I) times weight (I, O), plus bias (O,) or None, all three products by oneDNN."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.has_bias = bias is not None
        return multiply(x, weight, bias, onednn=True)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        to_x = multiply(gradient, weight.t(), onednn=True) if ctx.needs_input_grad[0] else None
        to_weight = multiply(x.t().contiguous(), gradient, onednn=True)
        return to_x, to_weight, gradient.sum(0) if ctx.has_bias else None


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, onednn: bool) -> Tensor:
    """F.linear, but of weight (I, O)."""
    if onednn:
        product: Tensor = _Product.apply(x, weight, bias)
        return product
    return F.linear(x, weight.t(), bias)


class OneDnnLinear(nn.Module):
    """nn.Linear through oneDNN. Its weight (O, I) lies in memory as (I, O), which all three
    products like better."""

    def __init__(self, plain: nn.Linear) -> None:
        super().__init__()
        self.weight = nn.Parameter(plain.weight.detach().t().contiguous().t())
        self.bias = plain.bias

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight.t(), self.bias, onednn=True)


class _FewPixels(torch.autograd.Function):
    """A convolution without bias whose kernel's gradient is one matrix product."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int, onednn: bool
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding, ctx.onednn = stride, padding, onednn
        return F.conv2d(x, weight, None, stride, padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        out, channels, height, width = weight.shape
        to_x, _, _ = torch.ops.aten.convolution_backward(
            gradient, x, weight, None,
            [ctx.stride] * 2, [ctx.padding] * 2, [1, 1], False, [0, 0], 1, [True, False, False],
        )  # fmt: skip
        rows = gradient.permute(0, 2, 3, 1).reshape(-1, out)
        seen = windows(x, (height, width), ctx.stride, ctx.padding)
        to_weight = multiply(rows.t(), seen, onednn=ctx.onednn)
        return to_x, to_weight.view(out, height, width, channels).permute(0, 3, 1, 2), *[None] * 3


def windows(x: Tensor, kernel: tuple[int, int], stride: int, padding: int) -> Tensor:
    """What a kernel (h, w) sees of x (B, C, H, W) at each output pixel: (B * pixels, h * w * C).

    Channels are innermost, so that one of the kernel's lines is one piece of memory.
    """
    padded = F.pad(x, (padding,) * 4).contiguous(memory_format=torch.channels_last)
    batch, channels, rows, columns = padded.shape
    height, width = kernel
    pixels = (rows - height) // stride + 1, (columns - width) // stride + 1
    line = columns * channels
    seen = padded.as_strided(
        (batch, *pixels, height, width * channels),
        (rows * line, stride * line, stride * channels, line, 1),
    )
    return seen.reshape(-1, height * width * channels)


class FewPixelsConv2d(nn.Module):
    """A square convolution without bias, for outputs of few pixels.

    oneDNN sums a kernel's gradient pixel by pixel and is slow where a batch has few of them.
    """

    def __init__(self, plain: nn.Conv2d, *, onednn: bool) -> None:
        super().__init__()
        self.weight = plain.weight
        self.stride, self.padding = int(plain.stride[0]), int(plain.padding[0])
        self.onednn = onednn

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = _FewPixels.apply(x, self.weight, self.stride, self.padding, self.onednn)
        return y


class SinglePixelConv2d(nn.Module):
    """A square convolution without bias of an image to one pixel: a linear layer of those taps
    that see the image.

    On 32x32 images resnet18's last stage works on 1x1 maps, where eight of a 3x3 kernel's nine
    taps multiply zeros of the padding. Their gradient is exactly zero, and neither SGD nor Adam
    ever moves them: they stay in `weight` as they came. Only `taps` (I, O) is trained.

    Raises:
        ValueError: images of `size` (height and width) give more than one pixel.
    """

    weight: Tensor

    def __init__(self, plain: nn.Conv2d, *, size: int, onednn: bool) -> None:
        super().__init__()
        first, kernel = int(plain.padding[0]), plain.kernel_size[0]
        if size + 2 * first - kernel >= int(plain.stride[0]):
            raise ValueError(f"size: expected images that give one pixel; got {size}")
        self.seen = min(size, kernel - first)
        self.taps_seen = slice(first, first + self.seen)
        self.onednn = onednn
        self.register_buffer("weight", plain.weight.detach())
        self.taps = nn.Parameter(self._seen_weight().flatten(0, 2).clone())

    def forward(self, x: Tensor) -> Tensor:
        pixels = x[:, :, : self.seen, : self.seen].permute(0, 2, 3, 1).flatten(1)
        return linear(pixels, self.taps, onednn=self.onednn)[:, :, None, None]

    def _seen_weight(self) -> Tensor:
        """The part of `weight` that `taps` stands for, as (seen, seen, I, O)."""
        return self.weight[:, :, self.taps_seen, self.taps_seen].permute(2, 3, 1, 0)

    def _save_to_state_dict(self, destination: Any, prefix: str, *_: Any) -> None:
        part = self._seen_weight()
        part.copy_(self.taps.detach().view_as(part))
        destination[prefix + "weight"] = self.weight

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        given = state_dict.get(prefix + "weight")
        super()._load_from_state_dict({**state_dict, prefix + "taps": self.taps}, prefix, *rest)
        if given is not None and given.shape == self.weight.shape:
            with torch.no_grad():
                self.taps.copy_(self._seen_weight().flatten(0, 2))
