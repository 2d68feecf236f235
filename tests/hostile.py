"""Gives hostile input to a reader, and holds it to what every reader promises.

Either the honest thing comes out, or one of this package's errors with one readable line; no
traceback, no hang, no memory without end, no code of the input's, no file outside the folder.
"""

from __future__ import annotations

import codecs
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from repro.errors import ReproError

SECONDS = 10
MEBIBYTES = 1024


def outcome(read: Callable[[], Any]) -> Any:
    """What `read` gives, or the ReproError that it refuses with."""
    try:
        return read()
    except ReproError as error:
        assert str(error).isprintable()
        assert 0 < len(str(error)) < 1000
        return error


def guarded(read: Callable[[], Any]) -> Any:
    """As `outcome`, in a process of its own that is held to the limits; a refusal or None."""
    before = _resident_mebibytes()
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        _in_child(read, send)
    os.close(send)
    with os.fdopen(receive, "rb") as pipe:
        answer = pipe.read()
    _, status, usage = os.wait4(pid, 0)
    assert not os.WIFSIGNALED(status), (
        f"ended by {signal.Signals(os.WTERMSIG(status)).name}: a crash, or over {SECONDS} s"
    )
    taken = usage.ru_maxrss / 1024 - before
    assert taken < MEBIBYTES, f"took {taken:.0f} MiB"
    kind, text = json.loads(answer)
    if kind == "traceback":
        pytest.fail(text)
    return text


def _in_child(read: Callable[[], Any], send: int) -> None:
    try:
        # Seconds of the processor, which a busy machine does not lengthen; a hang takes none.
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.alarm(6 * SECONDS)
        most = _virtual_mebibytes() + 4 * MEBIBYTES << 20  # for the sake of the machine
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        given = outcome(read)
        answer = ["refused" if isinstance(given, ReproError) else "read", None]
        if isinstance(given, ReproError):
            answer[1] = str(given)
    except BaseException:
        answer = ["traceback", traceback.format_exc()]
    with os.fdopen(send, "wb") as pipe:
        pipe.write(json.dumps(answer).encode())
    os._exit(0)


def _virtual_mebibytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() >> 20


def _resident_mebibytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 20


# Whatever a pickle could do to the world passes one of these.
_DEEDS = (
    "os.", "subprocess.", "exec", "compile", "import", "open", "socket.", "shutil.", "ctypes.",
    "pickle.find_class", "object.__setattr__", "code.__new__", "function.__new__", "sys.",
)  # fmt: skip
_deeds: list[str] | None = None


def _hook(event: str, _: object) -> None:
    if _deeds is not None and event.startswith(_DEEDS):
        _deeds.append(event)


sys.addaudithook(_hook)
for each in ("unicode_escape", "raw_unicode_escape", "latin-1", "ascii", "utf-8"):
    codecs.lookup(each)  # Python imports a codec when it is first used


@contextmanager
def watching() -> Iterator[list[str]]:
    """What is executed, opened or imported meanwhile, by Python's own audit events."""
    global _deeds  # noqa: PLW0603
    _deeds = seen = []
    try:
        yield seen
    finally:
        _deeds = None


def tree(folder: Path) -> set[str]:
    """Every file and folder below `folder`."""
    return {
        str(Path(at, name).relative_to(folder))
        for at, folders, files in os.walk(folder)
        for name in (*folders, *files)
    }


@st.composite
def mutated(draw, honest: bytes, near: Sequence[int] = ()) -> bytes:
    """Honest bytes with some places flipped, cut out, put in or doubled, `near` some oftener."""
    data = bytearray(honest)
    for _ in range(draw(st.integers(1, 4))):
        place = st.integers(0, len(data))
        if near:
            place = st.builds(
                lambda start, by: min(start + by, len(data)),
                st.sampled_from(near),
                st.just(0) | st.integers(0, 600),
            ) | place  # fmt: skip
        at, length = draw(place), draw(st.integers(1, 20) | st.integers(1, len(honest)))
        how = draw(st.sampled_from(["flip", "write", "cut", "insert", "double", "end"]))
        if how == "flip" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "write":
            data[at : at + 8] = draw(st.binary(min_size=1, max_size=8))
        elif how == "cut":
            del data[at : at + length]
        elif how == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=20))
        elif how == "double":
            data[at:at] = data[at : at + length]
        elif how == "end":
            del data[at:]
    return bytes(data)
