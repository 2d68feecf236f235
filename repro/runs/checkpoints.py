"""A run's checkpoint: weights, optimiser and history in one safetensors file, sealed.

The metadata hold the record up to then, which has a checksum of its own, and the SHA-256 of all
tensors with their names, types and shapes. So no bit of the file can change unnoticed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import safetensors
import safetensors.numpy

from repro.errors import EvidenceError, UsageError, listed, sentence
from repro.files import disk_errors, write_atomically
from repro.runs.digests import Arrays, arrays_digest
from repro.runs.records import RunRecord, dump, parse
from repro.runs.store import Predictions, Store
from repro.spec import RunSpec

Checkpoint: TypeAlias = tuple[RunRecord, Arrays]
"""The run up to an epoch, and the tensors to go on from there."""


def write(record: RunRecord, state: Arrays, predictions: Predictions, store: Store) -> None:
    """Save a run as it stands: the checkpoint first, which alone is enough to write the rest.

    Where the test set has just been read, the checkpoint is kept under the epoch's name too.

    Raises:
        DiskError: the file system refuses; what was there before is untouched.
    """
    metadata = {"record": dump(record).decode(), "sha256": arrays_digest(state)}
    data = safetensors.numpy.save(state, metadata)
    epoch = len(record.epochs)
    if epoch in record.spec.recipe.reading_epochs:
        write_atomically(store.checkpoint(record.spec, epoch), data)
    write_atomically(store.checkpoint(record.spec), data)
    store.save(record, predictions)


def read(path: Path, spec: RunSpec) -> Checkpoint | None:
    """The record and the tensors of a checkpoint of `spec`, or None where there is none.

    Raises:
        EvidenceError: it is damaged, of another run, or has other weights than its history.
        DiskError: it cannot be read.
    """
    with disk_errors(path, "read"):
        if not path.exists():
            return None
        if not path.is_file():  # a FIFO would be waited for
            raise EvidenceError(
                sentence("{path}: expected a checkpoint; it is no regular file", path=path)
            )
    try:
        with disk_errors(path, "read"), safetensors.safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, TypeError, AttributeError) as error:
        # The latter for a type that no network here has, and numpy neither.
        raise EvidenceError(
            sentence(
                "{path}: not a checkpoint: {error}; delete it to go on without it",
                path=path,
                error=error,
            )
        ) from None
    if arrays_digest(state) != metadata.get("sha256"):
        raise EvidenceError(
            sentence("{path}: the checkpoint is damaged; delete it to go on without it", path=path)
        )
    record = parse(metadata.get("record", "").encode(), path)
    if record.spec != spec:
        raise EvidenceError(
            sentence(
                "{path}: expected the checkpoint of this run; got {run}'s",
                path=path,
                run=record.spec.name,
            )
        )
    if (
        not record.epochs
        or arrays_digest(network_weights(state)) != record.epochs[-1].weights_sha256
    ):
        raise EvidenceError(
            sentence("{path}: the weights are not those of the checkpoint's history", path=path)
        )
    return record, state


def network_weights(state: Arrays) -> Arrays:
    """The network's parameters and buffers in a checkpoint, by the names of its `state_dict`."""
    return {n.removeprefix("model."): t for n, t in state.items() if n.startswith("model.")}


def read_weights(path: Path, record: RunRecord) -> tuple[int, Arrays]:
    """The epoch of a run's checkpoint, and the weights in it, as the record has them.

    Raises:
        EvidenceError: it is missing, damaged, of another run, or has other weights than the record
            says.
        DiskError: it cannot be read.
    """
    found = read(path, record.spec)
    if found is None:
        raise EvidenceError(sentence("{path}: expected a checkpoint; nothing is there", path=path))
    history, state = found
    epoch = len(history.epochs)
    if epoch > len(record.epochs):
        raise EvidenceError(
            sentence(
                "{path}: expected a checkpoint of epoch 1 to {count}, as far as the "
                "record goes; got epoch {epoch} (of a run under way: wait, or let it go "
                "on)",
                path=path,
                count=len(record.epochs),
                epoch=epoch,
            )
        )
    weights = network_weights(state)
    expected, obtained = record.epochs[epoch - 1].weights_sha256, arrays_digest(weights)
    if obtained != expected:
        raise EvidenceError(
            sentence(
                "{path}: expected the record's weights after epoch {epoch}, SHA-256 "
                "{expected}; got {obtained}",
                path=path,
                epoch=epoch,
                expected=expected,
                obtained=obtained,
            )
        )
    return epoch, weights


def find_weights(store: Store, record: RunRecord, epoch: int | None) -> tuple[int, Arrays]:
    """The weights after `epoch`, or the last that there are, and their epoch.

    Raises:
        UsageError: no checkpoint of that epoch is stored.
        EvidenceError: it is not to be believed.
    """
    kept = store.checkpoint_epochs(record.spec)
    if not kept:
        raise UsageError(
            sentence(
                "{run}: expected a run with a checkpoint; none of it is stored here",
                run=record.spec.name,
            )
        )
    if epoch is None or epoch in kept:
        chosen = kept[-1] if epoch is None else epoch
        at, weights = read_weights(store.checkpoint(record.spec, chosen), record)
        if chosen not in {None, at}:
            raise EvidenceError(
                sentence(
                    "{path}: expected epoch {chosen}; got {at}",
                    path=store.checkpoint(record.spec, chosen),
                    chosen=chosen,
                    at=at,
                )
            )
        return at, weights
    known = [str(each) for each in kept if each]
    if None in kept:
        at, weights = read_weights(store.checkpoint(record.spec), record)
        if at == epoch:
            return at, weights
        known.append(str(at))
    raise UsageError(
        sentence(
            "--epoch {epoch}: {run} has checkpoints of {names}",
            epoch=epoch,
            run=record.spec.name,
            names=listed(dict.fromkeys(known)),
        )
    )
