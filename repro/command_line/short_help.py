"""Help pages that fit a terminal: `--help` shows what most users need, `--help-all` everything."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import typer

from repro.command_line.options import MORE
from repro.reporting.language import choose, resolve_language

_WHOLE = "help-all"
"""Where a context says that the whole page is asked for."""


def shorten(command: Any) -> None:
    """Give `command` a short `--help`, and `--help-all`, if it has options of the group `MORE`."""
    more = [each for each in command.params if getattr(each, "rich_help_panel", None) == MORE]
    if more:
        command.get_params = partial(_with_help_all, command, command.get_params)
        command.format_help = partial(_short_page, command, more, command.format_help)


def _with_help_all(command: Any, get: Callable[[Any], list[Any]], ctx: Any) -> list[Any]:
    """The parameters of `command`, with a twin of `--help` that shows all of them."""
    option = copy.copy(command.get_help_option(ctx))
    option.name, option.opts = "help_all", ["--help-all"]
    option.help = choose(
        resolve_language(), en="Show this page with every option.", zh="显示本页及全部选项。"
    )
    option.callback = _show_whole
    return [*get(ctx), option]


def _show_whole(ctx: Any, parameter: Any, value: bool) -> None:  # noqa: ARG001 - Typer's names
    if value and not ctx.resilient_parsing:
        ctx.meta[_WHOLE] = True
        typer.echo(ctx.get_help(), color=ctx.color)
        raise typer.Exit


def _short_page(
    command: Any, more: list[Any], show: Callable[[Any, Any], None], ctx: Any, formatter: Any
) -> None:
    """Typer's page, of the first paragraph and the common options alone."""
    if ctx.meta.get(_WHOLE):
        return show(ctx, formatter)
    text = command.help
    command.help = text.partition("\n\n")[0]
    for parameter in more:
        parameter.hidden = True
    try:
        return show(ctx, formatter)
    finally:
        command.help = text
        for parameter in more:
            parameter.hidden = False
