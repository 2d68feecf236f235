"""The kernels and `models.py` are the same mathematics: in float64 to rounding, in float32 nearly."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from repro import streams
from repro.data.dataset import synthetic
from repro.kernels import library, networks
from repro.kernels.binding import Network
from repro.networks import models
from repro.spec import DROPOUT, PIXEL_STATISTICS, REPORT_RECIPES
from repro.training.optimisers import make

DATA = synthetic(train=120, test=20)
IMAGES = np.ascontiguousarray(DATA.train_images.transpose(0, 2, 3, 1))

RECIPES = {
    **REPORT_RECIPES,
    "net, momentum": dataclasses.replace(REPORT_RECIPES["net-relu"], momentum=0.9),
    "net, Adam": dataclasses.replace(
        REPORT_RECIPES["net-swish"], optimiser="adam", learning_rate=0.001
    ),
    "net, pixels in [0, 1]": dataclasses.replace(REPORT_RECIPES["net-relu"], pixels="unit"),
    "net, ImageNet's pixels": dataclasses.replace(REPORT_RECIPES["net-relu"], pixels="imagenet"),
    "net, Sigmoid": dataclasses.replace(REPORT_RECIPES["net-relu"], activation="sigmoid"),
    "improved, no dropout": dataclasses.replace(REPORT_RECIPES["improved"], dropout=0.0),
    "improved, Leaky ReLU": dataclasses.replace(
        REPORT_RECIPES["improved"], activation="leaky_relu"
    ),
    "improved, Swish": dataclasses.replace(REPORT_RECIPES["improved"], activation="swish"),
    "resnet, momentum": dataclasses.replace(REPORT_RECIPES["resnet"], momentum=0.9),
}


def network(recipe, library_, dtype, **more):
    made = Network(
        library_, networks.table(recipe.architecture, recipe.activation, recipe.dropout), batch=recipe.batch_size,
        pixels=recipe.pixels, optimiser=recipe.optimiser, learning_rate=recipe.learning_rate,
        momentum=recipe.momentum, dtype=dtype, **more,
    )  # fmt: skip
    made.load(streams.initial_weights(recipe.architecture, 3))
    return made


class Dropout(torch.nn.Module):
    """Dropout by the masks of a stream, from its start on."""

    def __init__(self, purpose, epoch):
        super().__init__()
        self.purpose, self.epoch, self.drawn = purpose, epoch, 0

    def forward(self, x):
        if not self.training:
            return x
        kept = streams.kept(3, self.purpose, x.numel(), DROPOUT, epoch=self.epoch, start=self.drawn)
        self.drawn += x.numel()
        return x * torch.from_numpy(kept).view(x.shape).to(x.dtype) / (1 - DROPOUT)


def module(recipe, dtype, purpose="dropout", epoch=1):
    """The plain torch module with the initial weights of seed 3 and the masks of its streams."""
    model = models.build(recipe, seed=0)
    drawn = streams.initial_weights(recipe.architecture, 3)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in drawn.items()})
    if recipe.has_dropout:
        model.dropout = Dropout(purpose, epoch)
    return model.to(dtype)


def as_arrays(state):
    return {name: value.numpy() for name, value in state.items()}


def torch_training(recipe, order, dtype):
    """Losses and the network after training by torch on the images that `order` names."""
    model = module(recipe, dtype)
    optimiser = make(recipe, list(model.parameters()))
    losses = []
    for indices in torch.split(torch.from_numpy(order), recipe.batch_size):
        labels = torch.from_numpy(DATA.train_labels.astype(np.int64))[indices]
        loss = F.cross_entropy(model(pixels(recipe, indices, dtype)), labels)
        optimiser.step(torch.autograd.grad(loss, list(model.parameters())))
        losses.append(loss.item())
    return np.array(losses), model.eval()


def pixels(recipe, indices, dtype):
    x = torch.from_numpy(IMAGES)[indices].to(dtype).permute(0, 3, 1, 2) / 255
    if (statistics := PIXEL_STATISTICS[recipe.pixels]) is not None:
        mean, deviation = (torch.tensor(each, dtype=dtype).view(1, 3, 1, 1) for each in statistics)
        x = (x - mean) / deviation
    return x


@pytest.mark.parametrize(
    ("name", "batch"),
    [
        *((name, 3) for name in RECIPES if name == "improved" or name.startswith("net")),
        *(pytest.param(name, 20, marks=pytest.mark.slow) for name in RECIPES),
        *(
            pytest.param(name, 3, marks=pytest.mark.slow)
            for name in RECIPES
            if name.startswith("improved, ")
        ),
        pytest.param("resnet, momentum", 7, marks=pytest.mark.slow),
    ],
)
def test_ten_steps_in_float64_are_torchs(name, batch, double):
    recipe = dataclasses.replace(RECIPES[name], batch_size=batch)
    order = streams.permutation(len(IMAGES), 1, "shuffle")[: 9 * batch + batch // 2][:115]
    ours = network(recipe, double, np.float64)
    losses = ours.train(IMAGES, DATA.train_labels, order, seed=3, epoch=1)
    expected, model = torch_training(recipe, order, torch.float64)
    # Batch norm over few pixels magnifies the rounding of every step.
    bound = 1e-12 if recipe.architecture != "resnet" else 1e-6
    assert np.abs(losses - expected).max() < bound
    state, expected_state = ours.state(), as_arrays(model.state_dict())
    assert state.keys() == expected_state.keys()
    for tensor, value in expected_state.items():
        assert np.allclose(state[tensor], value, rtol=bound, atol=bound), tensor
    with torch.no_grad():
        logits = model(pixels(recipe, torch.arange(len(IMAGES)), torch.float64)).numpy()
    assert np.abs(ours.predict(IMAGES) - logits).max() < 1000 * bound


@pytest.mark.slow
def test_one_step_of_resnet_in_float64_is_torchs_to_rounding(double):
    recipe = REPORT_RECIPES["resnet"]
    order = np.arange(20)
    ours = network(recipe, double, np.float64)
    (loss,) = ours.train(IMAGES, DATA.train_labels, order, seed=3, epoch=1)
    (expected,), model = torch_training(recipe, order, torch.float64)
    assert loss == pytest.approx(expected, rel=1e-13)
    state = ours.state()
    for tensor, value in as_arrays(model.state_dict()).items():
        assert np.allclose(state[tensor], value, rtol=1e-12, atol=1e-12), tensor


@pytest.mark.parametrize("name", ["net-relu", "net-leaky_relu", "net-swish", "improved"])
def test_ten_steps_in_float32_are_torchs_nearly(name):
    recipe = REPORT_RECIPES[name]
    order = streams.permutation(len(IMAGES), 1, "shuffle")
    losses = network(recipe, library.load(), np.float32).train(
        IMAGES, DATA.train_labels, order, seed=3, epoch=1
    )
    expected, _ = torch_training(recipe, order, torch.float32)
    assert np.abs(losses - expected).max() < 2e-6


@pytest.mark.slow
def test_dropout_at_prediction_is_torchs(double):
    recipe = REPORT_RECIPES["improved"]
    ours = network(recipe, double, np.float64)
    model = module(recipe, torch.float64, "prediction", 5).eval()
    model.dropout.train()
    with torch.no_grad():
        expected = model(pixels(recipe, torch.arange(len(IMAGES)), torch.float64)).numpy()
    on = ours.predict(IMAGES, seed=3, epoch=5, dropout=True)
    assert np.abs(on - expected).max() < 1e-12
    assert np.abs(on - ours.predict(IMAGES)).max() > 1e-3
    some = np.array([0, 1, 2, 7])
    few = ours.predict(IMAGES[:8], some, seed=3, epoch=5, dropout=True)
    assert np.abs(few[:3] - on[:3]).max() < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("batch", [4, 20])
def test_batch_norm_left_in_training_mode_at_prediction_is_torchs(batch, double):
    recipe = REPORT_RECIPES["resnet"]
    ours = network(recipe, double, np.float64)
    before = ours.state()
    model = module(recipe, torch.float64).train()
    with torch.no_grad():
        expected = [
            model(pixels(recipe, indices, torch.float64)).numpy()
            for indices in torch.split(torch.arange(5 * batch), batch)
        ]
    logits = ours.predict(IMAGES[: 5 * batch], norm_batch=batch)
    assert np.abs(logits - np.concatenate(expected)).max() < 1e-10
    assert np.abs(logits - ours.predict(IMAGES[: 5 * batch])).max() > 1e-3
    after = ours.state()
    assert all((after[name] == before[name]).all() for name in before), "it learns nothing by it"
    with pytest.raises(ValueError, match="norm_batch: expected at most 20; got 21"):
        ours.predict(IMAGES, norm_batch=21)


def test_predictions_do_not_depend_on_how_many_are_made_at_a_time():
    recipe = REPORT_RECIPES["improved"]
    one = network(recipe, library.load(), np.float32, capacity=100)
    other = network(dataclasses.replace(recipe, batch_size=3), library.load(), np.float32)
    for dropout in (False, True):
        a, b = (n.predict(IMAGES, seed=1, epoch=2, dropout=dropout) for n in (one, other))
        assert (a == b).all()


@pytest.mark.parametrize("architecture", ["net", "improved", "resnet"])
def test_the_table_has_the_tensors_of_the_module(architecture):
    recipe = next(r for r in REPORT_RECIPES.values() if r.architecture == architecture)
    state = network(recipe, library.load(), np.float32).state()
    expected = as_arrays(module(recipe, torch.float32).state_dict())
    assert {n: v.shape for n, v in state.items()} == {n: v.shape for n, v in expected.items()}
    for name, value in expected.items():
        assert (state[name] == value).all(), name
