"""Dead units: those that no image activates (section 3.1.3 of the report, on ReLU)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy.typing as npt
import torch

from repro.data.layout import Bytes
from repro.errors import sentence
from repro.networks import models
from repro.spec import Recipe
from repro.training.torch_engine import as_tensors, to_input

_BATCH = 200


class LayerUnits(NamedTuple):
    """The units of one hidden layer: channels of a convolution, outputs of a linear layer."""

    layer: str
    units: int
    dead: int


def count_dead(
    recipe: Recipe, weights: Mapping[str, npt.NDArray[Any]], images: Bytes
) -> list[LayerUnits]:
    """Count, layer by layer, the units whose input to the activation is never above 0.

    `weights` are those of the network's `state_dict`; `images` are uint8 (N, 3, 32, 32). A channel
    is dead if it is so at every place of every image. Dropout is off.

    Raises:
        ValueError: the network is neither Net nor ImprovedNet.
    """
    if recipe.architecture not in {"net", "improved"}:
        raise ValueError(
            sentence("expected Net or ImprovedNet; got {network}", network=recipe.architecture)
        )
    model = models.build(recipe, seed=0)
    model.load_state_dict(as_tensors(weights))
    model.eval()
    alive: dict[str, torch.Tensor] = {}

    def watch(name: str, layer: torch.nn.Module) -> None:
        def look(_layer: torch.nn.Module, _given: object, out: torch.Tensor) -> None:
            here = (out > 0).transpose(0, 1).flatten(1).any(1)
            alive[name] = here | alive.get(name, torch.zeros_like(here))

        layer.register_forward_hook(look)

    *hidden, _logits = [
        (name, layer) for name, layer in model.named_children()
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear))
    ]  # fmt: skip
    for name, layer in hidden:
        watch(name, layer)
    with torch.no_grad():
        for start in range(0, len(images), _BATCH):
            batch = torch.from_numpy(images[start : start + _BATCH].copy())
            model(to_input(batch, recipe.pixels))
    return [
        LayerUnits(layer=name, units=len(alive[name]), dead=int((~alive[name]).sum()))
        for name, _ in hidden
    ]
