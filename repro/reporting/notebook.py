"""Progress in a notebook: one output of a cell, written over and over."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Bar:
    """One line: what is done, `share` of it in [0, 1] (None: unknown), and a word on it."""

    label: str
    share: float | None
    state: str = ""


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this: Jupyter, Colab, Kaggle, VS Code."""
    ipython = sys.modules.get("IPython")  # a kernel has imported it
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


class NotebookBars:
    """Bars in the output of the cell that runs. It takes IPython alone, no widgets."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._last = 0.0

    def show(self, bars: Sequence[Bar], *, now: bool = False) -> None:
        """Write `bars` over those before, four times a second at most unless it has to be `now`."""
        if not bars or (not now and time.monotonic() - self._last < _EVERY_S):
            return
        self._last = time.monotonic()
        content = {
            "text/html": "<br>".join(map(_to_html, bars)),
            "text/plain": "\n".join(map(_to_text, bars)),
        }
        if self._handle is None:
            from IPython.display import display  # noqa: PLC0415 - only a kernel has it

            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)


def _to_html(bar: Bar) -> str:
    value = "" if bar.share is None else f' value="{bar.share:.4f}"'
    label, state = html.escape(bar.label), html.escape(bar.state)
    return f"{label} <progress{value}></progress> {state}"


def _to_text(bar: Bar) -> str:
    share = "" if bar.share is None else f"{bar.share:4.0%} "
    return f"{bar.label} {share}{bar.state}".rstrip()
