"""Every error as one line on standard error, and an exit code."""

from __future__ import annotations

import difflib
import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import typer

from repro.command_line import exit_codes
from repro.command_line.console import stop
from repro.errors import ReproError, UsageError, out_of_memory

# Typer's own error for arguments that do not parse; its base has no public name.
BadUsage: Any = typer.BadParameter.__mro__[1]


class Terminated(BaseException):
    """SIGTERM. Like KeyboardInterrupt, it must not be caught as an `Exception`."""


@contextmanager
def errors_reported() -> Iterator[None]:
    """Turn every error into one line on standard error and an exit code.

    An internal error prints its traceback instead.
    """
    try:
        yield
    except BadUsage as error:
        if not error.format_message():  # a group without a command: its help is printed
            sys.exit(exit_codes.USAGE)
        if "\n" in error.format_message():  # its help is not printed yet
            raise
        path = error.ctx.command_path if error.ctx else "repro"
        stop(f"{_wrong_usage(error)} (see `{path} --help`)", exit_codes.USAGE)
    except ReproError as error:
        stop(f"{error}", exit_codes.of_error(error))
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
        stop(out_of_memory(str(error)), exit_codes.NOT_DONE)
    except Exception:
        traceback.print_exc()
        sys.exit(exit_codes.FAULT)
    except KeyboardInterrupt:
        stop("stopped; run the same command again to resume", exit_codes.STOPPED)
    except Terminated:
        stop("terminated; run the same command again to resume", exit_codes.TERMINATED)


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
        return _wrong_value(error) or str(error.format_message())
    parameters = error.ctx.command.get_params(error.ctx)
    known = [name for each in parameters for name in (*each.opts, *each.secondary_opts)]
    near = nearest(error.option_name, (name for name in known if name.startswith("-")))
    return f"{error.message}. Did you mean {near!r}?" if near else f"{error.message}"


_LIMITS = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}


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
        if name in _LIMITS
    }
    limits = [_LIMITS[name].format(n) for name, n in bounds.items()]
    if choices:
        *others, last = choices
        expected = f"{', '.join(others)} or {last}" if others else last
    elif limits:
        expected = f"a number of {limits[0]}"
    elif kind.startswith(("int", "float")):
        expected = "a whole number" if kind.startswith("int") else "a number"
    else:
        return ""
    near = nearest(value, choices)
    meant = f". Did you mean {near!r}?" if near else ""
    return f"{named[1]}: expected {expected}; got {value!r}{meant}"


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
            raise UsageError(f"--{name.replace('_', '-')} {reason}")
