"""The vector kernels are the specification in plain C, bit by bit, for every shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro import streams
from repro.data.dataset import synthetic
from repro.kernels import library, networks
from repro.kernels.binding import Network
from repro.kernels.build import SOURCES
from repro.kernels.networks import Layer, Table
from tests.kernels.specification import Specification

ACTIVATIONS = ("identity", "relu", "leaky_relu", "swish")


@pytest.fixture(scope="module")
def specification(compiled):
    return compiled(SOURCES / "specification.c")


def same(one, other):
    """Bit by bit, apart from which NaN it is."""
    one, other = np.asarray(one, np.float32), np.asarray(other, np.float32)
    nan = np.isnan(one)
    return (nan == np.isnan(other)).all() and (
        one[~nan].view(np.uint32) == other[~nan].view(np.uint32)
    ).all()


def drawn_state(network, scale):
    """Made-up tensors of a network, within `scale` of 0."""
    state = network.state()
    for number, (name, value) in enumerate(state.items()):
        if value.dtype == np.int64:
            continue
        drawn = streams.words(number, "init", value.size).reshape(value.shape)
        value[...] = scale * ((drawn + 0.5) / 2**31 - 1)
        if name.endswith("running_var"):
            value[...] = np.abs(value) + 0.5
    return state


def compare(library_, table, *, batch, images, labels, order, scale=1.0, **options):
    """Train by both, and compare every loss, weight, moment and logit."""
    network = Network(library.load(), table, batch=batch, **options)
    network.load(drawn_state(network, scale))
    expected = Specification(library_, network)
    assert same(
        network.train(images, labels, order, seed=9, epoch=2),
        expected.train(images, labels, order, seed=9, epoch=2),
    )
    assert same(network.flat(), expected.flat)
    moments = network.moments()
    for plane, moment in enumerate(("velocity",) if len(moments) else ()):
        here = {n: v for n, v in moments.items() if n.startswith(moment)}
        for tensor in network._tensors:
            if f"{moment}.{tensor.name}" in here:
                given_ = here[f"{moment}.{tensor.name}"]
                assert same(given_, tensor.of(expected.moments[plane]))
    few = images[: network.capacity]
    assert same(
        network.predict(few, seed=9, epoch=2, dropout=True),
        expected.predict(few, seed=9, epoch=2, dropout=True),
    )
    return network


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize(
    ("architecture", "activation", "optimiser", "momentum"),
    [
        ("net", "relu", "sgd", 0.0),
        ("net", "leaky_relu", "sgd", 0.9),
        ("net", "swish", "adam", 0.0),
        ("improved", "relu", "sgd", 0.0),
    ],
)
def test_the_reports_networks(
    specification, architecture, activation, optimiser, momentum, threads
):
    data = synthetic(train=60, test=10)
    images = np.ascontiguousarray(data.train_images.transpose(0, 2, 3, 1))
    batch = 11
    if architecture == "improved":
        batch, images = 2, images[:3]  # the specification takes a second an image
    order = np.arange(len(images))[::-1].copy()
    compare(
        specification, networks.table(architecture, activation), batch=batch, images=images,
        labels=data.train_labels, order=order, scale=0.05, optimiser=optimiser, momentum=momentum,
        threads=threads,
    )  # fmt: skip


@st.composite
def pooled(draw):
    """Pooled convolutions and linear layers on a small image."""
    kernel, padding = draw(st.sampled_from([(1, 0), (2, 0), (3, 0), (3, 1), (5, 0), (5, 2)]))
    activation = draw(st.sampled_from(ACTIVATIONS))
    height, width = (2 * draw(st.integers(1, 4)) + kernel - 1 - 2 * padding for _ in range(2))
    height, width = max(height, 1), max(width, 1)
    outputs = draw(st.integers(1, 35))
    rows, columns = ((size + 2 * padding - kernel + 1) // 2 for size in (height, width))
    if rows < 1 or columns < 1:
        kernel, padding, rows, columns = 1, 0, height // 2 or 1, width // 2 or 1
        height, width = 2 * rows, 2 * columns
    layers = [
        Layer(
            name="conv1", kind="conv_pool", in_="image", out="conv1",
            shape=(rows, columns, outputs), kernel=kernel, padding=padding, activation=activation,
        )
    ]  # fmt: skip
    if rows >= 2 and columns >= 2:
        more = draw(st.integers(1, 20))
        layers.append(
            Layer(
                name="conv2", kind="conv_pool", in_="conv1", out="conv2",
                shape=(rows // 2, columns // 2, more), kernel=3, padding=1,
                activation=draw(st.sampled_from(ACTIVATIONS)),
            )
        )  # fmt: skip
        if rows % 2 or columns % 2:
            layers.pop()
    return Table((height, width, 3), (*layers, *draw(linear(layers[-1].out))))


@st.composite
def linear(draw, before):
    layers = []
    for number in range(draw(st.integers(0, 2))):
        layers.append(
            Layer(
                name=f"hidden{number}", kind="linear", in_=before, out=f"hidden{number}",
                shape=(1, 1, draw(st.integers(1, 40))),
                activation=draw(st.sampled_from(ACTIVATIONS)),
                dropout=draw(st.sampled_from([0.0, 0.25, 0.5])),
            )
        )  # fmt: skip
        before = f"hidden{number}"
    last = Layer(name="last", kind="linear", in_=before, out="last", shape=(1, 1, 10))
    return (*layers, last)


@st.composite
def residual(draw):
    """Convolutions with batch norm, a maximum and a branch that is added, on a small image."""
    size = draw(st.sampled_from([1, 2, 3, 5, 8]))
    channels, kernel = draw(st.integers(1, 35)), draw(st.sampled_from([1, 3, 7]))
    stride = draw(st.sampled_from([1, 2]))

    def conv(name, before, shape, kernel, stride):
        return Layer(
            name=name, kind="conv", in_=before, out=name, shape=shape, kernel=kernel,
            stride=stride, padding=kernel // 2,
        )  # fmt: skip

    def norm(name, before, shape, activation="relu", add=None):
        return Layer(
            name=name, kind="norm", in_=before, out=name, shape=shape, activation=activation,
            add=add,
        )  # fmt: skip

    one = (size + stride - 1) // stride
    layers = [
        conv("conv1", "image", (one, one, channels), kernel, stride),
        norm("bn1", "conv1", (one, one, channels)),
    ]
    before = "bn1"
    if draw(st.booleans()):
        one = (one + 1) // 2
        layers.append(
            Layer(name="pool", kind="max_pool", in_=before, out="pool", shape=(one, one, channels))
        )
        before = "pool"
    shape = (one, one, channels)
    layers += [
        conv("a", before, shape, 3, 1), norm("b", "a", shape), conv("c", "b", shape, 3, 1),
        norm("d", "c", shape, add=before),
    ]  # fmt: skip
    two = ((one + 1) // 2,) * 2 + (draw(st.integers(1, 20)),)
    layers += [
        conv("e", "d", two, 3, 2), norm("f", "e", two), conv("g", "d", two, 1, 2),
        norm("h", "g", two, "identity"), norm("i", "f", two, add="h"),
    ]  # fmt: skip
    return Table((size, size, 3), (*layers, *draw(linear("i"))))


@settings(max_examples=max(60, settings.default.max_examples // 2))
@given(
    data=st.data(),
    table=st.one_of(pooled(), residual()),
    batch=st.integers(1, 23),
    images=st.integers(2, 25),
    pixels=st.sampled_from(["symmetric", "unit", "imagenet"]),
    optimiser=st.sampled_from([("sgd", 0.0), ("sgd", 0.9), ("adam", 0.0)]),
    scale=st.sampled_from([0.0, 1e-20, 0.1, 1.0, 1e15, float("nan")]),
    threads=st.sampled_from([1, 1, 2, 5]),
    few_colours=st.booleans(),
)
def test_any_network(
    specification, data, table, batch, images, pixels, optimiser, scale, threads, few_colours
):
    """Zeros, ties, denormal and huge numbers and NaN among the weights; the last batch is short."""
    seed = data.draw(st.integers(0, 2**31))
    drawn = streams.words(seed, "shuffle", images * int(np.prod(table.image)))
    given_ = (drawn >> np.uint32(24)).astype(np.uint8)
    if few_colours:  # so that many pixels are equal
        given_ = (given_ // 128) * 255
    given_ = given_.astype(np.uint8).reshape(images, *table.image)
    labels = (streams.words(seed, "split", images) % 10).astype(np.uint8)
    order = streams.permutation(images, seed, "shuffle")
    compare(
        specification, table, batch=batch, images=given_, labels=labels, order=order,
        pixels=pixels, optimiser=optimiser[0], momentum=optimiser[1], scale=scale,
        threads=threads, learning_rate=0.1,
    )  # fmt: skip


@pytest.mark.parametrize("optimiser", [("sgd", 0.0), ("sgd", 0.9), ("adam", 0.0)])
@pytest.mark.parametrize("kind", ["conv", "conv_pool"])
def test_a_tap_that_no_pixel_reaches_stays_as_it_is_whatever_comes(specification, kind, optimiser):
    """Zeros of the border times a gradient that is no number would be none either."""
    size, kernel = (1, 3) if kind == "conv" else (2, 5)
    first = Layer(
        name="first", kind=kind, in_="image", out="first", shape=(1, 1, 2), kernel=kernel,
        padding=kernel // 2,
    )  # fmt: skip
    last = Layer(name="last", kind="linear", in_="first", out="last", shape=(1, 1, 10))
    table = Table((size, size, 3), (first, last))
    images = np.arange(1, 1 + 6 * 3 * size**2, dtype=np.uint8).reshape(6, size, size, 3)
    network = compare(
        specification, table, batch=1, images=images, labels=np.arange(6, dtype=np.uint8),
        order=np.arange(6), scale=1e15, optimiser=optimiser[0], momentum=optimiser[1],
        learning_rate=1e30,
    )  # fmt: skip
    weights = network.state()["first.weight"]
    reached = weights[:, :, kernel // 2, kernel // 2]
    assert np.isnan(reached).any(), "else this shows nothing"
    assert np.isfinite(weights[:, :, 0, 0]).all()
