"""Which processes there are, by what Linux says of them in /proc."""

from __future__ import annotations

import os
from pathlib import Path


def _stat() -> dict[int, tuple[int, int]]:
    """Parent and group of every living process."""
    out = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if state != "Z":
            out[int(path.parent.name)] = int(parent), int(group)
    return out


def children() -> list[int]:
    """Processes that this one has started and that run still."""
    return [pid for pid, (parent, _) in _stat().items() if parent == os.getpid()]


def of_group(group: int) -> list[int]:
    """Processes of a group that run still."""
    return [pid for pid, (_, of) in _stat().items() if of == group]
