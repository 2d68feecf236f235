"""Kills its own process at the n-th call of something: ``kill_at("before replace", 3)``.

A worker under test does this to itself first; a kill by the clock seldom falls into a rename.
"""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from itertools import count
from pathlib import Path

MOMENTS = ("half written", "before replace", "after replace", "step")


def kill_at(moment: str, number: int) -> None:
    """Make the call `number` of `moment` the last thing that this process does."""
    calls = count(1)

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def before(call: Callable, last: Callable = lambda *_: None) -> Callable:
        def wrapped(*args, **named):
            if next(calls) == number:
                last(*args)
                die()
            return call(*args, **named)

        return wrapped

    def after(call: Callable) -> Callable:
        def wrapped(*args):
            call(*args)
            if next(calls) == number:
                die()

        return wrapped

    if moment == "half written":
        sync = os.fsync
        cut = before(sync, lambda file: os.ftruncate(file, os.fstat(file).st_size // 2))
        # Folders are synced too, once their file is whole.
        os.fsync = lambda file: (cut if stat.S_ISREG(os.fstat(file).st_mode) else sync)(file)
    elif moment == "before replace":
        Path.replace = before(Path.replace)
    elif moment == "after replace":
        Path.replace = after(Path.replace)
    elif moment == "step":
        from repro.kernels.binding import Network

        Network.train = before(Network.train)
    else:
        raise ValueError(moment)
