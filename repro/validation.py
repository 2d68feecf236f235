"""Checks of the fields of recipes and runs, each with a sentence that says what was expected."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from repro.errors import listed, sentence


def check_literals(value: Any) -> None:
    """Raise ValueError where a field typed as a Literal holds anything else."""
    hints = get_type_hints(type(value))
    for field in fields(value):
        if get_origin(hints[field.name]) is not Literal:
            continue
        allowed = get_args(hints[field.name])
        if getattr(value, field.name) not in allowed:
            raise ValueError(
                sentence(
                    "{name}: expected one of {allowed}; got {value!r}",
                    name=field.name,
                    allowed=listed(allowed),
                    value=getattr(value, field.name),
                )
            )


def check_number(name: str, value: Any, *, at_least: float, below: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(
            sentence("{name}: expected a finite number; got {value!r}", name=name, value=value)
        )
    if not at_least <= value < below:
        raise ValueError(
            sentence(
                "{name}: expected a number in [{at_least:g}, {below:g}); got {value!r}",
                name=name,
                at_least=at_least,
                below=below,
                value=value,
            )
        )
    return float(value)


def check_integer(name: str, value: Any, *, at_least: int, at_most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(
            sentence("{name}: expected an integer; got {value!r}", name=name, value=value)
        )
    if not at_least <= value <= at_most:
        raise ValueError(
            sentence(
                "{name}: expected an integer from {at_least} to {at_most}; got {value}",
                name=name,
                at_least=at_least,
                at_most=at_most,
                value=value,
            )
        )


def check_epochs(epochs: int) -> int:
    """`epochs` itself if a run can have that many.

    Raises:
        ValueError: not an integer from 1 to 100,000.
    """
    check_integer("epochs", epochs, at_least=1, at_most=100_000)
    return epochs


def check_network(
    reports: Sequence[str], architecture: str, activation: str, code_sha256: str
) -> None:
    """Raise ValueError where a recipe names no network, an activation that its network cannot
    have, or code without its SHA-256. `reports` are the networks of the report."""
    reference = re.fullmatch(r"(torchvision|\w[\w.-]*\.py):[A-Za-z_]\w*", architecture)
    if architecture not in reports and not reference:
        raise ValueError(sentence(
            "architecture: expected one of {names}, torchvision:NAME or "
            "FILE.py:FUNCTION; got {network!r}",
            names=listed(reports), network=architecture,
        ))  # fmt: skip
    if architecture not in {"net", "improved"} and activation != "relu":
        what = sentence("{network} has its own", network=architecture)
        if architecture == "resnet":
            what = sentence("ResNet is torchvision's resnet18, with relu")
        raise ValueError(sentence(
            "activation: {what}; got {activation!r}",
            what=what, activation=activation,
        ))  # fmt: skip
    own_code = reference is not None and reference[1] != "torchvision"
    if own_code != bool(re.fullmatch("[0-9a-f]{64}", code_sha256)):
        raise ValueError(sentence(
            "code_sha256: expected the SHA-256 of FILE.py where the network is "
            "from there; got {value!r}",
            value=code_sha256,
        ))  # fmt: skip
