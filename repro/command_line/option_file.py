"""Options that need not be typed again: repro.toml, or [tool.repro] in pyproject.toml.

Top-level values hold for every command that has such an option, a table for the command that it
names: `[table]`, `[data.fetch]`. What is typed wins. Every command says which options it took.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from repro.command_line.console import note
from repro.command_line.errors import nearest, with_nearest
from repro.errors import UsageError, sentence
from repro.files import parse_toml, read_regular
from repro.reporting.language import choose, resolve_language

FILES = ("repro.toml", "pyproject.toml")
"""Of these the first that there is in the current folder, if it has options at all."""

_TYPED = {"accept", "yes", "force", "open"}
"""What changes or deletes something, or opens a window: nobody should do it by an old file."""

Defaults = dict[str, Any]


def read() -> tuple[str, Mapping[str, Any]]:
    """The name of the file and what it has; no options where there is no file.

    Raises:
        UsageError: it is not TOML.
    """
    for name in FILES:
        path = Path(name)
        if not path.is_file():
            continue
        try:
            fields = parse_toml(read_regular(path))
        except ValueError as error:
            if name == "pyproject.toml":  # of other tools too, which say it better
                continue
            raise UsageError(
                sentence("{name}: not TOML: {error}", name=name, error=error)
            ) from None
        if name == "pyproject.toml":
            fields = fields.get("tool", {}).get("repro", {})
        return name, fields
    return "", {}


def take(command: Any, file: str, fields: Mapping[str, Any]) -> Defaults:
    """The options of the commands in the group `command`, as Click wants them (`default_map`), and
    let each command say which of them it took.

    Raises:
        UsageError: an unknown command or option, one that has to be typed, or a value of no use.
    """
    commands = dict(_leaves(command, ()))
    known = {name for each in commands.values() for name in _options(each)}
    for name, value in fields.items():
        if name not in command.commands and isinstance(value, dict):
            raise _unknown(
                sentence("{file}: {name!r}: no such command", file=file, name=name),
                name,
                command.commands,
            )
        if name not in command.commands and name not in known:
            raise _unknown(
                sentence("{file}: no command has an option {name!r}", file=file, name=name),
                name,
                known,
            )
    out: Defaults = {}
    for words, each in commands.items():
        own: Any = fields
        for word in words:
            own = own.get(word, {}) if isinstance(own, dict) else {}
        general = {name: value for name, value in fields.items() if name in _options(each)}
        inner = getattr(each, "commands", {})
        values = {**general, **{name: v for name, v in own.items() if name not in inner}}
        place = out
        for word in words[:-1]:
            place = place.setdefault(word, {})
        place.setdefault(words[-1], {}).update(_by_parameter(file, words, each, values))
        each.invoke = partial(_say_and_invoke, each, each.invoke, file)
    return out


def _leaves(group: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command below a group, groups that are commands too, with the words that call it."""
    for name, command in group.commands.items():
        yield (*words, name), command
        if hasattr(command, "commands"):
            yield from _leaves(command, (*words, name))


def _options(command: Any) -> dict[str, Any]:
    """The parameters of a command, by the option as it is typed, without its dashes."""
    return {
        option.removeprefix("--"): each
        for each in command.params
        for option in each.opts
        if option.startswith("--")
    }


def _by_parameter(
    file: str, words: tuple[str, ...], command: Any, values: Mapping[str, Any]
) -> Defaults:
    out, options, called = {}, _options(command), " ".join(words)
    for name, value in values.items():
        if name not in options:
            raise _unknown(
                sentence(
                    "{file}: {called} has no option {name!r}", file=file, called=called, name=name
                ),
                name,
                options,
            )
        if name in _TYPED:
            raise UsageError(sentence("{file}: --{name} has to be typed", file=file, name=name))
        if not isinstance(value, str | int | float):
            raise UsageError(
                sentence(
                    "{file}: {called}.{name}: expected a text, a number, true or false; "
                    "got {value!r}",
                    file=file,
                    called=called,
                    name=name,
                    value=value,
                )
            )
        if getattr(options[name], "is_flag", False) != isinstance(value, bool):
            flag = options[name].is_flag
            expected = sentence("true or false") if flag else sentence("a text or a number")
            raise UsageError(
                sentence(
                    "{file}: {called}.{name}: expected {expected}; got {value!r}",
                    file=file,
                    called=called,
                    name=name,
                    expected=expected,
                    value=value,
                )
            )
        out[options[name].name] = value
    return out


def _unknown(message: str, name: str, known: Any) -> UsageError:
    near = nearest(name, known)
    return UsageError(with_nearest(message, near))


def _say_and_invoke(command: Any, invoke: Callable[[Any], Any], file: str, context: Any) -> Any:
    taken = [
        option if value is True else f"{option} {_shown(value)}"
        for each in command.params
        if getattr(context.get_parameter_source(each.name), "name", "") == "DEFAULT_MAP"
        and (value := context.params[each.name]) not in (False, None)
        for option in each.opts[:1]
    ]
    if taken:
        options = " ".join(taken)
        note(
            choose(
                resolve_language(),
                en=f"options from {file}: {options}",
                zh=f"采用 {file} 中的选项：{options}",
            )
        )
    return invoke(context)


def _shown(value: Any) -> str:
    """A value of an option; of an address without the password that it may have."""
    from repro.data.addresses import is_address, printable  # noqa: PLC0415 - --help needs none

    text = str(value)
    return printable(text) if is_address(text) else text
