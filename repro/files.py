"""Files: whole writes, locks, and the small CSV files that people write and look at."""

from __future__ import annotations

import csv
import errno
import io
import os
import stat
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import filelock

from repro.errors import DataError, DiskError, out_of_memory, sentence
from repro.obstacles import HINTS, VERBS, obstacle


@contextmanager
def disk_errors(path: Path, verb: Literal["read", "written"] = "written") -> Iterator[None]:
    """Turn an OSError into a DiskError that names `path` and says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOMEM:
            said = sentence("{path} cannot be {verb}", path=path, verb=VERBS[verb])
            raise DiskError(out_of_memory(said)) from None
        hints: dict[int, str] = dict(HINTS)
        if length := _too_long(path):  # Windows has nothing better to say of it
            hints |= dict.fromkeys((errno.ENOENT, errno.EINVAL, errno.ENAMETOOLONG), length)
        hint = obstacle(path) or hints.get(error.errno or 0) or error.strerror or str(error)
        raise DiskError(
            sentence("{path}: cannot be {verb}: {hint}", path=path, verb=VERBS[verb], hint=hint)
        ) from None


_LONGEST_PATH = 259 if os.name == "nt" else 4095
"""Characters, where Windows is not told to allow more (LongPathsEnabled)."""


def _too_long(path: Path) -> str:
    length = len(str(path.absolute()))
    if length <= _LONGEST_PATH:
        return ""
    return sentence(
        "the path has {length} characters; choose one of {most} at most",
        length=length,
        most=_LONGEST_PATH,
    )


def read_regular(path: Path, most_bytes: int = 50_000_000) -> bytes:
    """The bytes of a regular file: a FIFO would be waited for, and a device never ends.

    Raises:
        DataError: there is none, it is something else or too long, or the file system refuses.
    """
    with disk_errors(path, "read"):
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(
                sentence("{path}: expected a regular file; it is something else", path=path)
            )
        with path.open("rb") as file:
            # Python reserves as much memory as it is asked to read.
            length = min(os.fstat(file.fileno()).st_size, most_bytes)
            data = file.read(length + 1)
            if length < len(data) <= most_bytes:  # it grows
                data += file.read(most_bytes + 1 - len(data))
    if len(data) > most_bytes:
        raise DataError(sentence(
            "{path}: expected a file of at most {most:,} bytes; it has more",
            path=path, most=most_bytes,
        ))  # fmt: skip
    return data


_PATIENCE_S = 5.0 if os.name == "nt" else 0.0
"""How long a refused renaming is tried again: Windows refuses while anybody reads the old file, as
virus scanners do a moment after it was written."""


def replace(path: Path, target: Path) -> None:
    """Rename a file over another one.

    Raises:
        OSError: the file system refuses.
    """
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            path.replace(target)
        except PermissionError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.01)
        else:
            return


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` by `data` as a whole: a reader, or a crash, sees the old bytes or the new.

    Raises:
        DiskError: the file system refuses; the old file is untouched.
    """
    # A name of this process's own: two that write one file at once must not share it.
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            replace(beside, path)
        except BaseException:  # Ctrl-C too
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
    # The file is there, and stays through a power cut once its folder's list of names is on the
    # disk as well. Windows cannot be asked for that, nor can some network file systems.
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def locked(path: Path, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock file; where another process has it, call `on_wait` and wait.

    The operating system frees the lock of a process that dies. Where the file system has no such
    locks, the file itself is the lock. One left by a dead process of this machine is taken over;
    for one of another machine `on_wait` gets words that say whose it is and how to end the wait,
    and an empty text otherwise.

    Raises:
        DiskError: the file system refuses.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path)
        with suppress(filelock.Timeout):
            lock.acquire(timeout=0)
        if not lock.is_locked and isinstance(lock, filelock.SoftFileLock) and _is_left_over(path):
            path.unlink(missing_ok=True)
            with suppress(filelock.Timeout):
                lock.acquire(timeout=0)
        if not lock.is_locked:
            on_wait(_holder(path) if isinstance(lock, filelock.SoftFileLock) else "")
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


# `locked` says what matters of it.
warnings.filterwarnings("ignore", message="flock not supported", category=UserWarning)


def _is_left_over(path: Path) -> bool:
    """Whether a lock file names no holder, and not because its holder is about to write its name: a
    system with locks leaves such files."""
    with suppress(OSError):
        state = path.stat()
        return state.st_size == 0 and time.time() - state.st_mtime > 10
    return False


def _holder(path: Path) -> str:
    """Who has a lock that is only a file."""
    try:
        pid, host = path.read_text(encoding="utf-8").splitlines()[:2]
    except (OSError, ValueError):
        return sentence("; if there is none, delete {path}", path=path)
    return sentence(
        ", process {pid} on {host}; if it no longer runs, delete {path}",
        pid=pid, host=host, path=path,
    )  # fmt: skip


def read_csv(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows after the header, each with the number of its line.

    Excel's byte order mark is read over.

    Raises:
        DataError: the file cannot be read, has other columns, or a row more or fewer values.
    """
    try:
        lines = csv_lines(read_regular(path))
        _, headings = next(lines, (0, []))
        if headings != list(columns):
            raise DataError(
                sentence(
                    "{path}: expected the columns {columns}", path=path, columns=",".join(columns)
                )
            )
        rows = []
        for line, cells in lines:
            if len(cells) != len(columns):
                raise DataError(sentence(
                    "{path}, line {line}: expected {count} values a row",
                    path=path, line=line, count=len(columns),
                ))  # fmt: skip
            rows.append((line, dict(zip(columns, cells, strict=True))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            sentence("{path}: cannot be read as CSV: {error}", path=path, error=error)
        ) from None
    return rows


def parse_toml(data: bytes) -> dict[str, Any]:
    """A TOML file's values; a byte order mark is read over.

    Raises:
        ValueError: it is not TOML.
    """
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415 - few commands read one
    else:
        import tomli as tomllib  # noqa: PLC0415

    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def csv_lines(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line of a CSV file in UTF-8, with the line's number, from 1.

    A byte order mark and blank lines, as Excel and conversions of line ends leave them, are read
    over.

    Raises:
        UnicodeDecodeError, csv.Error: it is not one.
    """
    reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    for cells in reader:
        if cells and (len(cells) > 1 or cells[0].strip()):
            yield reader.line_num, cells


def parse_int(text: str) -> int:
    """What `int` reads, without its other alphabets, signs, blanks and underscores.

    Raises:
        ValueError: another form, or more than six digits.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise ValueError(
            sentence("expected a whole number of up to six digits; got {text!r}", text=text)
        )
    return int(text)


def parse_fraction(text: str) -> float:
    """A decimal fraction such as 0.5744: as `float` reads it, without exponents and signs.

    Raises:
        ValueError: another form.
    """
    whole, point, fraction = text.partition(".")
    digits = whole + (fraction if point else "0")
    if not (text.isascii() and digits.isdigit() and whole and (fraction or not point)):
        raise ValueError(
            sentence("expected a decimal fraction like 0.5744; got {text!r}", text=text)
        )
    return float(text)
