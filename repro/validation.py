"""Checks of the fields of recipes and runs, each with a sentence that says what was expected."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints


def check_literals(value: Any) -> None:
    """Raise ValueError where a field typed as a Literal holds anything else."""
    hints = get_type_hints(type(value))
    for field in fields(value):
        if get_origin(hints[field.name]) is not Literal:
            continue
        allowed = get_args(hints[field.name])
        if getattr(value, field.name) not in allowed:
            raise ValueError(
                f"{field.name}: expected one of {', '.join(map(str, allowed))}; "
                f"got {getattr(value, field.name)!r}"
            )


def check_number(name: str, value: Any, *, at_least: float, below: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a finite number; got {value!r}")
    if not at_least <= value < below:
        raise ValueError(f"{name}: expected a number in [{at_least:g}, {below:g}); got {value!r}")
    return float(value)


def check_integer(name: str, value: Any, *, at_least: int, at_most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name}: expected an integer; got {value!r}")
    if not at_least <= value <= at_most:
        raise ValueError(f"{name}: expected an integer from {at_least} to {at_most}; got {value}")


def check_epochs(epochs: int) -> int:
    """`epochs` itself if a run can have that many.

    Raises:
        ValueError: not an integer from 1 to 100,000.
    """
    check_integer("epochs", epochs, at_least=1, at_most=100_000)
    return epochs
