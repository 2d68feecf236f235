"""ResNet read with batch norm left in training mode, as a forgotten ``eval()`` leaves it.

Computed from the last checkpoint of a run, and kept beside the runs in ``batch_norm.csv``, each row
with the weights that it was computed from. The search for the recipe alone asks for it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from repro.data.dataset import Dataset
from repro.errors import DataError
from repro.files import parse_fraction, parse_int, read_csv, write_atomically
from repro.runs import checkpoints
from repro.runs.records import RunRecord
from repro.runs.store import Store
from repro.training.kernel_engine import KernelTrainer

BATCHES = (4, 20, 100)
"""Test images in a batch, whose statistics batch norm takes."""

COLUMNS = ("run", "epoch", "weights_sha256", "batch", "accuracy")

LeftOn = dict[str, dict[int, float]]
"""Accuracy in [0, 1] after a run's last epoch, by the run's name and the batch."""


def path_in(store: Store) -> Path:
    """Where a store keeps them."""
    return store.root / "batch_norm.csv"


def load(store: Store, records: Iterable[RunRecord]) -> LeftOn:
    """What is known of `records`, of their weights as they are now.

    Raises:
        DataError: the file has another form.
    """
    path = path_in(store)
    if not path.exists():
        return {}
    weights = {record.spec.name: record.epochs[-1].weights_sha256 for record in records}
    out: LeftOn = {}
    for line, row in read_csv(path, COLUMNS):
        try:
            batch, accuracy = parse_int(row["batch"]), parse_fraction(row["accuracy"])
        except ValueError as error:
            raise DataError(f"{path}, line {line}: {error}") from None
        if weights.get(row["run"]) == row["weights_sha256"]:
            out.setdefault(row["run"], {})[batch] = accuracy
    return out


def complete(store: Store, records: Iterable[RunRecord], dataset: Dataset) -> LeftOn:
    """Compute what is not known yet of the ResNets among `records`, and keep it.

    Raises:
        ReproError: a checkpoint is missing or damaged, or the file system refuses.
    """
    nets = [record for record in records if record.spec.recipe.architecture == "resnet"]
    known = load(store, nets)
    for record in nets:
        if set(known.get(record.spec.name, {})) >= set(BATCHES):
            continue
        path = store.checkpoint(record.spec)
        checkpoint = checkpoints.read(path, record.spec)
        if checkpoint is None:
            raise DataError(f"{path}: not there; batch norm is read from a run's last checkpoint")
        begun, state = checkpoint
        trainer = KernelTrainer(record.spec, dataset)
        trainer.restore(state, begun.epochs, begun.readings)
        known[record.spec.name] = {
            batch: trainer.accuracy_with_batch_norm_left_on(batch) for batch in BATCHES
        }
        _save(store, nets, known)
    return known


def _save(store: Store, records: Iterable[RunRecord], known: LeftOn) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record in records:
        last = record.epochs[-1]
        for batch, accuracy in sorted(known.get(record.spec.name, {}).items()):
            writer.writerow(
                (record.spec.name, last.epoch, last.weights_sha256, batch, f"{accuracy:.4f}")
            )
    write_atomically(path_in(store), out.getvalue().encode())
