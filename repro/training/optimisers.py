"""SGD and Adam as steps from a list of gradients.

torch.optim.SGD takes a second to import and a twentieth of a step of Net, so that its arithmetic
is here again; Adam, which only the grid of recipes uses, is torch's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import torch
from torch import Tensor, nn

from repro.errors import sentence
from repro.spec import Recipe

Gradients: TypeAlias = Sequence[Tensor | None]
"""One for each parameter; None for a parameter that had no part in the loss."""


class Optimiser(Protocol):
    """Moves the parameters that it was made for, in place."""

    def step(self, gradients: Gradients) -> None:
        """Take one step. A parameter without a gradient, and its moments, stay as they are."""

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
        self._velocities: dict[int, Tensor] = {}

    @torch.no_grad()
    def step(self, gradients: Gradients) -> None:
        moves = {number: each for number, each in enumerate(gradients) if each is not None}
        if self._momentum:
            begun = [number for number in moves if number in self._velocities]
            if begun:
                velocities = [self._velocities[number] for number in begun]
                torch._foreach_mul_(velocities, self._momentum)
                torch._foreach_add_(velocities, [moves[number] for number in begun])
            for number in moves.keys() - set(begun):
                self._velocities[number] = moves[number].clone()
            moves = {number: self._velocities[number] for number in moves}
        parameters = [self._parameters[number] for number in moves]
        torch._foreach_add_(parameters, list(moves.values()), alpha=-self._rate)

    def state(self) -> dict[str, Tensor]:
        return {f"velocity.{number}": value for number, value in sorted(self._velocities.items())}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        names = {"velocity"} if self._momentum else set()
        moments = _by_parameter(state, self._parameters, names)
        self._velocities = {number: values["velocity"] for number, values in moments.items()}


class Adam:
    """torch.optim.Adam with its defaults but the learning rate."""

    def __init__(self, parameters: Sequence[nn.Parameter], *, learning_rate: float) -> None:
        self._parameters = parameters
        self._optimiser = torch.optim.Adam(parameters, lr=learning_rate)

    def step(self, gradients: Gradients) -> None:
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
        self._optimiser.load_state_dict({**packed, "state": moments})


def _by_parameter(
    state: Mapping[str, Tensor], parameters: Sequence[Tensor], names: set[str]
) -> dict[int, dict[str, Tensor]]:
    """Each parameter's moments, by its number and their names; a parameter that never had a
    gradient has none.

    Raises:
        ValueError: a parameter has other moments than those called `names`, or one that is neither
            of its shape nor a single number; or there is no such parameter.
    """
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        name, _, number = key.rpartition(".")
        if name not in names or not number.isdecimal() or int(number) >= len(parameters):
            raise ValueError(
                sentence(
                    "{key}: not among the moments of {count} parameters",
                    key=key,
                    count=len(parameters),
                )
            )
        parameter = parameters[int(number)]
        if tuple(value.shape) not in {tuple(parameter.shape), ()}:
            raise ValueError(
                sentence(
                    "moments {got} of a parameter {shape}",
                    got=tuple(value.shape),
                    shape=tuple(parameter.shape),
                )
            )
        moments.setdefault(int(number), {})[name] = (
            torch.empty_like(parameter).copy_(value) if value.shape else value
        )
    for index, values in moments.items():
        if values.keys() != names:
            raise ValueError(
                sentence(
                    "parameter {index}: expected the moments {names}",
                    index=index,
                    names=sorted(names),
                )
            )
    return moments
