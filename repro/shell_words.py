"""A run as the shell command that trains it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from repro.spec import CLAIM_RECIPES, DROPOUT, READING_EPOCHS, Recipe, RunSpec


def _train_words(recipe: Recipe) -> list[str]:
    words = ["repro", "train", recipe.architecture]
    if recipe.activation != "relu":
        words += ["--activation", recipe.activation]
    if recipe.dropout != DROPOUT:
        words += ["--dropout", f"{recipe.dropout:g}"]
    return words


def train_commands(figures: Iterable[str]) -> list[str]:
    """What trains a run of each model of `figures`, which are of the form `model@epochs`, or a
    model alone for all rows; each to the last epoch that is wanted of it."""
    last: dict[str, int] = {}
    for figure in figures:
        model, _, epochs = figure.partition("@")
        last[model] = max(last.get(model, 0), int(epochs or READING_EPOCHS[-1]))
    return [
        shlex.join([*_train_words(CLAIM_RECIPES[model]), "--epochs", str(epochs)])
        for model, epochs in last.items()
    ]


def train_command(spec: RunSpec, epochs: int) -> str:
    """What trains a run of one of the report's recipes again, up to `epochs`."""
    words = [*_train_words(spec.recipe), "--seed", str(spec.seed), "--epochs", str(epochs)]
    words += ["--device", spec.device, "--engine", spec.engine]
    if spec.dataset != "cifar10":
        words += ["--dataset", spec.dataset]
    return shlex.join(words)
