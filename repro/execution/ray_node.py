"""What a node of a cluster does for the caller: one job, in a store of its own, files sent back.

The process that trains is the same worker as anywhere, so that a run has the same bits.
"""

from __future__ import annotations

import hashlib
import platform
import queue
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec

from repro.data.dataset import default_folder
from repro.data.sources import fetch, plan
from repro.errors import ReproError, escape, sentence
from repro.execution.messages import (
    AnyEvent,
    EpochDone,
    Failed,
    Finished,
    Job,
    Noted,
    ReadingDone,
    Stepped,
    decode_job,
    encode_event,
)
from repro.execution.processes import Workers, do_to_the_end
from repro.execution.transfer import Sender, unpack
from repro.paths import PACKAGE_ROOT, home
from repro.runs.store import Store

Message: TypeAlias = bytes | tuple[str, dict[str, bytes]]
"""An event as JSON, or a run's name and its files that are new."""

STEPS_EVERY_S = 1.0
"""Steps are told of no more often: they are for a person to look at."""


def code_digest() -> str:
    """SHA-256 over this package's code: where two machines differ in it, bits could too."""
    folder, digest = PACKAGE_ROOT, hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        if path.parent != folder or path.name != "cli.py":  # there in an installation only
            digest.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def work(
    job: bytes,
    files_by_run: Mapping[str, Mapping[str, bytes]],
    *,
    source: str | None,
    code: str,
    send_every_s: float,
) -> Iterator[Message]:
    """Do a job (of :func:`encode_job`, whose places are the caller's), from what `parcels` hold.

    `parcels` has each run's files by the run's name. Files come before the event that tells of
    them: with each reading, at the end, and otherwise `send_every_s` seconds apart. The last
    message is Finished or Failed.
    """
    theirs = decode_job(job)
    run, node = theirs.spec.name, platform.node()
    try:
        if code != code_digest():
            text = sentence(
                "{node}: expected the caller's version of repro; another one is installed there",
                node=node,
            )
            yield encode_event(Failed(run=run, message=text))
            return
        if theirs.spec.dataset == "cifar10" and fetch(
            default_folder(home()), plan(source), say=lambda _: None, progress=lambda *_: None
        ):
            there = sentence("{node}: CIFAR-10 downloaded and verified", node=node)
            yield encode_event(Noted(run=run, message=there))
        with tempfile.TemporaryDirectory(prefix="repro-") as folder:
            store = Store(Path(folder))
            for spec in theirs.specs:
                unpack(store, spec, files_by_run.get(spec.name, {}))
            here = msgspec.structs.replace(theirs, store=folder, home=str(home()))
            for message in _messages(here, store, send_every_s):
                # A place that is gone when the caller reads of it: the file is the caller's.
                yield (
                    message.replace(_in_json(folder), _in_json(theirs.store))
                    if isinstance(message, bytes)
                    else message
                )
    except ReproError as error:
        yield encode_event(
            Failed.of(run, error, sentence("{node}: {error}", node=node, error=error))
        )


def _messages(job: Job, store: Store, send_every_s: float) -> Iterator[Message]:
    events: queue.SimpleQueue[AnyEvent] = queue.SimpleQueue()
    senders = {spec.name: Sender(store, spec) for spec in job.specs}
    for sender in senders.values():
        sender.pack()  # the caller has these
    sent = dict.fromkeys(senders, time.monotonic())
    told = dict.fromkeys(senders, 0.0)
    workers = Workers()

    thread = threading.Thread(target=do_to_the_end, args=(workers, job, events.put))
    thread.start()
    try:
        ended = False
        while not ended:
            event, now = events.get(), time.monotonic()
            if isinstance(event, Stepped):
                if now - told[event.run] < STEPS_EVERY_S:
                    continue
                told[event.run] = now
            ended = isinstance(event, (Failed, Finished))
            due = isinstance(event, EpochDone) and now - sent[event.run] >= send_every_s
            if ended or due or isinstance(event, ReadingDone):
                for name in senders if ended else [event.run]:
                    if files := senders[name].pack():
                        yield name, files
                    sent[name] = now
            yield encode_event(event)
    finally:  # the caller may have gone
        workers.stop()
        thread.join()


def _in_json(place: str) -> bytes:
    """A place as it stands inside a message."""
    return msgspec.json.encode(escape(place))[1:-1]
