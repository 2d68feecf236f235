"""Where the command line prints: results on standard output, all else on standard error."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

from rich.console import Console


class Piped(Console):
    """Rich's console with three changes.

    A reader that closes the pipe early, as `head` does, is not an error: Rich would exit with 1,
    which means here that a cell differs. Tables are at least 80 columns wide, because Rich silently
    drops columns and digits from narrower ones; a narrow terminal wraps the lines instead. `:name:`
    is printed as text, not as an emoji.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(emoji=False, **options)
        self.width = max(self.width, 80)

    def foot(self, text: str) -> None:
        """Print the text below a table, wrapped on a terminal and unwrapped elsewhere."""
        self.print(text, markup=False, highlight=False, soft_wrap=not self.is_terminal)

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


out, err = Piped(), Console(stderr=True, emoji=False)


def note(message: str) -> None:
    line = " ".join(f"repro: {message}".split())
    err.print(line, markup=False, highlight=False, soft_wrap=True)


def stop(message: str, code: int) -> NoReturn:
    note(message)
    sys.exit(code)
