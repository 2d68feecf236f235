"""Networks of one's own, as people write them, train as a plain loop of PyTorch trains them."""

from __future__ import annotations

import hashlib

import pytest
import torch
import torch.nn.functional as F

from repro.data.dataset import synthetic
from repro.errors import TrainingError
from repro.networks import models
from repro.spec import Recipe, RunSpec
from repro.training.torch_engine import Trainer, to_input

HEAD = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n"

VIEWED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc = nn.Linear(400, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        return self.fc(F.max_pool2d(F.relu(self.conv2(x)), 2).view(-1, 400))
"""
FROZEN = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(3072, 8), nn.Linear(8, 10)
        self.first.requires_grad_(False)

    def forward(self, x):
        return self.last(self.first(x.flatten(1)))
"""
UNUSED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.other, self.last = nn.Linear(3072, 8), nn.Linear(3, 3), nn.Linear(8, 10)

    def forward(self, x):
        return self.last(self.first(x.flatten(1)))
"""
SOMETIMES = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.even, self.last = nn.Linear(3072, 8), nn.Linear(8, 8), nn.Linear(8, 10)
        self.calls = 0

    def forward(self, x):
        x = self.first(x.flatten(1))
        if self.training:
            self.calls += 1
        return self.last(self.even(x) if self.calls % 2 else x)
"""
TIED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3072, 10), nn.Linear(10, 10)
        self.third = nn.Linear(10, 10)
        self.third.weight = self.second.weight

    def forward(self, x):
        return self.third(F.relu(self.second(F.relu(self.first(x.flatten(1))))))
"""
SCRIPTED = """
@torch.jit.script
def twice(x):
    return 2 * x

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        from pathlib import Path
        assert Path(__file__).name == "networks.py"
        self.fc = nn.Linear(3072, 10)

    def forward(self, x):
        return self.fc(twice(x).flatten(1))
"""
OWN = {
    "view": VIEWED, "frozen": FROZEN, "unused": UNUSED, "sometimes": SOMETIMES, "tied": TIED,
    "script": SCRIPTED,
}  # fmt: skip


def spec_and_code(body, **recipe):
    code = HEAD + body
    digest = hashlib.sha256(code.encode()).hexdigest()
    given = Recipe(
        architecture="networks.py:Net", code_sha256=digest, readings=(1,), **recipe
    )  # fmt: skip
    spec = RunSpec(recipe=given, seed=0, device="cpu", engine="torch", dataset="synthetic")
    return spec, code


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("name", OWN)
def test_it_trains_as_a_plain_loop_does(name, momentum):
    spec, code = spec_and_code(OWN[name], momentum=momentum, learning_rate=0.05)
    data = synthetic()
    trainer = Trainer(spec, data, code=code)
    plain = models.build(spec.recipe, seed=0, code=code)
    optimiser = torch.optim.SGD(plain.parameters(), lr=0.05, momentum=momentum)
    images, labels = torch.from_numpy(data.train_images.copy()), torch.from_numpy(data.train_labels)
    order = trainer.order(1)
    for indices in torch.split(order, spec.recipe.batch_size):
        optimiser.zero_grad()
        x = to_input(images[indices].contiguous(memory_format=torch.channels_last), "symmetric")
        F.cross_entropy(plain(x.contiguous()), labels[indices].long()).backward()
        optimiser.step()
    trainer.train_on(order)
    ours, theirs = trainer.model.state_dict(), plain.state_dict()
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        torch.testing.assert_close(value, theirs[key], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("name", OWN)
def test_it_goes_on_from_its_state(name, optimiser):
    """Whatever has no gradient has no moments either, and is where it was."""
    if name == "sometimes":
        pytest.skip("what a module counts for itself is in no state")
    momentum = 0.9 if optimiser == "sgd" else 0.0
    spec, code = spec_and_code(OWN[name], momentum=momentum, optimiser=optimiser)
    whole, begun = (Trainer(spec, synthetic(), code=code) for _ in range(2))
    for _ in range(2):
        whole.train_epoch()
    begun.train_epoch()
    resumed = Trainer(spec, synthetic(), code=code)
    resumed.restore(begun.state(), tuple(begun.epochs), tuple(begun.readings))
    resumed.train_epoch()
    assert resumed.epochs[-1].weights_sha256 == whole.epochs[-1].weights_sha256


def test_a_byte_order_mark_is_no_part_of_the_code():
    code = "\ufeff" + HEAD + VIEWED
    digest = hashlib.sha256(code.encode()).hexdigest()
    recipe = Recipe(architecture="networks.py:Net", code_sha256=digest, readings=(1,))
    assert models.build(recipe, seed=0, code=code)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            FROZEN.replace("self.first.requires_grad_(False)", "self.requires_grad_(False)"),
            "expected parameters to train; none has requires_grad",
        ),
        (
            VIEWED.replace("self.fc =", "self.register_buffer('scale', torch.ones(3, "
                           "dtype=torch.bfloat16)); self.fc ="),
            "scale: a tensor of type torch.bfloat16 cannot be stored",
        ),
        (
            VIEWED.replace("self.fc =", "self.register_buffer('angle', torch.ones(3, "
                           "dtype=torch.complex64)); self.fc ="),
            "angle: a tensor of type torch.complex64 cannot be stored",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_or_stored_is_found_before_the_first_epoch(body, message):
    spec, code = spec_and_code(body)
    with pytest.raises(TrainingError, match=message):
        models.build(spec.recipe, seed=0, code=code)
