"""Accuracies of ResNet with batch norm left in training mode, as `batch_norm.csv` keeps them.

A forgotten ``eval()`` leaves it so. The recipe search alone uses these accuracies; each row names
the weights that it was computed from.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from repro.errors import DataError, sentence
from repro.files import parse_fraction, parse_int, read_csv, write_atomically
from repro.runs.records import RunRecord
from repro.runs.store import Store

BATCHES = (4, 20, 100)
"""Test images in a batch, whose statistics batch norm takes."""

_COLUMNS = ("run", "epoch", "weights_sha256", "batch", "accuracy")

LeftOn = dict[str, dict[int, float]]
"""Accuracy in [0, 1] after a run's last epoch, by the run's name and the batch."""


def path_in(store: Store) -> Path:
    """Where a store keeps them."""
    return store.root / "batch_norm.csv"


def load(store: Store, records: Iterable[RunRecord]) -> LeftOn:
    """What is known of `records`, of their weights as they are now; nothing without the file.

    Raises:
        DataError: the file has another form.
    """
    path = path_in(store)
    if not path.exists():
        return {}
    weights = {record.spec.name: record.epochs[-1].weights_sha256 for record in records}
    out: LeftOn = {}
    for line, row in read_csv(path, _COLUMNS):
        try:
            batch, accuracy = parse_int(row["batch"]), parse_fraction(row["accuracy"])
        except ValueError as error:
            raise DataError(
                sentence("{path}, line {line}: {error}", path=path, line=line, error=error)
            ) from None
        if weights.get(row["run"]) == row["weights_sha256"]:
            out.setdefault(row["run"], {})[batch] = accuracy
    return out


def save(
    store: Store, records: Iterable[RunRecord], known: Mapping[str, Mapping[int, float]]
) -> None:
    """Write what is `known` of `records`, by the run's name and the batch.

    Raises:
        DataError: the file system refuses.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for record in records:
        last = record.epochs[-1]
        for batch, accuracy in sorted(known.get(record.spec.name, {}).items()):
            writer.writerow(
                (record.spec.name, last.epoch, last.weights_sha256, batch, f"{accuracy:.4f}")
            )
    write_atomically(path_in(store), out.getvalue().encode())
