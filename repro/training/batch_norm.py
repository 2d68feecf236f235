"""Evaluates ResNet with batch norm left in training mode, as a forgotten ``eval()`` leaves it.

From the last checkpoint of a run; :mod:`repro.runs.batch_norm` keeps the accuracies.
"""

from __future__ import annotations

from collections.abc import Iterable

from repro.data.dataset import Dataset
from repro.errors import DataError, sentence
from repro.runs import checkpoints
from repro.runs.batch_norm import BATCHES, LeftOn, load, save
from repro.runs.records import RunRecord
from repro.runs.store import Store
from repro.training.kernel_engine import KernelTrainer


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
            raise DataError(
                sentence(
                    "{path}: not there; batch norm is read from a run's last checkpoint", path=path
                )
            )
        begun, state = checkpoint
        trainer = KernelTrainer(record.spec, dataset)
        trainer.restore(state, begun.epochs, begun.readings)
        known[record.spec.name] = {
            batch: trainer.accuracy_with_batch_norm_left_on(batch) for batch in BATCHES
        }
        save(store, nets, known)
    return known
