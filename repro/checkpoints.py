"""A run's checkpoint: weights, optimiser and history in one safetensors file, sealed.

The metadata hold the record up to then, which has a checksum of its own, and the SHA-256 of all
tensors with their names, types and shapes. So no bit of the file can change unnoticed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import safetensors
import safetensors.numpy

from repro.digests import arrays_digest
from repro.errors import EvidenceError
from repro.files import explained, write_atomically
from repro.history import Arrays, History
from repro.records import Environment, RunRecord, dump, parse
from repro.spec import RunSpec
from repro.store import Store

Checkpoint: TypeAlias = tuple[RunRecord, Arrays]
"""The run up to an epoch, and the tensors to go on from there."""


def write(trainer: History, environment: Environment, store: Store) -> RunRecord:
    """Save the run as it stands: the checkpoint first, which alone is enough to write the rest.

    Where the test set has just been read, the checkpoint is kept under the epoch's name too.

    Raises:
        DiskError: the file system refuses; what was there before is untouched.
    """
    record = RunRecord(
        spec=trainer.spec,
        environment=environment,
        epochs=tuple(trainer.epochs),
        readings=tuple(trainer.readings),
    )
    state = trainer.state()
    metadata = {"record": dump(record).decode(), "sha256": arrays_digest(state)}
    data = safetensors.numpy.save(state, metadata)
    if trainer.epoch in trainer.spec.recipe.reading_epochs:
        write_atomically(store.checkpoint(record.spec, trainer.epoch), data)
    write_atomically(store.checkpoint(record.spec), data)
    store.save(record, trainer.predictions)
    return record


def read(path: Path, spec: RunSpec) -> Checkpoint | None:
    """The record and the tensors of a checkpoint of `spec`, or None where there is none.

    Raises:
        EvidenceError: it is damaged, of another run, or has other weights than its history.
        DiskError: it cannot be read.
    """
    with explained(path, "read"):
        if not path.exists():
            return None
        if not path.is_file():  # a FIFO would be waited for
            raise EvidenceError(f"{path}: expected a checkpoint; it is no regular file")
    try:
        with explained(path, "read"), safetensors.safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, TypeError, AttributeError) as error:
        # The latter for a type that no network here has, and numpy neither.
        raise EvidenceError(
            f"{path}: not a checkpoint: {error}; delete it to go on without it"
        ) from None
    if arrays_digest(state) != metadata.get("sha256"):
        raise EvidenceError(f"{path}: the checkpoint is damaged; delete it to go on without it")
    record = parse(metadata.get("record", "").encode(), path)
    if record.spec != spec:
        raise EvidenceError(
            f"{path}: expected the checkpoint of this run; got {record.spec.name}'s"
        )
    weights = {n.removeprefix("model."): t for n, t in state.items() if n.startswith("model.")}
    if not record.epochs or arrays_digest(weights) != record.epochs[-1].weights_sha256:
        raise EvidenceError(f"{path}: the weights are not those of the checkpoint's history")
    return record, state
