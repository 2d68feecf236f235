"""The errors that a person can act on, each with the exit code that the command line gives it.

A message is one line: what was expected, what came, and where.
"""

from __future__ import annotations


class ReproError(Exception):
    """Base of this package's errors; `exit_code` is what the process ends with."""

    exit_code = 1


class UsageError(ReproError):
    """The request itself cannot be met: an unknown table, zero epochs."""

    exit_code = 2


class DataError(ReproError):
    """The data set, the store or a file that the user named cannot be had or believed."""

    exit_code = 3


class DiskError(DataError):
    """The file system refuses: no other source, and no second try, would help."""


class TrainingError(ReproError):
    """A run did not reach its last epoch, so its cells stay without a record."""

    exit_code = 4
