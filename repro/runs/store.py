"""The run store: a folder a run, written so that a kill at any moment loses at most an epoch.

    store.json                          the layout's version
    runs/<run>/checkpoint.safetensors     the run so far: weights, optimiser, history in one file
    runs/<run>/checkpoint-10.safetensors  the same, as it stood at a reading of the test set
    runs/<run>/predictions.safetensors    classes at each reading, uint8 (10,000,), "10", "30", ...
                                          and, of a network with dropout, "10-switched", ...
    runs/<run>/record.json                what was measured; written last

The committed evidence in ``results/`` has the same layout, with the checkpoints of few runs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from repro.errors import DataError, DiskError, EvidenceError, UsageError, listed, sentence
from repro.files import disk_errors, locked, read_regular, replace, write_atomically
from repro.obstacles import obstacle
from repro.runs.records import RunRecord, dump, parse
from repro.spec import REPORT_RECIPES, RunSpec

LAYOUT_VERSION = 1
_REMEDY = sentence("without its folder a run of your own is trained again")


Predictions: TypeAlias = Mapping[str, npt.NDArray[np.uint8]]
"""Predicted classes, uint8 (10,000,), by the names under which they are kept."""


class Store:
    """The runs under one folder.

    Raises:
        DataError: the folder was written by a newer version, or cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        marker = root / "store.json"
        with disk_errors(marker, "read"):
            exists = marker.exists()
        if exists:
            self._check_version(marker, read_regular(marker))

    @staticmethod
    def _check_version(marker: Path, text: bytes) -> None:
        try:
            version = json.loads(text)["version"]
        except (ValueError, TypeError, KeyError, RecursionError):
            version = None
        if type(version) is not int or version < 1:
            raise DataError(sentence(
                '{marker}: expected {{"version": {known}}}; got something else',
                marker=marker, known=LAYOUT_VERSION,
            ))  # fmt: skip
        if version > LAYOUT_VERSION:
            raise DataError(sentence(
                "{marker}: written by a newer version (layout {version}; this one "
                "knows up to {known}); update repro to use this store",
                marker=marker, version=version, known=LAYOUT_VERSION,
            ))  # fmt: skip

    def folder(self, spec: RunSpec) -> Path:
        return self.root / "runs" / spec.name

    def checkpoint(self, spec: RunSpec, epoch: int | None = None) -> Path:
        """Where the run's checkpoint lies: its last, or that of a reading's `epoch`."""
        name = "checkpoint" if epoch is None else f"checkpoint-{epoch}"
        return self.folder(spec) / f"{name}.safetensors"

    def checkpoint_epochs(self, spec: RunSpec) -> list[int | None]:
        """What :meth:`checkpoint` may be asked for: epochs of readings, then None for the last."""
        folder = self.folder(spec)
        names = (path.stem.partition("-")[2] for path in folder.glob("checkpoint-*.safetensors"))
        kept = [int(name) for name in names if re.fullmatch("[1-9][0-9]{0,5}", name)]
        last = [None] if self.checkpoint(spec).exists() else []
        return [*sorted(kept), *last]

    @contextmanager
    def lock(self, spec: RunSpec, on_wait: Callable[[str], None]) -> Iterator[None]:
        """Hold the run against every other process, after `on_wait` waiting for one that has it,
        as :func:`repro.files.locked`. What a process that died left half written is removed.
        """
        folder = self.folder(spec)
        with locked(folder / "lock", on_wait):
            with disk_errors(folder):
                for left in folder.glob("*.tmp"):
                    left.unlink(missing_ok=True)
            yield

    def set_aside(self, spec: RunSpec) -> None:
        """Move what the run has so far into a folder of its own, to begin it anew.

        Raises:
            DiskError: the file system refuses.
        """
        folder = self.folder(spec)
        with disk_errors(folder):
            number = next(n for n in count(1) if not (folder / f"before-{n}").exists())
            for path in sorted(folder.iterdir()):
                if path.is_file() and path.name != "lock":
                    aside = folder / f"before-{number}" / path.name
                    aside.parent.mkdir(exist_ok=True)
                    replace(path, aside)

    def load(self, spec: RunSpec) -> RunRecord | None:
        """The record of `spec`, or None where the run has not finished its first epoch.

        Raises:
            DataError: a record that is damaged or belongs to another run.
        """
        path = self.folder(spec) / "record.json"
        with disk_errors(path, "read"):
            exists = path.exists()
        return self._read(path) if exists else None

    def records(self) -> list[RunRecord]:
        """Every record, by name.

        Raises:
            DataError: a record that is damaged or does not belong where it lies.
        """
        return [self.load_named(name) for name in self.names()]

    def sound_records(self) -> tuple[list[RunRecord], list[DataError]]:
        """The records that can be read, by name, and what is wrong with the others."""
        records, errors = [], []
        for name in self.names():
            try:
                records.append(self.load_named(name))
            except DataError as error:
                errors.append(error)
        return records, errors

    def names(self) -> list[str]:
        """The names of all runs that have a record, whether or not it can be read.

        Raises:
            DiskError: the store is a link that leads nowhere, or a file.
        """
        if found := obstacle(self.root / "runs"):
            raise DiskError(
                sentence("{root}: cannot be read: {found}", root=self.root, found=found)
            )
        return sorted(path.parent.name for path in self.root.glob("runs/*/record.json"))

    def load_named(self, name: str) -> RunRecord:
        """The record of the run called `name`.

        Raises:
            DataError: a record that is missing, damaged or of another run.
        """
        return self._read(self.root / "runs" / name / "record.json")

    def find(self, text: str) -> RunRecord:
        """The one record whose name or digest begins with `text`.

        Raises:
            UsageError: none, or more than one.
            DataError: a record that is damaged.
        """
        return self.load_named(self.find_name(text))

    def find_name(self, text: str) -> str:
        """The one run whose name or digest begins with `text`, or of several the one that the
        report's recipe trains by default; its record is not read.

        Raises:
            UsageError: none, or more than one.
        """
        # A run's name ends with the first 12 digits of its digest.
        short = text[:12] if re.fullmatch("[0-9a-f]{1,64}", text) else None
        found = [
            name for name in self.names()
            if name.startswith(text) or (short and name.rpartition("-")[2].startswith(short))
        ]  # fmt: skip
        # Of runs that differ in their recipe alone, such as in dropout, the report's is meant.
        chosen = found if len(found) == 1 else [name for name in found if name in _reports(found)]
        if len(chosen) == 1:
            return chosen[0]
        names = listed([*found[:5], *(["..."] if len(found) > 5 else [])])
        raise UsageError(
            sentence(
                "{text!r}: expected a unique prefix of a run's name or digest; {found}",
                text=text,
                found=sentence("{count} runs match: {names}", count=len(found), names=names)
                if found
                else sentence("no run matches (`repro runs` lists them)"),
            )
        )

    def save(self, record: RunRecord, predictions: Predictions) -> None:
        """Write the predictions, then the record, each as a whole.

        Raises:
            DataError: the file system refuses; what was there before is untouched.
        """
        self.begin()
        write_atomically(
            self.folder(record.spec) / "predictions.safetensors",
            safetensors.numpy.save(dict(predictions)),
        )
        write_atomically(self.folder(record.spec) / "record.json", dump(record))

    def begin(self) -> None:
        """Begin the store unless it is there, and sweep up after a process killed while it did."""
        marker = self.root / "store.json"
        if marker.exists():
            return
        with locked(self.root / "lock", lambda _: None):
            for left in self.root.glob("store.json.*.tmp"):
                left.unlink(missing_ok=True)
            write_atomically(marker, (json.dumps({"version": LAYOUT_VERSION}) + "\n").encode())

    def predictions(self, record: RunRecord) -> dict[str, npt.NDArray[np.uint8]]:
        """Predicted classes, uint8 (10,000,), held to the record's digests and named as there:
        "10" after 10 epochs; "10-switched" has dropout on where the recipe predicts with it off.

        Raises:
            DataError: the file is missing or damaged, or not the record's.
        """
        path = self.folder(record.spec) / "predictions.safetensors"
        with disk_errors(path, "read"):
            exists = path.exists()
        if not exists:
            raise EvidenceError(
                sentence("{path}: expected the record's predictions; nothing is there", path=path)
            )
        try:
            named = safetensors.numpy.load(read_regular(path))
        except (safetensors.SafetensorError, KeyError, ValueError) as error:
            # KeyError: a type that torch has and numpy lacks.
            raise EvidenceError(
                sentence("{path}: not a file of predictions: {error}", path=path, error=error)
            ) from None
        read = record.prediction_digests
        # They are written before the record: a kill between the two leaves a reading more.
        ahead = {n for n in named if (at := _epoch_of(n)) and at > len(record.epochs)}
        if named.keys() - ahead != read.keys():
            raise EvidenceError(sentence(
                "{path}: expected predictions of epochs {read}; got {named}",
                path=path, read=listed(read) or sentence("none"),
                named=listed(sorted(named)) or sentence("none"),
            ))  # fmt: skip
        for name, expected in read.items():
            classes = named[name]
            obtained = hashlib.sha256(classes.tobytes()).hexdigest()
            if obtained != expected or classes.dtype != np.uint8 or classes.ndim != 1:
                raise EvidenceError(sentence(
                    "{path}: epoch {name}: expected predictions uint8 (N,) with "
                    "SHA-256 {expected}; got {dtype} {shape} with {obtained}",
                    path=path, name=name, expected=expected, dtype=classes.dtype,
                    shape=classes.shape, obtained=obtained,
                ))  # fmt: skip
        return {name: named[name] for name in read}

    def _read(self, path: Path) -> RunRecord:
        try:
            record = parse(read_regular(path), path)
        except EvidenceError as error:
            if "newer version" in str(error):  # nothing is wrong with the run
                raise
            raise EvidenceError(
                sentence("{error}; {remedy}", error=error, remedy=_REMEDY)
            ) from None
        if record.spec.name != path.parent.name:
            raise EvidenceError(sentence(
                "{path}: expected the record of this folder; got {run}; {remedy}",
                path=path, run=record.spec.name, remedy=_REMEDY,
            ))  # fmt: skip
        return record


def _reports(names: Iterable[str]) -> set[str]:
    """What the runs of the report's recipes with the seeds of these names are called."""
    seeds = {int(found[1]) for name in names if (found := re.search(r"-seed(\d+)-", name))}
    return {
        RunSpec(recipe=recipe, seed=seed).name
        for recipe in REPORT_RECIPES.values() for seed in seeds
    }  # fmt: skip


def _epoch_of(name: str) -> int | None:
    """The epoch of predictions that are kept as `name`; None where that is no such name."""
    found = re.fullmatch("([1-9][0-9]{0,5})(-switched)?", name)
    return int(found[1]) if found else None
