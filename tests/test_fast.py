"""The plain networks of `models.py` are the oracle: the faster ones are the same functions."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from repro import models
from repro.activations import ACTIVATIONS
from repro.fast import (
    FewPixelsConv2d,
    OneDnnLinear,
    PooledFirst,
    SinglePixelConv2d,
    accelerate,
    build,
    convolve,
    windows,
)
from repro.models import Net, SeededDropout
from repro.spec import REPORT_RECIPES

NAMES = list(REPORT_RECIPES)
ONEDNN = torch.backends.mkldnn.is_available()


def pair(name, *, onednn, double=True, seed=3):
    """The plain network and the faster one, with the same weights and dropout."""
    plain = models.build(REPORT_RECIPES[name], seed=seed)
    fast = build(REPORT_RECIPES[name], seed=seed, onednn=onednn)
    if double:
        plain, fast = plain.double(), fast.double()
    for model in (plain, fast):
        for module in model.modules():
            if isinstance(module, SeededDropout):
                module.generator.manual_seed(5)
    return plain, fast


def images(batch=8, dtype=torch.float64):
    x = torch.rand(batch, 3, 32, 32, generator=torch.Generator().manual_seed(1), dtype=dtype)
    return x.contiguous(memory_format=torch.channels_last), torch.arange(batch) % 10


def descend(model, x, y, steps, rate=0.05):
    """Plain gradient descent; the loss before each step."""
    losses, parameters = [], list(model.parameters())
    for _ in range(steps):
        loss = F.cross_entropy(model(x), y)
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(rate * gradient)
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", NAMES)
def test_a_fast_network_has_the_plain_ones_state(name):
    plain, fast = pair(name, onednn=True, double=False)
    ours, theirs = fast.state_dict(), plain.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert ours["fc.weight" if name == "resnet" else "fc1.weight"].any()

    other = models.build(REPORT_RECIPES[name], seed=4)
    fast.load_state_dict(other.state_dict())
    again = fast.state_dict()
    assert all(torch.equal(again[key], value) for key, value in other.state_dict().items())
    other.load_state_dict(again)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_logits_are_the_plain_ones(name, training):
    plain, fast = (model.train(training) for model in pair(name, onednn=False))
    x, _ = images()
    torch.testing.assert_close(fast(x), plain(x), rtol=1e-12, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_ten_steps_of_training_are_the_plain_ones(name):
    plain, fast = pair(name, onednn=False)
    x, y = images()
    assert descend(fast, x, y, 10) == pytest.approx(descend(plain, x, y, 10), rel=1e-10)
    ours = fast.state_dict()
    for key, value in plain.state_dict().items():
        torch.testing.assert_close(ours[key], value, rtol=1e-10, atol=1e-12, msg=key)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_the_plain_ones(name):
    """Shown by one step: what it moved is the gradient, also of the taps that are not trained."""
    plain, fast = pair(name, onednn=False)
    before = copy.deepcopy(plain.state_dict())
    x, y = images()
    for model in (plain, fast):
        descend(model, x, y, 1, rate=1.0)
    ours = fast.state_dict()
    for key, value in plain.named_parameters():
        torch.testing.assert_close(
            ours[key] - before[key], value.detach() - before[key], rtol=1e-9, atol=1e-12, msg=key
        )


@pytest.mark.skipif(not ONEDNN, reason="torch was built without oneDNN")
@pytest.mark.parametrize("name", NAMES)
def test_float32_through_onednn_differs_by_rounding(name):
    plain, fast = pair(name, onednn=True, double=False)
    x, y = images(20, torch.float32)
    torch.testing.assert_close(fast(x), plain(x), rtol=1e-4, atol=1e-5)
    for model in (plain, fast):
        descend(model, x, y, 1, rate=0.01)
    ours = fast.state_dict()
    for key, value in plain.state_dict().items():
        torch.testing.assert_close(ours[key], value, rtol=1e-3, atol=1e-5, msg=key)


@pytest.mark.parametrize("name", ["net-relu", "net-leaky_relu", "net-swish"])
def test_net_has_the_plain_bits_in_float32(name):
    """Zeros in a sum change no bit, and ReLU after pooling neither."""
    plain, fast = pair(name, onednn=True, double=False)
    plain = plain.to(memory_format=torch.channels_last)
    x, y = images(20, torch.float32)
    assert descend(fast, x, y, 10) == descend(plain, x, y, 10)
    ours = fast.state_dict()
    assert all(torch.equal(ours[key], value) for key, value in plain.state_dict().items())


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_pooling_first_keeps_every_bit_where_values_tie(activation):
    act = ACTIVATIONS[activation]
    pooled = PooledFirst(Net(act), onednn=False)._pool
    for seed in range(20):
        random = torch.Generator().manual_seed(seed)
        x = torch.randint(-2, 3, (4, 8, 6, 6), generator=random).float() / 3
        x[0] = -x[0].abs()  # windows with nothing above zero
        weights = torch.randn(4, 8, 3, 3, generator=random)
        results = []
        for function in (pooled, lambda x: F.max_pool2d(act(x), 2)):
            leaf = x.clone().requires_grad_()
            out = function(leaf)
            results.append((out.detach(), *torch.autograd.grad((out * weights).sum(), leaf)))
        assert torch.equal(results[0][0], results[1][0])
        assert torch.equal(results[0][1], results[1][1])


@pytest.mark.parametrize(("channels", "came", "out"), [(3, 3, 6), (6, 8, 16), (3, 3, 8)])
def test_channels_of_zeros_fill_the_vectors_and_take_no_part(channels, came, out):
    layer = nn.Conv2d(channels, out, 3).double()
    x = torch.zeros(2, came, 5, 5, dtype=torch.float64)
    x[:, :channels] = torch.rand(2, channels, 5, 5)
    y = convolve(x, layer)
    assert y.shape == (2, 8 if out <= 8 else 16, 3, 3)
    torch.testing.assert_close(y[:, :out], layer(x[:, :channels]), rtol=1e-12, atol=1e-12)
    assert not y[:, out:].any()


@pytest.mark.parametrize(("stride", "size"), [(1, 2), (1, 4), (2, 4), (2, 5)])
def test_few_pixels_convolutions_pass_gradcheck(stride, size):
    plain = nn.Conv2d(3, 4, 3, stride, 1, bias=False).double()
    ours = FewPixelsConv2d(plain, onednn=False)
    x = torch.rand(2, 3, size, size, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(ours(x), plain(x), rtol=1e-12, atol=1e-12)

    def function(x, weight):
        ours.weight = nn.Parameter(weight)
        del ours.weight
        ours.weight = weight
        return ours(x)

    assert torch.autograd.gradcheck(function, (x, plain.weight.detach().requires_grad_()))


def test_windows_are_what_unfold_sees():
    x = torch.rand(2, 3, 5, 5)
    seen = windows(x, (3, 3), 2, 1).view(2, 9, 3, 3, 3)
    unfolded = F.unfold(x, 3, padding=1, stride=2).view(2, 3, 3, 3, 9)
    assert torch.equal(seen, unfolded.permute(0, 4, 2, 3, 1))


@pytest.mark.parametrize(
    ("size", "stride", "kernel", "padding"),
    [(1, 1, 3, 1), (2, 2, 3, 1), (1, 2, 3, 1), (3, 4, 5, 2), (1, 1, 1, 0), (2, 2, 1, 0)],
)
def test_a_single_pixel_convolution_is_the_convolution(size, stride, kernel, padding):
    plain = nn.Conv2d(3, 4, kernel, stride, padding, bias=False).double()
    ours = SinglePixelConv2d(copy.deepcopy(plain), size=size, onednn=False)
    x = torch.rand(2, 3, size, size, dtype=torch.float64)
    torch.testing.assert_close(ours(x), plain(x), rtol=1e-12, atol=1e-12)
    for model in (plain, ours):
        (gradient,) = torch.autograd.grad(model(x).square().sum(), list(model.parameters()))
        with torch.no_grad():
            next(model.parameters()).sub_(gradient)
    torch.testing.assert_close(
        ours.state_dict()["weight"], plain.weight.detach(), rtol=1e-12, atol=1e-12
    )


def test_more_than_one_pixel_is_refused():
    with pytest.raises(ValueError, match="size: expected images that give one pixel; got 4"):
        SinglePixelConv2d(nn.Conv2d(3, 4, 3, 2, 1, bias=False), size=4, onednn=False)


def test_a_single_pixel_convolution_trains_only_the_taps_that_see_the_image():
    plain = nn.Conv2d(256, 512, 3, 2, 1, bias=False)
    ours = SinglePixelConv2d(plain, size=2, onednn=False)
    assert [tuple(p.shape) for p in ours.parameters()] == [(4 * 256, 512)]
    assert list(ours.state_dict()) == ["weight"]


def test_single_pixel_weights_of_another_shape_are_refused():
    fast = accelerate(models.resnet18(), onednn=False)
    state = fast.state_dict()
    state["layer4.0.conv1.weight"] = state["layer4.0.conv1.weight"][:, :3]
    with pytest.raises(RuntimeError, match=r"size mismatch for layer4\.0\.conv1\.weight"):
        fast.load_state_dict(state)
    del state["layer4.0.conv1.weight"]
    with pytest.raises(RuntimeError, match=r"Missing key.*layer4\.0\.conv1\.weight"):
        fast.load_state_dict(state)


@pytest.mark.skipif(not ONEDNN, reason="torch was built without oneDNN")
def test_a_linear_layer_through_onednn_is_the_linear_layer():
    plain = nn.Linear(300, 400)
    ours = OneDnnLinear(plain)
    x = torch.randn(20, 300, requires_grad=True)
    results = []
    for layer in (plain, ours):
        out = layer(x)
        results.append((out, *torch.autograd.grad(out.sin().sum(), [x, *layer.parameters()])))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert results[1][2].stride() == ours.weight.stride(), "the step is taken on like memory"
