"""Why a process of ours ended, in one line."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from repro.errors import out_of_memory, sentence


def cause_of(status: int, errors: str) -> str:
    """Why a worker ended without a word, in one line."""
    if status == -_SIGKILL:
        return sentence(
            "its process was killed (out of memory?); run the same command again to resume, with "
            "fewer runs at a time (--workers 1) where memory is short"
        )
    if status < 0:
        return sentence("its process was ended by {name}", name=_signal_name(-status))
    lines = [line for line in errors.splitlines() if line.strip()]
    # What an exception says may have more lines, with addresses of documentation at their end.
    raised = [line for line in lines if re.match(r"(\w+\.)*\w*(Error|Exception|Interrupt)\b", line)]
    last = [*lines, *raised]
    if short := [line for line in last if _OUT_OF_MEMORY.search(line)]:
        return out_of_memory(short[-1].strip())
    return sentence(
        "its process ended with code {status}: {words}",
        status=status,
        words=last[-1] if last else sentence("no message"),
    )


_SIGKILL = 9
"""Windows, where no process is ended by a signal, does not name it."""


_OUT_OF_MEMORY = re.compile(
    r"\bMemoryError\b|allocate memory|out of memory|bad_alloc|Memory allocation|"
    "failed to map segment|can't start new thread",
    re.IGNORECASE,
)
"""What Python, torch, C++, OpenBLAS, the loader and the system say."""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # one of Linux's real-time signals
        return sentence("signal {number}", number=number)


def keep_errors(errors: bytes, path: Path) -> str:
    """Keep all that a process wrote to standard error, and say where."""
    if not errors.strip():
        return ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(errors)
    except OSError:
        return ""  # the cause is told of all the same
    return sentence(" (all it said: {path})", path=path)
