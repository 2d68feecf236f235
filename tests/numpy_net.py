"""Net's forward and backward pass in NumPy, float64: an oracle that shares no code with torch."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def _conv(x, weight, bias):
    windows = sliding_window_view(x, weight.shape[2:], axis=(2, 3))
    return np.einsum("bchwij,ocij->bohw", windows, weight) + bias[:, None, None], windows


def _conv_backward(gradient, windows, weight):
    d_weight = np.einsum("bohw,bchwij->ocij", gradient, windows)
    pad = weight.shape[2] - 1
    padded = np.pad(gradient, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    flipped = sliding_window_view(padded, weight.shape[2:], axis=(2, 3))[..., ::-1, ::-1]
    return np.einsum("bohwij,ocij->bchw", flipped, weight), d_weight, gradient.sum((0, 2, 3))


def _pool(x):
    b, c, h, w = x.shape
    blocks = (
        x.reshape(b, c, h // 2, 2, w // 2, 2)
        .transpose(0, 1, 2, 4, 3, 5)
        .reshape(b, c, h // 2, w // 2, 4)
    )
    return blocks.max(-1), blocks.argmax(-1)


def _pool_backward(gradient, winners):
    b, c, h, w = gradient.shape
    blocks = np.zeros((b, c, h, w, 4))
    np.put_along_axis(blocks, winners[..., None], gradient[..., None], -1)
    return blocks.reshape(b, c, h, w, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(b, c, 2 * h, 2 * w)


def loss_and_gradients(p, x, y):
    """Mean cross-entropy and its gradient by each parameter of a ReLU Net.

    `p` maps the names of torch's state_dict to arrays; `x` is (B, 3, 32, 32), `y` is (B,).
    """
    a1, w1 = _conv(x, p["conv1.weight"], p["conv1.bias"])
    p1, i1 = _pool(np.maximum(a1, 0))
    a2, w2 = _conv(p1, p["conv2.weight"], p["conv2.bias"])
    p2, i2 = _pool(np.maximum(a2, 0))
    h0 = p2.reshape(len(x), -1)
    a3 = h0 @ p["fc1.weight"].T + p["fc1.bias"]
    h1 = np.maximum(a3, 0)
    a4 = h1 @ p["fc2.weight"].T + p["fc2.bias"]
    h2 = np.maximum(a4, 0)
    logits = h2 @ p["fc3.weight"].T + p["fc3.bias"]

    shifted = logits - logits.max(1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    rows = np.arange(len(x))
    loss = -log_p[rows, y].mean()

    g = np.exp(log_p)
    g[rows, y] -= 1
    g /= len(x)
    out = {"fc3.weight": g.T @ h2, "fc3.bias": g.sum(0)}
    g = (g @ p["fc3.weight"]) * (a4 > 0)
    out |= {"fc2.weight": g.T @ h1, "fc2.bias": g.sum(0)}
    g = (g @ p["fc2.weight"]) * (a3 > 0)
    out |= {"fc1.weight": g.T @ h0, "fc1.bias": g.sum(0)}
    g = _pool_backward((g @ p["fc1.weight"]).reshape(p2.shape), i2) * (a2 > 0)
    g, out["conv2.weight"], out["conv2.bias"] = _conv_backward(g, w2, p["conv2.weight"])
    g = _pool_backward(g, i1) * (a1 > 0)
    _, out["conv1.weight"], out["conv1.bias"] = _conv_backward(g, w1, p["conv1.weight"])
    return loss, out
