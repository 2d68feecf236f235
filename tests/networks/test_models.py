from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision

from repro import streams
from repro.networks.activations import ACTIVATIONS
from repro.networks.models import (
    ImprovedNet,
    Net,
    SeededDropout,
    build,
    resnet18,
)
from repro.spec import REPORT_RECIPES, Recipe
from tests.examples import parameter_count


@pytest.mark.parametrize(
    ("model", "count"), [(Net(), 62_006), (ImprovedNet(), 1_276_234), (resnet18(), 11_181_642)]
)
def test_parameter_counts_are_the_reports(model, count):
    assert parameter_count(model) == count


def test_net_has_the_layers_of_figure_3_9():
    shapes = {name: tuple(value.shape) for name, value in Net().state_dict().items()}
    assert shapes == {
        "conv1.weight": (6, 3, 5, 5), "conv1.bias": (6,),
        "conv2.weight": (16, 6, 5, 5), "conv2.bias": (16,),
        "fc1.weight": (120, 400), "fc1.bias": (120,),
        "fc2.weight": (84, 120), "fc2.bias": (84,),
        "fc3.weight": (10, 84), "fc3.bias": (10,),
    }  # fmt: skip


def test_improved_net_has_the_layers_of_section_3_2_4():
    shapes = {name: tuple(value.shape) for name, value in ImprovedNet().state_dict().items()}
    assert shapes == {
        "conv1.weight": (32, 3, 3, 3), "conv1.bias": (32,),
        "conv2.weight": (64, 32, 3, 3), "conv2.bias": (64,),
        "conv3.weight": (128, 64, 3, 3), "conv3.bias": (128,),
        "fc1.weight": (512, 2048), "fc1.bias": (512,),
        "fc2.weight": (256, 512), "fc2.bias": (256,),
        "fc3.weight": (10, 256), "fc3.bias": (10,),
    }  # fmt: skip


class AsPrinted(torch.nn.Module):
    """The forward passes that sections 3.2.2 and 3.2.4 describe, in plain torch layers."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.pool = torch.nn.MaxPool2d(2, 2)

    def forward(self, x):
        m = self.model
        x = self.pool(F.relu(m.conv1(x)))
        x = self.pool(F.relu(m.conv2(x)))
        if hasattr(m, "conv3"):
            x = self.pool(F.relu(m.conv3(x)))
        x = x.reshape(len(x), -1)
        x = F.relu(m.fc1(x))
        x = F.relu(m.fc2(x))
        return m.fc3(x)


@pytest.mark.parametrize("architecture", ["net", "improved"])
def test_forward_is_the_pass_that_the_report_describes(architecture):
    model = build(Recipe(architecture=architecture), seed=1).eval()
    x = torch.rand(7, 3, 32, 32)
    torch.testing.assert_close(model(x), AsPrinted(model)(x), rtol=0, atol=0)


def test_dropout_sits_after_the_first_linear_layer_only():
    seen = []
    model = ImprovedNet()
    model.dropout.register_forward_hook(lambda _, args, out: seen.append((args[0].shape, out)))
    model(torch.rand(4, 3, 32, 32))
    assert [shape for shape, _ in seen] == [(4, 512)]
    assert sum(isinstance(m, SeededDropout) for m in model.modules()) == 1


def test_dropout_drops_half_keeps_the_mean_and_is_off_at_evaluation():
    dropout = SeededDropout(0.5)
    x = torch.ones(400, 512)
    out = dropout(x)
    assert set(out.unique().tolist()) == {0.0, 2.0}
    # 204,800 draws: five standard deviations of the share kept are 0.0056.
    assert abs(float((out > 0).float().mean()) - 0.5) < 0.0056
    torch.testing.assert_close(dropout.eval()(x), x)


def test_dropout_draws_from_its_own_stream():
    dropout, x = SeededDropout(0.25), torch.ones(3, 8)
    before = torch.random.get_rng_state()
    dropout.begin(5, "dropout", 2, 1)
    batches = torch.stack([dropout(x), dropout(x)])
    assert torch.equal(torch.random.get_rng_state(), before)
    kept = streams.kept(5, "dropout", 48, 0.25, epoch=2, layer=1).reshape(2, 3, 8)
    assert torch.equal(batches, torch.from_numpy(kept).float().div(0.75))
    dropout.begin(6, "dropout", 2, 1)
    assert not torch.equal(dropout(x), batches[0])


def test_activations_are_those_of_section_3_1_3():
    assert set(ACTIVATIONS) == {"relu", "leaky_relu", "swish", "sigmoid"}
    x = torch.tensor([-2.0, -0.0, 0.0, 3.0])
    assert ACTIVATIONS["relu"](x).tolist() == [0, 0, 0, 3]
    np.testing.assert_allclose(ACTIVATIONS["leaky_relu"](x), [-0.02, 0, 0, 3], rtol=1e-7)
    np.testing.assert_allclose(
        ACTIVATIONS["swish"](x), x.numpy() / (1 + np.exp(-x.numpy())), rtol=1e-6
    )
    np.testing.assert_allclose(ACTIVATIONS["sigmoid"](x), 1 / (1 + np.exp(-x.numpy())), rtol=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_activation_of_the_recipe_is_used_four_times(activation, monkeypatch):
    calls = []
    original = ACTIVATIONS[activation]
    counted = {**ACTIVATIONS, activation: lambda x: (calls.append(x.shape), original(x))[1]}
    monkeypatch.setattr("repro.networks.models.ACTIVATIONS", counted)
    build(Recipe(architecture="net", activation=activation), seed=0)(torch.rand(2, 3, 32, 32))
    assert calls == [(2, 6, 28, 28), (2, 16, 10, 10), (2, 120), (2, 84)]


@pytest.mark.parametrize("name", list(REPORT_RECIPES))
def test_weights_depend_on_the_seed_and_on_nothing_else(name):
    recipe = REPORT_RECIPES[name]
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    first = build(recipe, seed=0).state_dict()
    assert torch.equal(torch.random.get_rng_state(), before), "the global generator is untouched"
    torch.rand(10)
    again, other = build(recipe, seed=0).state_dict(), build(recipe, seed=1).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_all_activations_start_from_the_same_weights():
    recipes = [Recipe(architecture="net", activation=each) for each in ACTIVATIONS]
    states = [build(recipe, seed=4).state_dict() for recipe in recipes]
    assert all(torch.equal(states[0][key], state[key]) for state in states for key in state)


def test_resnet_is_torchvisions():
    ours, plain = resnet18(), torchvision.models.resnet18(num_classes=10)
    assert repr(ours) == repr(plain)
    assert list(ours.state_dict()) == list(plain.state_dict())
