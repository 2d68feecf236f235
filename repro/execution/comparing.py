"""What a run's record says beside what was counted, predicted or trained again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from repro.data.labels import accuracy
from repro.data.layout import Bytes
from repro.errors import DataError, EvidenceError, listed, sentence, told_by
from repro.runs.records import EpochRecord, RunRecord
from repro.runs.store import Store

Outcome = Literal["proved", "refuted", "not checked", "not comparable", "failed"]
"""Not checked: nothing is stored that could be. Not comparable: this machine or version is not
promised the record's bits. Failed: the check itself could not be done, which says nothing about
the run."""


def blame(error: DataError) -> tuple[Outcome, str]:
    """Whether an error speaks against the run or only of a disk or a data set."""
    return "refuted" if isinstance(error, EvidenceError) else "failed", told_by(error)


def count_right(store: Store, record: RunRecord, labels: Bytes) -> tuple[Outcome, str]:
    try:
        predictions = store.predictions(record)
    except DataError as error:
        return blame(error)
    for reading in record.readings:
        for name, recorded in reading.accuracies.items():
            classes = predictions[name]
            if classes.shape != labels.shape:
                return "refuted", sentence(
                    "epoch {epoch}: expected {expected} predictions; got {count}",
                    epoch=name,
                    expected=labels.size,
                    count=classes.size,
                )
            counted = accuracy(classes, labels)
            if counted != recorded:
                return "refuted", sentence(
                    "epoch {epoch}: recorded accuracy {recorded}; its predictions have {counted}",
                    epoch=name,
                    recorded=recorded,
                    counted=counted,
                )
    if not record.readings:
        return "not checked", sentence("the test set was not read yet")
    return "proved", listed(f"{reading.accuracy:.4f}" for reading in record.readings)


def compare_predictions(
    store: Store, record: RunRecord, epoch: int, predicted: Mapping[str, list[int]]
) -> tuple[Outcome, str]:
    if epoch > len(record.epochs):
        return "not checked", sentence(
            "epoch {epoch}: the checkpoint is ahead of the record", epoch=epoch
        )
    if record.accuracy_at(epoch) is None:
        return "proved", sentence("epoch {epoch}: the weights are those of the record", epoch=epoch)
    try:
        kept = store.predictions(record)
    except DataError as error:
        return blame(error)
    for name, classes in predicted.items():
        recorded = kept[name].tolist() if name in kept else []
        if len(recorded) != len(classes):
            return "refuted", sentence(
                "epoch {epoch}: expected {expected} recorded predictions; got {count}",
                epoch=name,
                expected=len(classes),
                count=len(recorded),
            )
        if differing := sum(one != other for one, other in zip(recorded, classes, strict=True)):
            return "refuted", sentence(
                "epoch {epoch}: {differing} of {count} recorded predictions are not what the "
                "stored weights predict",
                epoch=name,
                differing=differing,
                count=len(classes),
            )
    count = sum(map(len, predicted.values()))
    return "proved", sentence(
        "epoch {epoch}: {count:,} predictions from the stored weights", epoch=epoch, count=count
    )


def compare_epochs(recorded: EpochRecord, again: EpochRecord) -> tuple[Outcome, str]:
    if name := recorded.differs_in(again):
        return "refuted", sentence(
            "epoch {epoch}: {name}: recorded {recorded}; training it again gives {obtained}",
            epoch=again.epoch,
            name=name,
            recorded=getattr(recorded, name),
            obtained=getattr(again, name),
        )
    return "proved", sentence(
        "epoch {epoch} trained again in {seconds:.0f} s: the same weights, bit for bit ({digest})",
        epoch=again.epoch,
        seconds=again.duration_s,
        digest=again.weights_sha256[:12],
    )
