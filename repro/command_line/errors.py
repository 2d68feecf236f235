"""Every error as one line on standard error, and an exit code."""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import typer

from repro.command_line.console import stop
from repro.errors import DataError, ReproError, UsageError

# Typer's own error for arguments that do not parse; its base has no public name.
BadUsage: Any = typer.BadParameter.__mro__[1]

_FAULT = 70
"""Exit code of an internal error of this package (EX_SOFTWARE in sysexits.h)."""

_BROKEN_PIPE = 141  # 128 + SIGPIPE, which Windows does not have


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
            sys.exit(UsageError.exit_code)
        if "\n" in error.format_message():  # its help is not printed yet
            raise
        path = error.ctx.command_path if error.ctx else "repro"
        stop(f"{_wrong_usage(error)} (see `{path} --help`)", UsageError.exit_code)
    except ReproError as error:
        stop(f"{error}", error.exit_code)
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(_BROKEN_PIPE)
    except SystemExit as error:  # Rich exits with 1 on a broken pipe while printing help
        sys.exit(_BROKEN_PIPE if error.code == 1 else error.code)
    except OSError as error:
        stop(f"{error}", DataError.exit_code)
    except (typer.Exit, typer.Abort, *BadUsage.__bases__):
        raise
    except Exception:
        traceback.print_exc()
        sys.exit(_FAULT)
    except KeyboardInterrupt:
        stop("stopped; run the same command again to resume", 130)
    except Terminated:
        stop("terminated; run the same command again to resume", 143)


def _wrong_usage(error: Any) -> str:
    """Typer's sentence; for an unknown option, with the nearest one, not with all that are near."""
    if not hasattr(error, "possibilities") or error.ctx is None:
        return str(error.format_message())
    parameters = error.ctx.command.get_params(error.ctx)
    known = [name for each in parameters for name in (*each.opts, *each.secondary_opts)]
    near = nearest(error.option_name, (name for name in known if name.startswith("-")))
    return f"{error.message}. Did you mean {near!r}?" if near else f"{error.message}"


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
