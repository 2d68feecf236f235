"""Plain tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rich.table import Table

from repro.reporting.language import Language, translate


def plain_table(*headings: str, left: Sequence[str], lang: Language = "en") -> Table:
    """An empty table without lines. The headings are English ones and are shown in `lang`; those in
    `left` stand above text."""
    grid = Table(box=None, pad_edge=False, collapse_padding=len(headings) > 6)
    for heading in headings:
        # A name that is cut cannot be asked for.
        fold: Literal["fold", "ellipsis"] = "fold" if heading == "Run" else "ellipsis"
        justify: Literal["left", "right"] = "left" if heading in left else "right"
        grid.add_column(translate(heading, lang), justify=justify, overflow=fold)
    return grid
