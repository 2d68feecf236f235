"""Reproduces the CIFAR-10 results of a 2023 technical report and compares them with it.

One line of data runs through the package: a :class:`~repro.spec.RunSpec` is trained to a
:class:`~repro.runs.records.RunRecord`, which is compared with the report's cells in a verdict,
which a table prints. In a notebook: ``from repro import run, table, verdicts``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from repro.api import run, table

__all__ = ["__version__", "run", "table"]

__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    """`run` and `table`, imported once they are asked for: `repro --help` must not wait."""
    if name in {"run", "table"}:
        from repro import api  # noqa: PLC0415

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
