"""Runs on a Ray cluster: each on a core or a GPU of some node, their files in the caller's store.

The caller alone says who trains what. It holds each run's lock while a node has the run, and hands
the run to another node, from its last checkpoint here, when that one is lost. So no run is trained
twice, and a node that is cut off and goes on writes nowhere.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from repro.errors import TrainingError, UsageError, sentence, told_by
from repro.execution.messages import (
    AnyEvent,
    Failed,
    Finished,
    Job,
    Noted,
    decode_event,
    encode_job,
)
from repro.execution.ray_node import Message, code_digest, work
from repro.execution.transfer import Sender, unpack
from repro.runs.store import Store
from repro.spec import Device, RunSpec

SEND_EVERY_S = 30.0
"""A node sends a run's files after an epoch once so much time has passed since it last did: what is
lost with it is that, and the epoch under way."""

_FRUITLESS = 3
"""How many nodes in a row may be lost before a run has got a single epoch further."""

_AHEAD = 8
"""Messages that a node may be ahead of the caller; more would fill its memory with files."""

_POLL_S = 0.5
_CONNECT_S = 10


class _BusyError(Exception):
    """Another process has a run's lock."""


class RayCluster:
    """The executor of a Ray cluster that runs already, with this package on each of its nodes.

    Args:
        address: "auto" for the cluster that this machine is part of, or HOST:PORT of its head.
        gpu_share: how much of a GPU a network gets, in (0, 1].
        source: where nodes that lack CIFAR-10 get it, as `repro data fetch --source` takes it.

    Raises:
        UsageError: Ray is not installed, no cluster answers there, or it has another version.
    """

    def __init__(
        self,
        address: str = "auto",
        *,
        gpu_share: float = 1.0,
        source: str | None = None,
        send_every_s: float = SEND_EVERY_S,
    ) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray  # noqa: PLC0415 - an extra, and a second to import
        except ImportError:
            raise UsageError(
                sentence(
                    "--executor ray: needs Ray: in a clone of repro, `pip install -c "
                    "constraints/pins.txt '.[ray]'`"
                )
            ) from None
        handler = signal.getsignal(signal.SIGTERM)  # Ray's own would end the process at once
        try:
            _check_listening(address)
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except Exception as error:  # connection, timeout, version: Ray has no base for them
            said = told_by(error)
            first = said.strip().splitlines() or [type(error).__name__]
            raise UsageError(
                sentence(
                    "--address {address}: expected a Ray cluster that runs (`ray start "
                    "--head`): {error}",
                    address=address,
                    error=said if first == [said] else first[0],
                )
            ) from None
        finally:
            with suppress(ValueError):  # not the main thread
                signal.signal(signal.SIGTERM, handler)
        self._ray: Any = ray
        self._gpu_share, self._source = gpu_share, source
        self._send_every_s, self._stopped = send_every_s, False
        self._code = code_digest()

    @property
    def nodes(self) -> int:
        """Nodes that are alive."""
        return sum(bool(node["Alive"]) for node in self._ray.nodes())

    def slots(self, device: Device) -> int:
        """Jobs on `device` that the cluster has room for at once.

        Raises:
            UsageError: none, so that a job would wait for ever.
        """
        resources = self._ray.cluster_resources()
        if device == "cuda":
            count = int(resources.get("GPU", 0) / self._gpu_share)
        else:
            count = int(resources.get("CPU", 0)) if device == "cpu" else 0
        if not count:
            raise UsageError(sentence("--device {device}: the Ray cluster has none", device=device))
        return count

    def has_gpu(self) -> bool:
        """Whether some node has a GPU that Ray knows of."""
        return bool(self._ray.cluster_resources().get("GPU", 0))

    def do(self, job: Job, put: Callable[[AnyEvent], None]) -> None:
        """Do one job on some node, on another if that is lost; put exactly one Finished or Failed.

        Raises:
            TrainingError: no node finishes it, or :meth:`stop` was called.
            DataError: the caller's store refuses what came, or cannot be read.
        """
        store, fruitless = Store(Path(job.store)), 0
        with ExitStack() as locks:
            for spec in job.in_order:
                self._lock(store, spec, locks, put)
            while True:
                before = _epochs(store, job.specs)
                try:
                    self._attempt(job, store, put)
                except self._ray.exceptions.RayTaskError as error:
                    last = str(error).strip().splitlines()[-1]
                    raise TrainingError(sentence("on its node: {last}", last=last)) from None
                except self._ray.exceptions.RayError as error:
                    after = _epochs(store, job.specs)
                    fruitless = 0 if after > before else fruitless + 1
                    if fruitless == _FRUITLESS:
                        why = " ".join(str(error).split())
                        raise TrainingError(
                            sentence(
                                "{fruitless} nodes in a row were lost: {why}",
                                fruitless=fruitless,
                                why=why,
                            )
                        ) from None
                    put(Noted(run=job.spec.name, message=_taken_up(error, after)))
                else:
                    return

    def stop(self) -> None:
        """End what the nodes do for this caller, within a second or two."""
        self._stopped = True

    def _lock(
        self, store: Store, spec: RunSpec, locks: ExitStack, put: Callable[[AnyEvent], None]
    ) -> None:
        """Hold a run's lock; while another process has it, look for a stop now and then."""

        def busy(whose: str) -> None:
            raise _BusyError(whose)

        noted = False
        while True:
            self._check_stopped()
            try:
                locks.enter_context(store.lock(spec, busy))
            except _BusyError as whose:
                if not noted:
                    put(Noted.waiting(spec.name, whose))
                noted = True
                time.sleep(_POLL_S)
            else:
                return

    def _attempt(self, job: Job, store: Store, put: Callable[[AnyEvent], None]) -> None:
        """Let one node do the job, from what `store` has, and put there what it sends.

        Raises:
            RayError: the node was lost, or the job raised.
        """
        specs = {spec.name: spec for spec in job.specs}
        ended = False
        try:
            for message in self._messages(job, store):
                if isinstance(message, bytes):
                    event = decode_event(message)
                    ended = isinstance(event, (Failed, Finished))
                    put(event)
                else:
                    name, files = message
                    unpack(store, specs[name], files)
        except Exception:
            if not ended:  # afterwards it is nothing to this job what becomes of its node
                raise
        else:
            if not ended:
                raise TrainingError(sentence("its node gave no answer"))

    def _messages(self, job: Job, store: Store) -> Iterator[Message]:
        gpus = self._gpu_share if job.device == "cuda" else 0
        # Which node is lost, and from where a run goes on, is ours to see: no retries.
        remote = self._ray.remote(work).options(
            num_cpus=1, num_gpus=gpus, max_retries=0, num_returns="streaming",
            scheduling_strategy="SPREAD", name=job.spec.name,
            _generator_backpressure_num_objects=_AHEAD,
        )  # fmt: skip
        stream: Any = remote.remote(
            encode_job(job),
            {spec.name: Sender(store, spec).pack() for spec in job.specs},
            source=self._source, code=self._code, send_every_s=self._send_every_s,
        )  # fmt: skip
        try:
            while True:
                self._check_stopped()
                if self._ray.wait([stream], timeout=_POLL_S)[0]:
                    try:
                        message = next(stream)
                    except StopIteration:
                        return
                    yield self._ray.get(message)
        finally:
            self._ray.cancel(stream)

    def _check_stopped(self) -> None:
        if self._stopped:
            raise TrainingError(sentence("stopped before it was done"))


def _check_listening(address: str) -> None:
    """Ray itself tries for ten minutes.

    Raises:
        OSError: nobody answers at HOST:PORT.
        ValueError: it is not that, nor "auto".
    """
    if address != "auto":
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(sentence("expected HOST:PORT, or auto"))
        socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()


def _epochs(store: Store, specs: Sequence[RunSpec]) -> int:
    """Epochs that the store has of these runs, in all."""
    return sum(len(record.epochs) for spec in specs if (record := store.load(spec)))


def _taken_up(error: Exception, epochs: int) -> str:
    where = (
        sentence("goes on elsewhere after {epochs} epochs", epochs=epochs)
        if epochs
        else sentence("begins anew elsewhere")
    )
    return sentence("its node was lost ({kind}); {where}", kind=type(error).__name__, where=where)
