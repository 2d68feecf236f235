from __future__ import annotations

import pytest
import torch
from torch import nn

from repro.training.optimisers import SGD, Adam

SHAPES = [(6, 3, 5, 5), (7,), (4, 9)]


def parameters():
    random = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=random)) for shape in SHAPES]


def gradients(step):
    random = torch.Generator().manual_seed(100 + step)
    return [torch.randn(shape, generator=random) for shape in SHAPES]


OURS = {
    "plain": lambda p: SGD(p, learning_rate=0.03, momentum=0.0),
    "momentum": lambda p: SGD(p, learning_rate=0.03, momentum=0.9),
    "adam": lambda p: Adam(p, learning_rate=0.003),
}
TORCHS = {
    "plain": lambda p: torch.optim.SGD(p, lr=0.03),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.03, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, lr=0.003),
}


@pytest.mark.parametrize("kind", list(OURS))
def test_the_steps_have_the_bits_of_torchs(kind):
    ours, theirs = parameters(), parameters()
    our, their = OURS[kind](ours), TORCHS[kind](theirs)
    for step in range(8):
        our.step(gradients(step))
        for parameter, gradient in zip(theirs, gradients(step), strict=True):
            parameter.grad = gradient
        their.step()
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("kind", list(OURS))
def test_a_restored_optimiser_goes_on_alike(kind):
    whole, part = parameters(), parameters()
    one, two = OURS[kind](whole), OURS[kind](part)
    for step in range(3):
        one.step(gradients(step))
        two.step(gradients(step))
    state = {name: value.clone() for name, value in two.state().items()}
    resumed = OURS[kind](part)
    resumed.restore(state)
    for step in range(3, 6):
        one.step(gradients(step))
        resumed.step(gradients(step))
    assert all(torch.equal(a, b) for a, b in zip(whole, part, strict=True))


@pytest.mark.parametrize("kind", list(OURS))
def test_before_the_first_step_there_is_nothing_to_keep(kind):
    optimiser = OURS[kind](parameters())
    assert optimiser.state() == {}
    optimiser.restore({})


def test_gradients_are_left_as_they_were():
    optimiser, given = OURS["momentum"](parameters()), gradients(0)
    for step in range(3):
        optimiser.step(given if step == 0 else gradients(step))
    assert all(torch.equal(a, b) for a, b in zip(given, gradients(0), strict=True))


@pytest.mark.parametrize(
    "break_it",
    [
        lambda state: state.update({"speed.1": torch.zeros(3)}),
        lambda state: state.update({"velocity.9": torch.zeros(1)}),
        lambda state: state.update({"velocity.1": torch.zeros(3)}),
        lambda state: state.update({"velocity.1": torch.zeros(8)}),
    ],
)
def test_moments_of_other_parameters_are_refused(break_it):
    optimiser = OURS["momentum"](parameters())
    optimiser.step(gradients(0))
    state = optimiser.state()
    break_it(state)
    with pytest.raises(ValueError, match="moments"):
        OURS["momentum"](parameters()).restore(state)


def test_moments_that_are_not_all_of_a_parameters_are_refused():
    optimiser = OURS["adam"](parameters())
    optimiser.step(gradients(0))
    state = optimiser.state()
    del state["exp_avg.1"]
    with pytest.raises(ValueError, match="moments"):
        OURS["adam"](parameters()).restore(state)


def test_moments_where_there_is_no_momentum_are_refused():
    with_momentum = OURS["momentum"](parameters())
    with_momentum.step(gradients(0))
    with pytest.raises(ValueError, match="moments"):
        OURS["plain"](parameters()).restore(with_momentum.state())
