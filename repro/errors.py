"""The errors that a person can act on.

A message is one line: what was expected, what came, and where.
"""

from __future__ import annotations

_MOST_CHARACTERS = 900


def _cut(text: str) -> str:
    half = _MOST_CHARACTERS // 2
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:half]} [...] {text[-half:]}"


def escape(text: str) -> str:
    """`text` with what cannot be printed, half a surrogate pair too, as escapes of Python."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class ReproError(Exception):
    """Base of this package's errors.

    A message often repeats what a file says. It stays one line of a readable length even where
    that has line breaks, control characters or a megabyte: they are escaped, and its middle left
    out.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_cut(escape(_cut(message))))


class UsageError(ReproError):
    """The request itself cannot be met: an unknown table, zero epochs."""


class DataError(ReproError):
    """The data set, the store or a file that the user named cannot be had or believed."""


class EvidenceError(DataError):
    """A record, a file of predictions or a checkpoint that is not to be believed."""


class DiskError(DataError):
    """The file system refuses: no other source, and no second try, would help."""


class NoRunsError(ReproError):
    """There is no run of what was asked for; training makes some."""


class TrainingError(ReproError):
    """A run did not reach its last epoch, so its cells stay without a record."""


def out_of_memory(words: str = "") -> str:
    """What to say of a process whose memory was used up, after `words` that it said itself."""
    said = f" ({words})" if words else ""
    return (
        f"out of memory{said}; train fewer runs at a time (--workers 1), or allow more memory, and "
        "run the same command again to resume"
    )
