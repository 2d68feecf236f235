"""Checks recorded runs against what they say of themselves, the cheapest check first.

    accuracy      counted again from the recorded predictions and the verified labels
    predictions   computed again from every stored checkpoint
    training      an epoch drawn at random, trained again from the weights that came before it

A run that was made up, or changed afterwards, would have to predict which epoch is drawn.
"""

from __future__ import annotations

import dataclasses
import random
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from repro.data.dataset import load_test_labels
from repro.data.layout import Bytes
from repro.errors import DataError
from repro.evaluation import accuracy
from repro.events import (
    AnyEvent,
    Failed,
    Incomparable,
    Job,
    Predict,
    Predicted,
    Retrain,
    Retrained,
)
from repro.records import EpochRecord, RunRecord
from repro.runner import do_jobs
from repro.spec import READING_EPOCHS
from repro.store import Store

Check = Literal["record", "accuracy", "predictions", "training"]
Outcome = Literal["proved", "refuted", "not comparable", "failed"]
"""Not comparable: this machine or version is not promised the record's bits. Failed: the check
itself could not be done, which says nothing about the run."""

_START_UP_S = 10.0
"""What a process needs beside its epoch, about: torch, the data set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found out about one run."""

    run: str
    check: Check
    outcome: Outcome
    text: str
    """What was compared and, where it was not proved, why."""


@dataclass(slots=True)
class Audit:
    """The runs `names` of `store` under examination; every check adds to `findings`.

    Raises:
        DataError: the data set is missing or is not the published one.
    """

    store: Store
    home: Path
    names: Sequence[str]
    findings: list[Finding] = field(default_factory=list)
    sound: list[RunRecord] = field(default_factory=list)
    """The records that :meth:`check_records` could believe; the other checks examine these."""
    trainable: int = 0
    """Epochs that could be drawn for training again."""

    @property
    def exit_code(self) -> int:
        """1 where something is refuted, 4 where a check could not be done, else 0."""
        outcomes = {finding.outcome for finding in self.findings}
        return 1 if "refuted" in outcomes else 4 if "failed" in outcomes else 0

    def check_records(self) -> None:
        """Read every record: its form, its seal, its place, and that no reading is left out."""
        for name in self.names:
            try:
                record = self.store.load_named(name)
            except DataError as error:
                self._add(name, "record", "refuted", str(error))
                continue
            read = [reading.epoch for reading in record.readings]
            due = [epoch for epoch in READING_EPOCHS if epoch <= len(record.epochs)]
            if read == due:
                self.sound.append(record)
                self._add(name, "record", "proved", f"{len(record.epochs)} epochs, as sealed")
            else:
                text = f"expected the test set to be read at epochs {due}; got {read}"
                self._add(name, "record", "refuted", text)

    def check_accuracies(self) -> None:
        """Count the right ones among the recorded predictions."""
        labels: dict[str, Bytes] = {}
        for record in self.sound:
            dataset = record.spec.dataset
            if dataset not in labels:
                labels[dataset] = load_test_labels(dataset, self.home)
            outcome, text = _count(self.store, record, labels[dataset])
            self._add(record.spec.name, "accuracy", outcome, text)

    def prediction_jobs(self) -> list[tuple[RunRecord, Job]]:
        """One job a stored checkpoint."""
        return [
            (record, self._job(record, Predict(epoch=epoch, exactly=True)))
            for record in self.sound
            for epoch in self.store.checkpoint_epochs(record.spec)
        ]

    def training_jobs(self, minutes: float, workers: int, seed: int) -> list[tuple[RunRecord, Job]]:
        """Epochs drawn with `seed` among all that can be trained again, as `minutes` allow."""
        pieces = [
            (record, start)
            for record in self.sound
            for start in (0, *self.store.checkpoint_epochs(record.spec))
            if start is not None and start < len(record.epochs)
        ]
        self.trainable = len(pieces)
        random.Random(seed).shuffle(pieces)  # noqa: S311 - has to be repeatable, not secret
        drawn, left = [], 60 * minutes * workers
        for record, start in pieces:
            cost = _START_UP_S + statistics.median(each.duration_s for each in record.epochs)
            if cost <= min(left, 60 * minutes):
                left -= cost
                drawn.append((record, self._job(record, Retrain(start=start))))
        return drawn

    def do(
        self, jobs: Iterable[tuple[RunRecord, Job]], workers: int, on_done: Callable[[], None]
    ) -> None:
        """Do `jobs` in processes of their own and compare what comes with what was recorded."""
        records = {job: record for record, job in jobs}

        def hear(job: Job, event: AnyEvent) -> None:
            for check, outcome, text in _judge(self.store, records[job], job, event):
                self._add(job.spec.name, check, outcome, text)
                on_done()

        do_jobs(records, workers=workers, on_event=hear)

    def _job(self, record: RunRecord, task: Predict | Retrain) -> Job:
        store, home = str(self.store.root), str(self.home)
        return Job(spec=record.spec, task=task, store=store, home=home)

    def _add(self, run: str, check: Check, outcome: Outcome, text: str) -> None:
        self.findings.append(Finding(run=run, check=check, outcome=outcome, text=text))


def _count(store: Store, record: RunRecord, labels: Bytes) -> tuple[Outcome, str]:
    try:
        predictions = store.predictions(record)
    except DataError as error:
        return "refuted", str(error)
    for reading in record.readings:
        classes = predictions[reading.epoch]
        if classes.shape != labels.shape:
            return "refuted", (
                f"epoch {reading.epoch}: expected {labels.size} predictions; got {classes.size}"
            )
        counted = accuracy(classes, labels)
        if counted != reading.accuracy:
            return "refuted", (
                f"epoch {reading.epoch}: recorded accuracy {reading.accuracy}; its predictions "
                f"have {counted}"
            )
    counted_again = ", ".join(f"{reading.accuracy:.4f}" for reading in record.readings)
    return "proved", counted_again or "the test set was not read yet"


def _judge(
    store: Store, record: RunRecord, job: Job, event: AnyEvent
) -> Iterator[tuple[Check, Outcome, str]]:
    """What an event of a job says of its run, if it says anything."""
    check: Check = "predictions" if isinstance(job.task, Predict) else "training"
    match event:
        case Incomparable(message=message):
            yield check, "not comparable", message
        case Failed(message=message, exit_code=code):
            yield check, "refuted" if code == DataError.exit_code else "failed", message
        case Predicted(epoch=epoch, classes=classes):
            yield check, *_compare_predictions(store, record, epoch, classes)
        case Retrained(record=again):
            yield check, *_compare_epochs(record.epochs[again.epoch - 1], again)


def _compare_predictions(
    store: Store, record: RunRecord, epoch: int, classes: list[int]
) -> tuple[Outcome, str]:
    if record.accuracy_at(epoch) is None:
        return "proved", f"epoch {epoch}: the weights are those of the record"
    try:
        recorded = store.predictions(record)[epoch].tolist()
    except DataError as error:
        return "refuted", str(error)
    differing = sum(one != other for one, other in zip(recorded, classes, strict=True))
    if differing:
        return "refuted", (
            f"epoch {epoch}: {differing} of {len(classes)} recorded predictions are not what the "
            "stored weights predict"
        )
    return "proved", f"epoch {epoch}: {len(classes):,} predictions from the stored weights"


def _compare_epochs(recorded: EpochRecord, again: EpochRecord) -> tuple[Outcome, str]:
    one, other = dataclasses.asdict(recorded), dataclasses.asdict(again)
    for name in ("weights_sha256", *one):
        if one[name] != other[name] and name != "duration_s":
            return "refuted", (
                f"epoch {again.epoch}: {name}: recorded {one[name]}; training it again gives "
                f"{other[name]}"
            )
    return "proved", (
        f"epoch {again.epoch} trained again in {again.duration_s:.0f} s: the same weights, "
        f"bit for bit ({again.weights_sha256[:12]})"
    )
