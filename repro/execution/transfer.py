"""A run's files on their way from one store to another, on whatever machine that is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from repro.errors import EvidenceError, sentence
from repro.files import disk_errors, write_atomically
from repro.runs.records import parse
from repro.runs.store import Store
from repro.spec import RunSpec

_FILE = re.compile(r"record\.json|predictions\.safetensors|checkpoint(-[1-9]\d{0,5})?\.safetensors")

# A worker writes checkpoints, then predictions, then the record. So do we; and we read in the
# opposite order, for then a record that grows meanwhile is never ahead of what stands behind it.
# It happens to be the order of the names.


class Sender:
    """Reads a run's files for another store: each call those that have changed since the last."""

    def __init__(self, store: Store, spec: RunSpec) -> None:
        self._folder = store.folder(spec)
        self._sent: dict[str, tuple[int, int, int]] = {}

    def pack(self) -> dict[str, bytes]:
        """The files by name; none where nothing is new.

        Raises:
            DiskError: the file system refuses.
        """
        files = {}
        with disk_errors(self._folder, "read"):
            found = [path for path in self._folder.glob("*") if _FILE.fullmatch(path.name)]
            for path in sorted(found, reverse=True):
                # Every writing makes a new file, so that its number tells it from the one before.
                stamp = _stamp(path)
                if self._sent.get(path.name) != stamp:
                    files[path.name] = path.read_bytes()
                    self._sent[path.name] = stamp
        return files


def unpack(store: Store, spec: RunSpec, files: Mapping[str, bytes]) -> None:
    """Put files of the run `spec` into `store`, which must hold the run's lock.

    Where they are of a run that was begun anew, what the store had of it is set aside.

    Raises:
        EvidenceError: a file that no run has, or a record that is damaged or of another run;
            nothing is written.
        DiskError: the file system refuses.
    """
    for name in files:
        if not _FILE.fullmatch(name):
            raise EvidenceError(
                sentence(
                    "{run}: expected the files of a run; got {name!r}", run=spec.name, name=name
                )
            )
    text = files.get("record.json")
    if text is None and store.load(spec):
        return  # a checkpoint whose record never came: whether it goes on from ours, nobody knows
    if text is not None:
        came, ours = parse(text, f"{spec.name}: record.json that came"), store.load(spec)
        if came.spec != spec:
            raise EvidenceError(
                sentence(
                    "{run}: expected this run's record; got {other}'s",
                    run=spec.name,
                    other=came.spec.name,
                )
            )
        if ours and came.epochs[: len(ours.epochs)] != ours.epochs:
            store.set_aside(spec)
    store.begin()
    for name in sorted(files):
        write_atomically(store.folder(spec) / name, files[name])


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size
