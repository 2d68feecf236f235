"""Conditions that choose among runs, such as `network=improved` or `seed<5`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from repro.errors import UsageError, listed, sentence
from repro.runs.records import RunRecord
from repro.runs.selection import model_of, primary_accuracies
from repro.spec import CLAIM_RECIPES

Value = str | float | None
"""None where a run has no such value; no condition on it holds."""


def _accuracy(run: RunRecord) -> float | None:
    """The last test accuracy, of a network with dropout as the verdicts use it."""
    accuracies = primary_accuracies(run)
    return accuracies[max(accuracies)] if accuracies else None


FIELDS: Mapping[str, Callable[[RunRecord], Value]] = {
    "model": lambda run: model_of(run.spec.recipe, CLAIM_RECIPES),
    "network": lambda run: run.spec.recipe.architecture,
    "activation": lambda run: run.spec.recipe.activation,
    "optimiser": lambda run: run.spec.recipe.optimiser,
    "learning_rate": lambda run: run.spec.recipe.learning_rate,
    "momentum": lambda run: run.spec.recipe.momentum,
    "batch_size": lambda run: float(run.spec.recipe.batch_size),
    "pixels": lambda run: run.spec.recipe.pixels,
    "dropout": lambda run: run.spec.recipe.dropout,
    "seed": lambda run: float(run.spec.seed),
    "epochs": lambda run: float(len(run.epochs)),
    "accuracy": _accuracy,
    "dataset": lambda run: run.spec.dataset,
    "device": lambda run: run.spec.device,
    "engine": lambda run: run.spec.engine,
}
"""What a condition can name; numbers can be ordered."""

_NUMBERS = frozenset(
    {"learning_rate", "momentum", "batch_size", "dropout", "seed", "epochs", "accuracy"}
)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le, ">=": operator.ge, "!=": operator.ne, "=": operator.eq,
    "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_FORM = re.compile(r"\s*(\w+)\s*(<=|>=|!=|=|<|>)\s*(\S.*?)\s*")


@dataclass(frozen=True, slots=True)
class Condition:
    """A field, a comparison and a value."""

    field: str
    sign: str
    value: str | float

    def holds(self, run: RunRecord) -> bool:
        found = FIELDS[self.field](run)
        return found is not None and _COMPARE[self.sign](found, self.value)


def parse_condition(text: str) -> Condition:
    """The condition that `text` states.

    Raises:
        UsageError: it states none, or names a field that no run has.
    """
    found = _FORM.fullmatch(text)
    if not found:
        raise UsageError(
            sentence(
                "--where: expected FIELD, one of = != < <= > >=, and a value, such as "
                "seed<5; got {text!r}",
                text=text,
            )
        )
    field, sign, value = found.groups()
    if field not in FIELDS:
        raise UsageError(
            sentence(
                "--where: expected one of the fields {fields}; got {field!r}",
                fields=listed(FIELDS),
                field=field,
            )
        )
    if field not in _NUMBERS:
        if sign not in {"=", "!="}:
            raise UsageError(
                sentence("--where: {field}: expected = or !=; got {sign!r}", field=field, sign=sign)
            )
        return Condition(field, sign, value)
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(
            sentence("--where: {field}: expected a number; got {value!r}", field=field, value=value)
        )
    return Condition(field, sign, number)


def select(runs: Iterable[RunRecord], conditions: Sequence[str]) -> list[RunRecord]:
    """The runs for which all conditions hold, in their order.

    Raises:
        UsageError: a condition is none.
    """
    parsed = [parse_condition(text) for text in conditions]
    return [run for run in runs if all(each.holds(run) for each in parsed)]
