"""What a worker process and the process that started it say to each other: JSON, one object a line.

A :class:`Job` goes in; messages come out.
"""

from __future__ import annotations

import os
from typing import Any, Literal, TypeAlias
from urllib.parse import quote_from_bytes, unquote_to_bytes

import msgspec

from repro.errors import (
    DataError,
    EvidenceError,
    ReproError,
    Sentence,
    TrainingError,
    UsageError,
    as_json,
    escape,
    from_json,
    sentence,
    told_by,
)
from repro.runs.environments import Environment
from repro.runs.records import EpochRecord, Reading
from repro.spec import Device, RunSpec

Problem = Literal["usage", "evidence", "data", "training"]
_ERRORS: dict[Problem, type[ReproError]] = {
    "usage": UsageError, "evidence": EvidenceError, "data": DataError, "training": TrainingError,
}  # fmt: skip
"""The class of each problem; a DataError that is an EvidenceError too is the latter."""

READY = b"repro: messages follow\n"
"""What a worker says before its first message. Python may have printed something as it started."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Something that happened to the run called `run`."""

    run: str


class Message(Event, frozen=True, kw_only=True):
    """An event in words, of which a person may read a translation."""

    message: str
    told: dict[str, Any] | None = None
    """The same as template and values (:func:`repro.errors.as_json`), on its way between
    processes; in a process the message itself has them."""


class Noted(Message, frozen=True, kw_only=True, tag="note"):
    """Something that a person should know and that stops nothing."""

    @classmethod
    def waiting(cls, run: str, whose: object) -> Noted:
        """Another process holds the lock of `run`; `whose` says which, or is empty."""
        return cls(
            run=run,
            message=sentence(
                "waiting for another process that is training this run{whose}", whose=whose
            ),
        )


class Started(Event, frozen=True, kw_only=True, tag="started"):
    """The run is in memory, `epoch` epochs done before."""

    epoch: int


class Stepped(Event, frozen=True, kw_only=True, tag="step"):
    """`step` of `steps` mini-batches of the epoch under way are done; `loss` is the last one's."""

    epoch: int
    step: int
    steps: int
    loss: float


class EpochDone(Event, frozen=True, kw_only=True, tag="epoch"):
    record: EpochRecord


class ReadingDone(Event, frozen=True, kw_only=True, tag="reading"):
    reading: Reading


class Finished(Event, frozen=True, kw_only=True, tag="finished"):
    """The run has reached the epochs that were asked for and lies in the store."""


class Failed(Message, frozen=True, kw_only=True, tag="failed"):
    problem: Problem = "training"
    """`evidence`: the run's own record or checkpoint is not to be believed."""

    @classmethod
    def of(cls, run: str, error: Exception, message: str = "") -> Failed:
        """What stopped `run`, with another message where one is given."""
        named = (name for name, kind in _ERRORS.items() if isinstance(error, kind))
        return cls(run=run, message=message or told_by(error), problem=next(named, "training"))

    def error(self) -> ReproError:
        """What to raise where this is read."""
        return _ERRORS[self.problem](self.message)


class Predicted(Event, frozen=True, kw_only=True, tag="predicted"):
    """Classes 0 to 9 of the test images, in the official order, `epoch` epochs into the run: named
    as in the store. Of a network with dropout there are two, with dropout off and on."""

    epoch: int
    classes: dict[str, list[int]]
    confidences: list[float]
    """The share of one that the softmax gives the predicted class, a value an image; dropout as
    the recipe says."""


class Retrained(Event, frozen=True, kw_only=True, tag="retrained"):
    """An epoch of a recorded run, trained again from the weights that came before it."""

    record: EpochRecord


class Incomparable(Message, frozen=True, kw_only=True, tag="incomparable"):
    """The job was not done: this process is not promised the recorded run's bits."""


class FirstSteps(Event, frozen=True, kw_only=True, tag="first_steps"):
    """The first steps of each model on made-up images, in this process."""

    environment: Environment
    capability: str
    """The vector instructions that torch uses on the CPU."""
    digests: dict[str, str]
    """SHA-256 of the weights, by model."""


AnyEvent: TypeAlias = (
    Noted
    | Started
    | Stepped
    | EpochDone
    | ReadingDone
    | Predicted
    | Retrained
    | Incomparable
    | FirstSteps
    | Finished
    | Failed
)


class Train(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="train"):
    """Bring the run to `epochs` epochs and, on a GPU, `others` to theirs at the same time."""

    epochs: int
    others: tuple[tuple[RunSpec, int], ...] = ()
    card: int = 0
    """Which GPU trains them, by its number for the driver."""


class Predict(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="predict"):
    """Predict the test images: from where the run stands, or as it stood at a reading's epoch.

    With `exactly`, only where this process is promised the bits of the record.
    """

    epoch: int | None = None
    exactly: bool = False


class Retrain(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="retrain"):
    """Train epochs of a recorded run again, from its start (0) or the checkpoint of `start`.

    Nothing is written.
    """

    start: int
    epochs: int


class RunFirstSteps(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="run_first_steps"
):
    """Do the first steps of every model, on made-up images and the run's device and engine."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is asked to do for the run `spec` in the store at `store`."""

    spec: RunSpec
    store: str
    home: str
    """Where the data set lies."""
    action: Train | Predict | Retrain | RunFirstSteps
    device: Device = "cpu"
    """What computes it."""
    threads: int = 1
    """Cores that compute the run together, where its engine can."""
    code: str = ""
    """The file that has the network, if the recipe names one. It travels with the job, and is
    never read from a store: who looks at a stranger's runs must not run a stranger's code."""

    @property
    def specs(self) -> tuple[RunSpec, ...]:
        """All runs of the job: more than one where a GPU trains them together."""
        others = self.action.others if isinstance(self.action, Train) else ()
        return (self.spec, *(spec for spec, _ in others))

    @property
    def in_order(self) -> list[RunSpec]:
        """The same in one order, however they were asked for: who locks several runs does it in
        this order, so that two callers never wait for each other."""
        return sorted(self.specs, key=lambda spec: spec.name)


def encode_job(job: Job) -> bytes:
    """A job as JSON, for :func:`decode_job`.

    Its places travel as the bytes of the file system: a name need not be text, and a process that
    was started in another way (`python -X utf8`) would read it as another text.
    """
    return msgspec.json.encode(
        msgspec.structs.replace(
            job,
            store=quote_from_bytes(os.fsencode(job.store)),
            home=quote_from_bytes(os.fsencode(job.home)),
        )
    )


def decode_job(data: bytes) -> Job:
    """The job that :func:`encode_job` wrote.

    Raises:
        msgspec.MsgspecError: it is none.
    """
    job = msgspec.json.decode(data, type=Job)
    return msgspec.structs.replace(
        job,
        store=os.fsdecode(unquote_to_bytes(job.store)),
        home=os.fsdecode(unquote_to_bytes(job.home)),
    )


def encode_event(event: AnyEvent) -> bytes:
    """An event as JSON, for :func:`decode_event`; what is no text in its message, as in a file's
    name, is escaped."""
    if isinstance(event, Message):
        told = as_json(event.message) if isinstance(event.message, Sentence) else None
        event = msgspec.structs.replace(event, message=escape(event.message), told=told)
    return msgspec.json.encode(event)


_decoder = msgspec.json.Decoder(AnyEvent)


def decode_event(data: bytes) -> AnyEvent:
    """The event that :func:`encode_event` wrote.

    Raises:
        msgspec.MsgspecError: it is none.
    """
    event: AnyEvent = _decoder.decode(data)
    if isinstance(event, Message) and event.told:
        message = from_json(event.message, event.told)
        event = msgspec.structs.replace(event, message=message, told=None)
    return event
