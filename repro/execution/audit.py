"""Checks recorded runs against what they say of themselves, the cheapest check first.

    accuracy      counted again from the recorded predictions and the verified labels
    predictions   computed again from every stored checkpoint
    training      epochs drawn at random, trained again from the weights that came before them

Weights are known at the start and at the stored checkpoints, so that training again begins there.
Given the minutes, it goes on to the next one: then nothing of the run is left to be believed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from repro.data.dataset import load_test_labels
from repro.data.layout import Bytes
from repro.errors import DataError, listed, sentence
from repro.execution.comparing import (
    Outcome,
    blame,
    compare_epochs,
    compare_predictions,
    count_right,
)
from repro.execution.messages import (
    AnyEvent,
    Failed,
    Finished,
    Incomparable,
    Job,
    Predict,
    Predicted,
    Retrain,
    Retrained,
)
from repro.execution.processes import do_jobs
from repro.execution.scheduler import seconds_per_epoch
from repro.runs.records import RunRecord
from repro.runs.store import Store

Check = Literal["record", "accuracy", "predictions", "training"]
Conclusion = Literal["proved", "refuted", "incomplete"]

_START_UP_S = 5.0
"""What a process needs beside its epochs, at most: the data set is verified, or torch imported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found out about one run."""

    run: str
    check: Check
    outcome: Outcome
    text: str
    """What was compared and, where it was not proved, why."""
    epoch: int | None = None
    """Of the checkpoint that was predicted with, or of the epoch that was trained again."""


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
    """Epochs that could be trained again, given the minutes."""
    drawn: int = 0
    """Epochs that are."""
    workers: int = 1
    """Runs at a time; which epochs are drawn depends on it."""

    @property
    def conclusion(self) -> Conclusion:
        """`refuted` where something is, `incomplete` where a check could not be done here or none
        was, else `proved`."""
        outcomes = {finding.outcome for finding in self.findings}
        if "refuted" in outcomes:
            return "refuted"
        incomplete = outcomes & {"failed", "not comparable"} or self.proved_nothing
        return "incomplete" if incomplete else "proved"

    @property
    def proved_nothing(self) -> bool:
        """Whether no check has shown anything beyond the seals, which a forger can make too."""
        return not any(
            each.outcome == "proved" and each.check != "record" for each in self.findings
        )

    @property
    def believed(self) -> list[RunRecord]:
        """The sound records that no other check refuted."""
        refuted = {each.run for each in self.findings if each.outcome == "refuted"}
        return [record for record in self.sound if record.spec.name not in refuted]

    def check_records(self) -> None:
        """Read every record: its form, its seal, its place, and that no reading is left out."""
        for name in self.names:
            try:
                record = self.store.load_named(name)
            except DataError as error:
                self._add(name, "record", *blame(error))
                continue
            read = [reading.epoch for reading in record.readings]
            reading_epochs = record.spec.recipe.reading_epochs
            due = [epoch for epoch in reading_epochs if epoch <= len(record.epochs)]
            if not record.epochs:
                self._add(
                    name, "record", "refuted", sentence("expected an epoch at least; got none")
                )
            elif read != due:
                text = sentence(
                    "expected the test set to be read at epochs {due}; got {read}",
                    due=due,
                    read=read,
                )
                self._add(name, "record", "refuted", text)
            else:
                self.sound.append(record)
                self._add(
                    name,
                    "record",
                    "proved",
                    sentence("{count} epochs, as sealed", count=len(record.epochs)),
                )

    def check_accuracies(self) -> None:
        """Count the right ones among the recorded predictions."""
        labels: dict[str, Bytes] = {}
        for record in self.sound:
            dataset = record.spec.dataset
            if dataset not in labels:
                labels[dataset] = load_test_labels(dataset, self.home)
            outcome, text = count_right(self.store, record, labels[dataset])
            self._add(record.spec.name, "accuracy", outcome, text)

    def prediction_jobs(self) -> list[tuple[RunRecord, Job]]:
        """One job a stored checkpoint; a reading without one is a finding of its own."""
        jobs = []
        for record in self.sound:
            kept = self.store.checkpoint_epochs(record.spec)
            jobs += [(record, self._job(record, Predict(epoch=e, exactly=True))) for e in kept]
            missing = [str(r.epoch) for r in record.readings if r.epoch not in kept]
            if missing:
                text = sentence(
                    "no checkpoint of {epochs} epochs is stored", epochs=listed(missing)
                )
                self._add(record.spec.name, "predictions", "not checked", text)
        return jobs

    def training_jobs(self, minutes: float, workers: int, seed: int) -> list[tuple[RunRecord, Job]]:
        """Stretches drawn with `seed`, as many and each as long as `minutes` allow.

        A stretch begins at the run's start or at a stored checkpoint and ends at the next. First an
        epoch of each is drawn, then they are made longer in the same order. The time is estimated
        from what was measured elsewhere, not from the record, which is under examination.
        """
        stretches = []
        for record in self.sound:
            kept = [epoch for epoch in self.store.checkpoint_epochs(record.spec) if epoch]
            starts = [0, *(epoch for epoch in kept if epoch < len(record.epochs))]
            ends = [*starts[1:], len(record.epochs)]
            stretches += [(record, *pair) for pair in zip(starts, ends, strict=True)]
        self.workers = workers
        self.trainable = sum(end - start for _, start, end in stretches)
        random.Random(seed).shuffle(stretches)  # noqa: S311 - has to be repeatable, not secret

        left = 60 * minutes * workers
        drawn: list[tuple[RunRecord, int, int]] = []
        for record, start, end in stretches:
            cost = _START_UP_S + _epoch_s(record)
            if cost <= min(left, 60 * minutes):
                left -= cost
                drawn.append((record, start, end))
        jobs = []
        for record, start, end in drawn:
            room = min(left, 60 * minutes - _START_UP_S - _epoch_s(record))
            more = min(end - start - 1, int(room / _epoch_s(record)))
            left -= more * _epoch_s(record)
            self.drawn += 1 + more
            jobs.append((record, self._job(record, Retrain(start=start, epochs=1 + more))))
        return jobs

    def do(
        self, jobs: Iterable[tuple[RunRecord, Job]], workers: int, on_done: Callable[[], None]
    ) -> None:
        """Do `jobs` in processes of their own and compare what comes with what was recorded."""
        records = {job: record for record, job in jobs}

        def hear(job: Job, event: AnyEvent) -> None:
            for finding in _judge(self.store, records[job], job, event):
                self.findings.append(finding)
            if isinstance(event, (Finished, Failed)):
                on_done()

        do_jobs(records, workers=workers, on_event=hear)

    def _job(self, record: RunRecord, action: Predict | Retrain) -> Job:
        store, home = str(self.store.root), str(self.home)
        return Job(spec=record.spec, action=action, store=store, home=home)

    def _add(self, run: str, check: Check, outcome: Outcome, text: str) -> None:
        self.findings.append(Finding(run=run, check=check, outcome=outcome, text=text))


def _epoch_s(record: RunRecord) -> float:
    return seconds_per_epoch(record.spec)


def _judge(store: Store, record: RunRecord, job: Job, event: AnyEvent) -> Iterator[Finding]:
    """What an event of a job says of its run, if it says anything."""
    check: Check = "predictions" if isinstance(job.action, Predict) else "training"

    def finding(outcome: Outcome, text: str, epoch: int | None = None) -> Finding:
        return Finding(run=job.spec.name, check=check, outcome=outcome, text=text, epoch=epoch)

    match event:
        case Incomparable(message=message):
            yield finding("not comparable", message)
        case Failed(message=message, problem=problem):
            yield finding("refuted" if problem == "evidence" else "failed", message)
        case Predicted(epoch=epoch, classes=classes):
            yield finding(*compare_predictions(store, record, epoch, classes), epoch)
        case Retrained(record=again):
            yield finding(*compare_epochs(record.epochs[again.epoch - 1], again), again.epoch)
