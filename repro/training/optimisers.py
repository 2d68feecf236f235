"""SGD and Adam as steps from a list of gradients.

torch.optim.SGD takes a second to import and a twentieth of a step of Net, so that its arithmetic
is here again; Adam, which only the grid of recipes uses, is torch's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from repro.spec import Recipe


class Optimiser(Protocol):
    """Moves the parameters that it was made for, in place."""

    def step(self, gradients: Sequence[Tensor]) -> None:
        """Take one step, given the gradient of each parameter."""

    def state(self) -> dict[str, Tensor]:
        """What it keeps between steps, by name."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up what :meth:`state` gave.

        Raises:
            ValueError: these are not the moments of these parameters.
        """


def make(recipe: Recipe, parameters: Sequence[nn.Parameter]) -> Optimiser:
    """The recipe's optimiser for `parameters`."""
    if recipe.optimiser == "adam":
        return Adam(parameters, learning_rate=recipe.learning_rate)
    return SGD(parameters, learning_rate=recipe.learning_rate, momentum=recipe.momentum)


class SGD:
    """torch.optim.SGD without dampening or weight decay, to the same bits."""

    def __init__(
        self, parameters: Sequence[nn.Parameter], *, learning_rate: float, momentum: float
    ) -> None:
        self._parameters: list[Tensor] = list(parameters)
        self._rate, self._momentum = learning_rate, momentum
        self._velocities: list[Tensor] = []

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        moves = list(gradients)
        if self._momentum and not self._velocities:
            moves = self._velocities = [gradient.clone() for gradient in gradients]
        elif self._momentum:
            torch._foreach_mul_(self._velocities, self._momentum)
            torch._foreach_add_(self._velocities, moves)
            moves = self._velocities
        torch._foreach_add_(self._parameters, moves, alpha=-self._rate)

    def state(self) -> dict[str, Tensor]:
        return {f"velocity.{index}": value for index, value in enumerate(self._velocities)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        names = {"velocity"} if self._momentum else set()
        moments = _by_parameter(state, self._parameters, names)
        self._velocities = [values["velocity"] for values in moments]


class Adam:
    """torch.optim.Adam with its defaults but the learning rate."""

    def __init__(self, parameters: Sequence[nn.Parameter], *, learning_rate: float) -> None:
        self._parameters = parameters
        self._optimiser = torch.optim.Adam(parameters, lr=learning_rate)

    def step(self, gradients: Sequence[Tensor]) -> None:
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = gradient
        self._optimiser.step()

    def state(self) -> dict[str, Tensor]:
        moments = self._optimiser.state_dict()["state"]
        return {
            f"{name}.{index}": value
            for index, values in moments.items()
            for name, value in values.items()
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        moments = _by_parameter(state, self._parameters, {"step", "exp_avg", "exp_avg_sq"})
        packed = self._optimiser.state_dict()
        self._optimiser.load_state_dict({**packed, "state": dict(enumerate(moments))})


def _by_parameter(
    state: Mapping[str, Tensor], parameters: Sequence[Tensor], names: set[str]
) -> list[dict[str, Tensor]]:
    """Each parameter's moments, by name; none of them where `state` is empty.

    Raises:
        ValueError: the state has not just the moments called `names`, each of its parameter's
            shape or a single number.
    """
    if not state:
        return []
    expected = {f"{name}.{index}" for name in names for index in range(len(parameters))}
    if state.keys() != expected:
        raise ValueError(f"expected {len(expected)} moments; got {len(state)} or other names")
    moments = []
    for index, parameter in enumerate(parameters):
        values = {name: state[f"{name}.{index}"] for name in names}
        shapes = {tuple(value.shape) for value in values.values()}
        if not shapes <= {tuple(parameter.shape), ()}:
            raise ValueError(f"moments {shapes} of a parameter {tuple(parameter.shape)}")
        moments.append(
            {
                name: torch.empty_like(parameter).copy_(value) if value.shape else value
                for name, value in values.items()
            }
        )
    return moments
