"""Deletes runs of a store."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import NoReturn

from repro.errors import UsageError, sentence
from repro.files import disk_errors, locked
from repro.runs.store import Store


def size_of(store: Store, name: str) -> int:
    """Bytes of all files of the run called `name`.

    Raises:
        DiskError: the file system refuses.
    """
    folder = store.root / "runs" / name
    with disk_errors(folder, "read"):
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def remove(store: Store, name: str) -> None:
    """Delete the run called `name`, whether or not its record can be read.

    Raises:
        UsageError: another process is training it.
        DiskError: the file system refuses.
    """
    folder = store.root / "runs" / name

    def refuse(whose: str) -> NoReturn:
        raise UsageError(
            sentence(
                "{name}: another process is training it{whose}; stop that one first",
                name=name,
                whose=whose,
            )
        )

    with locked(folder / "lock", refuse), disk_errors(folder):
        # The record first: what is left after a kill is no run any more.
        (folder / "record.json").unlink(missing_ok=True)
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "lock":
                path.unlink()
    with suppress(OSError):  # one that has just begun anew keeps its folder
        (folder / "lock").unlink(missing_ok=True)
        folder.rmdir()
