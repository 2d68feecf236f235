"""Groups of commands: help pages that fit a terminal, and what an unknown command gets."""

from __future__ import annotations

import inspect
import re
import signal
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import typer
from typer import rich_utils
from typer.core import TyperGroup

from repro.command_line import exit_codes, option_file
from repro.command_line.errors import (
    BadUsage,
    any_of,
    errors_reported,
    nearest,
    of_typer,
    spoken_language,
    terminate,
)
from repro.command_line.examples import examples
from repro.command_line.options import MORE
from repro.command_line.short_help import shorten
from repro.errors import sentence
from repro.reporting.language import Language, choose, resolve_language

_ORDER = (
    "table",
    "claims",
    "patterns",
    "report",
    "export",
    "figure",
    "verify",
    "audit",
    "doctor",
    "data",
    "train",
    "runs",
    "predict",
    "score",
    "recipes",
    "bench",
)

_COMPLETION = ("install_completion", "show_completion")

_PLAIN_TYPES = {
    "int range": "N",
    "int": "N",
    "float range": "X",
    "float": "X",
    "path": "PATH",
    "str": "TEXT",
    "bool": "",
}


def _show_plainly(parameter: Any) -> None:
    """Show a parameter's type in help as users know it: not `<bool>`, `<int range>` and
    `[0<=x<=9223372036854775807]`, which take the room of the sentence beside them.

    Typer has no setting for it. Versions that show types in another way are left as they are.
    """
    shown = getattr(parameter, "display_type_rich", None)
    if shown is None:
        return

    def plain(ctx: Any) -> str:
        if parameter.param_type_name == "argument":  # its name already says what it is
            return ""
        bare = (shown(ctx) or "").strip("<>")
        return _PLAIN_TYPES.get(bare, bare)

    parameter.display_type_rich = plain
    parameter._get_number_range_help_str = lambda: None


def _plain_help_option(get: Callable[[Any], Any], ctx: Any) -> Any:
    """The option --help, which Typer makes only when it is asked for."""
    option = get(ctx)
    if option is not None:
        option.metavar = ""
        option.help = choose(resolve_language(), en="Show this page.", zh="显示本页。")
    return option


class Paragraphs(TyperGroup):
    """Wraps help texts at the terminal's width and ignores the line breaks of docstrings; names
    the command that is nearest to an unknown one."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.suggest_commands = False  # this class names one, also of another group
        each: Any
        for each in (self, *self.commands.values()):
            each.help = each.help and re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(each.help))
            for parameter in each.params:
                _show_plainly(parameter)
            each.get_help_option = partial(_plain_help_option, each.get_help_option)
            shorten(each)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except BadUsage as error:
            if self.get_command(ctx, args[0]) is None:
                error.message = sentence(
                    "{message}{hint}",
                    message=of_typer(error.message),
                    hint=self._nearest_command(ctx, args[0]),
                )
            raise

    def _nearest_command(self, ctx: Any, unknown: str) -> str:
        """A sentence that names the command that was meant; "" where none is like it."""
        group = ctx.info_name if ctx.parent else ""  # not of `python -m repro`
        known = {name: f"{group} {name}".strip() for name in self.list_commands(ctx)}
        for name, command in self.commands.items():  # `repro fetch` is `repro data fetch`
            for inner in getattr(command, "commands", ()):
                known.setdefault(inner, f"{name} {inner}")
        if near := nearest(unknown, known):
            return sentence(" Did you mean {near!r}?", near=known[near])
        if not group:
            return ""
        *names, last = sorted(known)
        return sentence(" Expected {names}.", names=any_of(names, last))


class Commands(Paragraphs):
    """Reports this package's errors as one line on standard error, with their exit codes."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The command names in the order in which users need them."""
        return [*_ORDER, *sorted(self.commands.keys() - set(_ORDER))]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            typer.echo(_first_steps(resolve_language()))
            raise typer.Exit(exit_codes.USAGE)
        return super().parse_args(ctx, args)

    _spoken: Language = "en"

    def make_context(self, info_name: Any, args: list[str], *given: Any, **options: Any) -> Any:
        words = list(args)  # which the parser takes away
        self._spoken = spoken_language(words)
        with errors_reported(lambda: self._spoken):  # for options before the command; for --help
            _speak(self, resolve_language())
            file, fields = option_file.read()
            if fields:
                known = options["default_map"] = option_file.take(self, file, fields)
                own: dict[str, Any] = next((known[word] for word in words if word in known), {})
                self._spoken = spoken_language(words, own.get("lang"))
            return super().make_context(info_name, args, *given, **options)

    def invoke(self, ctx: Any) -> Any:
        signal.signal(signal.SIGTERM, terminate)
        with errors_reported(lambda: self._spoken):
            return super().invoke(ctx)


_TITLES = {
    "ARGUMENTS_PANEL_TITLE": ("Arguments", "参数"),
    "OPTIONS_PANEL_TITLE": ("Options", "选项"),
    "COMMANDS_PANEL_TITLE": ("Commands", "命令"),
    "DEFAULT_STRING": ("[default: {}]", "[默认：{}]"),
    "REQUIRED_LONG_STRING": ("[required]", "[必填]"),
    "ABORTED_TEXT": ("Aborted.", "已取消。"),
}
"""Words of Typer's help pages, which are global there: in English and in Chinese."""

DEFAULTS = {
    "logs in REPRO_HOME": "REPRO_HOME 下的 logs",
    "list": "list",
    "last": "最后一轮",
    "off": "off",
    "random": "随机",
    "today": "今天",
    "the fastest that answers": "响应最快的数据源",
    "the last one stored": "保存的最后一轮",
    "none; with --recorded: the repro contributors": "无；加 --recorded 时为本项目贡献者",
}
"""Defaults that are said in words, in Chinese."""


def _speak(command: Any, lang: Language) -> None:
    """Show the help pages of `command`, the whole application, in `lang`."""
    for parameter in command.params:
        if parameter.name in _COMPLETION:  # which Typer adds when the class is made already
            _show_plainly(parameter)
    for name, (english, chinese) in _TITLES.items():
        setattr(rich_utils, name, choose(lang, en=english, zh=chinese))
    _add_examples(command, lang)
    if lang == "zh":
        from repro.command_line.help_zh import HELP  # noqa: PLC0415 - in Chinese alone

        _translate(command, HELP)


def _add_examples(command: Any, lang: Language, words: str = "") -> None:
    command.epilog = examples(words, lang)
    for name, inner in getattr(command, "commands", {}).items():
        _add_examples(inner, lang, f"{words} {name}".strip())


def _translate(command: Any, texts: Mapping[str, str]) -> None:
    command.help = texts.get(command.help, command.help)
    command.get_usage = partial(_chinese_usage, command.get_usage)
    for parameter in command.params:
        parameter.help = texts.get(parameter.help, parameter.help)
        default = getattr(parameter, "show_default", None)
        if isinstance(default, str):
            parameter.show_default = DEFAULTS.get(default, default)
        if getattr(parameter, "rich_help_panel", None) == MORE:
            parameter.rich_help_panel = "更多选项"
    for inner in getattr(command, "commands", {}).values():
        _translate(inner, texts)


def _chinese_usage(get: Callable[[Any], str], ctx: Any) -> str:
    return get(ctx).replace("Usage: ", "用法：", 1)


def _first_steps(lang: Language) -> str:
    """What `repro` alone answers: the whole help is too much for a first look."""
    return choose(
        lang,
        en="`repro table all --recorded` compares the bundled runs with the report.\n"
        "`repro table 3-1` downloads the data, trains the networks and compares them.\n"
        "`repro report --recorded --open` shows all results on one page in the browser.\n"
        "`repro --help` lists all commands.",
        zh="`repro table all --recorded`：用随包记录与报告对比，无需训练。\n"
        "`repro table 3-1`：下载数据集，训练网络，并与报告对比。\n"
        "`repro report --recorded --open`：在浏览器中用一个页面查看全部结果。\n"
        "`repro --help`：列出全部命令。",
    )
