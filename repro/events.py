"""What a worker process tells the process that started it: one JSON object a line."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from repro.records import EpochRecord, Reading
from repro.spec import RunSpec


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Something that happened to the run called `run`."""

    run: str


class Noted(Event, frozen=True, kw_only=True, tag="note"):
    """Something that a person should know and that stops nothing."""

    message: str


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


class Failed(Event, frozen=True, kw_only=True, tag="failed"):
    message: str
    exit_code: int


class Predicted(Event, frozen=True, kw_only=True, tag="predicted"):
    """Classes 0 to 9 of the test images, in the official order, `epoch` epochs into the run."""

    epoch: int
    classes: list[int]


AnyEvent: TypeAlias = (
    Noted | Started | Stepped | EpochDone | ReadingDone | Predicted | Finished | Failed
)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is asked to do for the run `spec` in the store at `store`."""

    spec: RunSpec
    store: str
    home: str
    """Where the data set lies."""
    epochs: int | None
    """Train to so many epochs; or None: predict the test images from the checkpoint."""
