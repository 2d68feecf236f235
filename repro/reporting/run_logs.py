"""Logs of runs, for other programs that show them while they are trained: CSV or TensorBoard."""

from __future__ import annotations

import csv
import io
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from repro.errors import DiskError, UsageError, sentence, told_by
from repro.execution.messages import AnyEvent, EpochDone, ReadingDone, Started, Stepped
from repro.execution.scheduler import Task
from repro.files import disk_errors, write_atomically
from repro.runs.records import EpochRecord, Reading, RunRecord

LogFormat: TypeAlias = Literal["csv", "tensorboard"]

COLUMNS = (
    "epoch", "train_loss", "last_batch_loss", "validation_loss", "validation_accuracy",
    "test_accuracy", "test_accuracy_dropout_on", "seconds",
)  # fmt: skip
"""Of a CSV file. Losses are mean cross-entropies in nats, accuracies are in [0, 1]. The test set is
evaluated after a few epochs alone; only ImprovedNet has an accuracy with dropout left on."""


@contextmanager
def logged(
    shown: Callable[[AnyEvent], None],
    kind: LogFormat | None,
    folder: Path,
    tasks: Sequence[Task],
    done: Mapping[str, RunRecord | None],
    say: Callable[[str], None],
) -> Iterator[Callable[[AnyEvent], None]]:
    """What takes every event: `shown`, and :class:`RunLogs` unless `kind` is None."""
    if kind is None:
        yield shown
        return
    logs = RunLogs(kind, folder, tasks, done, say=say)

    def both(event: AnyEvent) -> None:
        shown(event)
        logs(event)

    try:
        yield both
    finally:
        logs.close()


def place_of_logs(kind: LogFormat, folder: Path) -> str:
    """Where they are, or the command that shows them."""
    place = shlex.quote(str(folder))
    return f"tensorboard --logdir {place}" if kind == "tensorboard" else place


class _Log(Protocol):
    """One run's log."""

    def step(self, event: Stepped) -> None: ...
    def epoch(self, record: EpochRecord) -> None: ...
    def reading(self, epoch: int, accuracies: Mapping[str, float]) -> None: ...
    def close(self) -> None: ...


class RunLogs:
    """Writes a log of each of `tasks` into `folder`; give it every event.

    A run that goes on has its earlier epochs in its log too: `done` has what there is of each run,
    by its name. A log that cannot be written is given up, and `say` is told once: training goes on.

    Raises:
        UsageError: the package tensorboard is not installed.
    """

    def __init__(
        self,
        kind: LogFormat,
        folder: Path,
        tasks: Sequence[Task],
        done: Mapping[str, RunRecord | None],
        *,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._folder, self._done, self._say = folder, done, say
        self._recipes = {task.spec.name: task.spec.recipe for task in tasks}
        self._new: Callable[[str], _Log] = self._csv if kind == "csv" else self._tensorboard
        self._logs: dict[str, _Log] = {}
        self._given_up = False
        if kind == "tensorboard":
            self._writer, self._event = tensorboard()

    def __call__(self, event: AnyEvent) -> None:
        if not self._given_up:
            self._try(lambda: self._take(event))

    def close(self) -> None:
        """Write what is not written yet."""
        if not self._given_up:
            self._try(self._close)

    def _close(self) -> None:
        for log in self._logs.values():
            log.close()

    def _try(self, write: Callable[[], object]) -> None:
        try:
            with disk_errors(self._folder):
                write()
        except DiskError as error:
            self._given_up = True
            self._say(told_by(error))

    def _take(self, event: AnyEvent) -> None:
        if isinstance(event, Started):
            self._begin(event)
        elif isinstance(event, Stepped):
            self._logs[event.run].step(event)
        elif isinstance(event, EpochDone):
            self._logs[event.run].epoch(event.record)
        elif isinstance(event, ReadingDone):
            self._logs[event.run].reading(
                event.reading.epoch, self._accuracies(event.run, event.reading)
            )

    def _begin(self, event: Started) -> None:
        if event.epoch and event.run in self._logs:  # its process was replaced
            return
        log = self._logs[event.run] = self._new(event.run)
        known = self._done.get(event.run)
        if known is None:
            return
        readings = {each.epoch: each for each in known.readings}
        for epoch in known.epochs[: event.epoch]:
            log.epoch(epoch)
            if reading := readings.get(epoch.epoch):
                log.reading(reading.epoch, self._accuracies(event.run, reading))

    def _accuracies(self, run: str, reading: Reading) -> dict[str, float]:
        """By the names of :data:`COLUMNS`."""
        recipe = self._recipes[run]
        found = {"test_accuracy": reading.accuracy_with(recipe, dropout_on=False)}
        if reading.switched is not None:
            found["test_accuracy_dropout_on"] = reading.accuracy_with(recipe, dropout_on=True)
        return found

    def _csv(self, run: str) -> _Log:
        return _Csv(self._folder / f"{run}.csv")

    def _tensorboard(self, run: str) -> _Log:
        folder = self._folder / run
        # Else TensorBoard would show the epochs of both.
        for earlier in folder.glob("events.out.tfevents.*"):
            earlier.unlink()
        return _TensorBoard(self._writer(str(folder)), self._event)


class _Csv:
    """A file with a row an epoch, written anew each time: it has a hundred rows at most, and nobody
    reads half of one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[int, dict[str, float]] = {}

    def step(self, event: Stepped) -> None:
        pass

    def epoch(self, record: EpochRecord) -> None:
        self._rows[record.epoch] = {
            "epoch": record.epoch,
            "train_loss": record.train_loss,
            "last_batch_loss": record.last_batch_loss,
            "validation_loss": record.validation_loss,
            "validation_accuracy": record.validation_accuracy,
            "seconds": record.duration_s,
        }
        self._write()

    def reading(self, epoch: int, accuracies: Mapping[str, float]) -> None:
        self._rows[epoch] |= accuracies
        self._write()

    def close(self) -> None:
        pass

    def _write(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._rows.values())
        write_atomically(self._path, text.getvalue().encode())


class _TensorBoard:
    """Curves over epochs, and the loss of single batches over steps."""

    def __init__(self, writer: Any, event: Any) -> None:
        self._writer, self._event = writer, event

    def step(self, event: Stepped) -> None:
        self._add("loss/batch", (event.epoch - 1) * event.steps + event.step, event.loss)

    def epoch(self, record: EpochRecord) -> None:
        self._add("loss/train", record.epoch, record.train_loss)
        self._add("loss/validation", record.epoch, record.validation_loss)
        self._add("accuracy/validation", record.epoch, record.validation_accuracy)
        self._writer.flush()

    def reading(self, epoch: int, accuracies: Mapping[str, float]) -> None:
        for name, accuracy in accuracies.items():
            self._add(f"accuracy/{name.replace('_accuracy', '')}", epoch, accuracy)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()

    def _add(self, tag: str, step: int, value: float) -> None:
        event = self._event(wall_time=time.time(), step=step)
        event.summary.value.add(tag=tag, simple_value=value)
        self._writer.add_event(event)


def tensorboard() -> tuple[Any, Any]:
    """What writes files of events, and what an event is.

    Raises:
        UsageError: the package is not installed.
    """
    try:
        from tensorboard.compat.proto.event_pb2 import Event  # noqa: PLC0415 - an extra
        from tensorboard.summary.writer.event_file_writer import (  # noqa: PLC0415
            EventFileWriter,
        )
    except ImportError:
        raise UsageError(
            sentence(
                "--log-to tensorboard needs the package tensorboard: `pip install tensorboard`"
            )
        ) from None
    return EventFileWriter, Event
