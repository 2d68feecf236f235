"""Reproduces the CIFAR-10 results of a 2023 technical report and compares them with it.

One line of data runs through the package: a :class:`~repro.spec.RunSpec` is trained to a
:class:`~repro.runs.records.RunRecord`, which is compared with the report's cells in a verdict,
which a table prints. In a notebook: ``import repro``, and what ``repro.__all__`` names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from repro.api import claims, compare, figure, images, predictions, run, table

__all__ = [
    "__version__", "claims", "compare", "figure", "images", "predictions", "run", "table",
]  # fmt: skip

__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    """The functions, imported once they are asked for: `repro --help` must not wait."""
    if name in __all__:
        from repro import api  # noqa: PLC0415

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """With the functions, so that a notebook completes them."""
    return sorted({*globals(), *__all__})
