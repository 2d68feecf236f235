"""Units that no image activates."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from repro.data.dataset import synthetic
from repro.networks import models
from repro.spec import REPORT_RECIPES
from repro.training.dead_units import LayerUnits, count_dead

IMAGES = synthetic().test_images


def weights_of(model):
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


@pytest.fixture
def net():
    return weights_of(models.build(REPORT_RECIPES["net-relu"], seed=0))


def test_a_unit_is_dead_if_it_is_never_above_0_at_any_place_of_any_image(net):
    net["conv1.bias"][2] = -1e6
    net["fc1.weight"][[7, 9]] = 0
    net["fc1.bias"][7], net["fc1.bias"][9] = -1, 1e-9
    before = count_dead(REPORT_RECIPES["net-relu"], net, IMAGES)
    assert [(each.layer, each.units) for each in before] == [
        ("conv1", 6), ("conv2", 16), ("fc1", 120), ("fc2", 84),
    ]  # fmt: skip
    assert before[0].dead == 1
    net["fc1.bias"][9] = 0
    after = count_dead(REPORT_RECIPES["net-relu"], net, IMAGES)
    assert after[2] == LayerUnits(layer="fc1", units=120, dead=before[2].dead + 1)


def test_one_image_is_enough_to_live(net):
    """The last image alone activates the channel, in another batch than the first."""
    images = np.zeros((300, 3, 32, 32), np.uint8)
    images[-1] = 255
    net["conv1.weight"][:], net["conv1.bias"][:] = 1, 0
    recipe = REPORT_RECIPES["net-relu"]
    assert count_dead(recipe, net, images[:-1])[0].dead == 6, "black is -1"
    assert count_dead(recipe, net, images)[0].dead == 0


def test_improved_net_is_looked_at_with_dropout_off():
    recipe = REPORT_RECIPES["improved"]
    weights = weights_of(models.build(recipe, seed=0))
    found = count_dead(recipe, weights, IMAGES[:20])
    assert [each.units for each in found] == [32, 64, 128, 512, 256]
    assert found == count_dead(recipe, weights, IMAGES[:20])


def test_a_network_with_batch_norm_is_refused():
    with pytest.raises(ValueError, match="Net or ImprovedNet"):
        count_dead(REPORT_RECIPES["resnet"], {}, IMAGES)


def test_nothing_of_torch_is_left_changed(net):
    state = torch.random.get_rng_state()
    count_dead(REPORT_RECIPES["net-relu"], net, IMAGES[:5])
    assert torch.equal(state, torch.random.get_rng_state())
