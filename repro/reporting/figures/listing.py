"""The figures that there are."""

from __future__ import annotations

from rich.console import RenderableType

from repro.reporting.figures.registry import FIGURES
from repro.reporting.language import Language
from repro.reporting.terminal import plain_table


def list_figures(lang: Language) -> RenderableType:
    """Every figure's name and title."""
    grid = plain_table("", "", left=("",))
    grid.show_header = False
    for picture in FIGURES.values():
        grid.add_row(picture.name, picture.title_zh if lang == "zh" else picture.title)
    return grid
