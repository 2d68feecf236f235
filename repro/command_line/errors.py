"""Every error as one line on standard error, and an exit code."""

from __future__ import annotations

import difflib
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from types import FrameType
from typing import Any, NoReturn

import typer

from repro.command_line import exit_codes
from repro.command_line.console import stop
from repro.errors import (
    ReproError,
    Sentence,
    UsageError,
    listed,
    out_of_memory,
    sentence,
    told_by,
)
from repro.reporting.language import LANGUAGES, Language, resolve_language
from repro.reporting.sentences import in_language

# Typer's own error for arguments that do not parse; its base has no public name.
BadUsage: Any = typer.BadParameter.__mro__[1]


class Terminated(BaseException):
    """SIGTERM. Like KeyboardInterrupt, it must not be caught as an `Exception`."""


@contextmanager
def errors_reported(spoken: Callable[[], Language]) -> Iterator[None]:
    """Turn every error into one line on standard error, in the language that is `spoken` then, and
    an exit code.

    An internal error prints its traceback instead.
    """

    def say(text: str, code: int) -> NoReturn:
        stop(in_language(text, spoken()), code)

    try:
        yield
    except BadUsage as error:
        if not error.format_message():  # a group without a command: its help is printed
            sys.exit(exit_codes.USAGE)
        if "\n" in error.format_message() and spoken() == "en":  # its help is not printed yet
            raise
        path = error.ctx.command_path if error.ctx else "repro"
        wrong = _wrong_usage(error)
        say(sentence("{wrong} (see `{path} --help`)", wrong=wrong, path=path), exit_codes.USAGE)
    except ReproError as error:
        say(told_by(error), exit_codes.of_error(error))
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        _discard_output()
        sys.exit(exit_codes.BROKEN_PIPE)
    except SystemExit as error:  # Rich exits with 1 on a broken pipe while printing help
        sys.exit(exit_codes.BROKEN_PIPE if error.code == 1 else error.code)
    except OSError as error:
        _flush_output()
        stop(f"{error}", exit_codes.DATA)
    except (typer.Exit, typer.Abort, *BadUsage.__bases__):
        raise
    except MemoryError as error:
        say(out_of_memory(str(error)), exit_codes.NOT_DONE)
    except Exception:
        traceback.print_exc()
        sys.exit(exit_codes.FAULT)
    except KeyboardInterrupt:
        say(sentence("stopped; run the same command again to resume"), exit_codes.STOPPED)
    except Terminated:
        say(sentence("terminated; run the same command again to resume"), exit_codes.TERMINATED)


def spoken_language(args: Sequence[str], by_file: object = None) -> Language:
    """The language of errors: what `--lang` says among the words of a command, which may be the
    wrong ones, or `by_file`; else that of everything."""
    after = [word for before, word in pairwise(args) if before == "--lang"]
    joined = [word.partition("=")[2] for word in args if word.startswith("--lang=")]
    for chosen in (*after, *joined, by_file):
        for language in LANGUAGES:
            if chosen == language:
                return language
    try:
        return resolve_language()
    except UsageError:  # REPRO_LANG names none, which is the error
        return resolve_language(environment={**os.environ, "REPRO_LANG": ""})


def _flush_output() -> None:
    """Write what was printed before an error, as far as that can be."""
    try:
        sys.stdout.flush()
    except OSError:
        _discard_output()


def _discard_output() -> None:
    """Let what is still in the buffer of standard output go nowhere: Python would try to write it
    as it ends, and end with 120."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _wrong_usage(error: Any) -> str:
    """Typer's sentence; for an unknown option, with the nearest one, not with all that are near."""
    if not hasattr(error, "possibilities") or error.ctx is None:
        return _wrong_value(error) or of_typer(error.format_message())
    parameters = error.ctx.command.get_params(error.ctx)
    known = [name for each in parameters for name in (*each.opts, *each.secondary_opts)]
    near = nearest(error.option_name, (name for name in known if name.startswith("-")))
    return with_nearest(of_typer(error.message), near)


def with_nearest(message: str, near: str | None) -> str:
    """`message` and, where there is one, what was meant."""
    if near is None:
        return message
    return sentence("{message}. Did you mean {near!r}?", message=message, near=near)


TYPERS = (
    "No such option: {name}",
    "No such command {name}.",
    "Missing argument '{name}'.",
    "Missing argument '{name}'. Choose from:{choices}",
    "Missing option '{name}'.",
    "Missing option '{name}'. Choose from:{choices}",
    "Got unexpected extra argument(s) ({names})",
    "Option '{name}' requires an argument.",
    "Option '{name}' does not take a value.",
    "Invalid value for '{name}': {why}",
)
"""What Typer says of a wrong usage."""


def of_typer(text: str) -> str:
    """Typer's text as a sentence, if it is one of :data:`TYPERS`."""
    for template in () if isinstance(text, Sentence) else TYPERS:
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.*)", re.escape(template))
        if found := re.fullmatch(pattern, text, re.DOTALL):
            values = found.groupdict()
            if choices := values.get("choices"):
                values["choices"] = listed(each.strip() for each in choices.split(","))
            return Sentence(text, template, values)
    return text


LIMITS = {
    "ge": "a number of at least {bound}",
    "gt": "a number of more than {bound}",
    "le": "a number of at most {bound}",
    "lt": "a number of less than {bound}",
}


def _wrong_value(error: Any) -> str:
    """What an option or argument expects and what it got; "" where the library says neither.

    Its own sentence is of its parser: "Value error, ...", "Input should be a valid integer, unable
    to parse string as an integer".
    """
    details = getattr(error.__cause__, "errors", None)
    named = re.match("Invalid value for '([^']*)': ", str(error.format_message()))
    if not callable(details) or not named:
        return ""
    first = details()[0]
    kind, message, value = (str(first.get(each, "")) for each in ("type", "msg", "input"))
    choices = re.findall("'([^']*)'", message.partition(" is not one of ")[2])
    bounds = {
        name: int(n) if n == int(n) else n
        for name, n in first.get("ctx", {}).items()
        if name in LIMITS
    }
    limits = [sentence(LIMITS[name], bound=n) for name, n in bounds.items()]
    expected: str
    if choices:
        *others, last = choices
        expected = any_of(others, last) if others else last
    elif limits:
        expected = limits[0]
    elif kind.startswith(("int", "float")):
        whole = kind.startswith("int")
        expected = sentence("a whole number") if whole else sentence("a number")
    else:
        return ""
    wrong = sentence(
        "{name}: expected {expected}; got {value!r}", name=named[1], expected=expected, value=value
    )
    return with_nearest(wrong, nearest(value, choices))


def any_of(others: Iterable[str], last: str) -> Sentence:
    """ "a, b or c"."""
    return sentence("{others} or {last}", others=listed(others), last=last)


def nearest(unknown: str, known: Iterable[str]) -> str | None:
    """The one of `known` that is spelled most like `unknown`, if any is like it."""
    # Above difflib's own 0.6: `frobnicate` is not meant to be `rocrate`.
    return next(iter(difflib.get_close_matches(unknown, known, n=1, cutoff=0.75)), None)


def terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def refuse(context: typer.Context, names: Iterable[str], reason: str) -> None:
    """Refuse the options `names`, which would have no effect; `reason` follows the option's name.

    Raises:
        UsageError: one of them was given.
    """
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                sentence("--{name} {reason}", name=name.replace("_", "-"), reason=reason)
            )
