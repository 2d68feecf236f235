"""Jobs in processes of this machine: started, listened to, stopped.

This side never imports torch, the workers do.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, Protocol, TypeVar

from repro.determinism import worker_environment
from repro.errors import TrainingError, sentence
from repro.execution.endings import cause_of, keep_errors
from repro.execution.messages import (
    READY,
    AnyEvent,
    Failed,
    Finished,
    FirstSteps,
    Job,
    Predict,
    Predicted,
    RunFirstSteps,
    decode_event,
    encode_job,
)
from repro.paths import import_code
from repro.spec import Device, Engine, RunSpec

_Answer = TypeVar("_Answer", Predicted, FirstSteps)
_Heard = TypeVar("_Heard")


# A worker ends without tearing torch down, which takes half a second: everything is written and
# every lock given back by then.
def worker_code(engine: Engine) -> str:
    """The Python code of a worker process, which speaks :mod:`repro.execution.messages`."""
    enter = "" if engine == "kernels" else "from repro.determinism import enter; enter(); "
    return (
        f"{import_code()}import os; {enter}"
        "from repro.execution.worker import main; code = main(); sys.stderr.flush(); os._exit(code)"
    )


class Executor(Protocol):
    """Where jobs are done: in processes of this machine, or elsewhere."""

    def do(self, job: Job, put: Callable[[AnyEvent], None]) -> None:
        """Do one job, in the calling thread, and end with exactly one Finished or Failed."""

    def stop(self) -> None:
        """End what is being done, from another thread; what was finished stays in the store."""


def do_to_the_end(executor: Executor, job: Job, put: Callable[[AnyEvent], None]) -> None:
    """Let `executor` do a job; whatever it raises, the caller hears of it by a Failed."""
    try:
        executor.do(job, put)
    except Exception as error:
        put(Failed.of(job.spec.name, error))


def do_jobs(
    jobs: Iterable[Job],
    *,
    workers: int,
    on_event: Callable[[Job, AnyEvent], None],
    executor: Executor | None = None,
) -> None:
    """Do every job, in order, each in a process of its own, `workers` at a time.

    `on_event` is called in the calling thread; the last event of a job is Finished or Failed. A
    failed job stops no other. On SIGINT, on SIGTERM and on an exception in the calling thread the
    workers are stopped first; what they had finished is in the store. `executor` is where the
    processes are: by default, here.
    """
    events: queue.SimpleQueue[tuple[Job, AnyEvent] | signal.Signals] = queue.SimpleQueue()
    running = executor or Workers()

    def work(job: Job) -> None:
        def put(event: AnyEvent) -> None:
            events.put((job, event))

        do_to_the_end(running, job, put)

    with _signals_to(events.put), ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            pending = len([pool.submit(work, job) for job in jobs])
            while pending:
                heard = _next(events)
                if isinstance(heard, signal.Signals):
                    raise _Stopped(heard)  # noqa: TRY301 - stops the workers below
                job, event = heard
                pending -= isinstance(event, (Failed, Finished))
                on_event(job, event)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            running.stop()
            raise


_POLL_S = 0.5


def _next(events: queue.SimpleQueue[_Heard]) -> _Heard:
    """Wait for what comes next. On Windows a signal is not heard while a thread waits without an
    end, so Ctrl-C would do nothing while a run waits for another process."""
    while True:
        with suppress(queue.Empty):
            return events.get(timeout=_POLL_S)


class _Stopped(BaseException):
    """A signal has come, to be raised again once the workers are stopped."""


@contextmanager
def _signals_to(put: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Hand SIGINT and SIGTERM to `put`, and raise the one that came again at the end.

    A handler that raises does so wherever the program happens to be, and in a destructor its
    exception is lost: Ctrl-C would do nothing, now and then.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    came: signal.Signals | None = None

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal came
        came = signal.Signals(number)
        put(came)

    # A shell starts its background jobs with SIGINT ignored; that is its to decide.
    heard = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heard}
    try:
        with suppress(_Stopped):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came is not None:  # also where it came after the last event
        signal.raise_signal(came)


class Workers:
    """The executor of this machine: a process a job. Once stopped, it starts no more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def do(self, job: Job, put: Callable[[AnyEvent], None]) -> None:
        """Start one worker, pass its events on, and end with exactly one Finished or Failed.

        Raises:
            TrainingError: :meth:`stop` was called before.
            OSError: there is no such program as this Python.
        """
        spec, ended = job.spec, False
        with tempfile.TemporaryFile() as errors, self._start(spec.engine, errors) as process:
            assert process.stdin is not None  # noqa: S101 - both are pipes
            assert process.stdout is not None  # noqa: S101
            with suppress(OSError):  # a worker that died at once; its status says why
                process.stdin.write(encode_job(job))
                process.stdin.close()
            for line in process.stdout:
                if line.endswith(READY):  # what stands before it, Python printed as it started
                    break
            for line in process.stdout:
                event = decode_event(line)
                ended = isinstance(event, (Failed, Finished))
                put(event)
            status = process.wait()
            if not ended:
                errors.seek(0)
                text = errors.read()
                message = sentence(
                    "{cause}{kept}",
                    cause=cause_of(status, text.decode(errors="replace")),
                    kept=keep_errors(text, Path(job.home) / "logs" / f"{spec.name}.txt"),
                )
                put(Failed(run=spec.name, message=message))

    @contextmanager
    def _start(self, engine: Engine, errors: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        """Start a worker that is known here until it has ended.

        Raises:
            TrainingError: :meth:`stop` was called.
            OSError: there is no such program as this Python.
        """
        with self._lock:
            if self._stopped:
                raise TrainingError(sentence("stopped before it began"))
            process = subprocess.Popen(
                [sys.executable, "-c", worker_code(engine)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=worker_environment(os.environ),
            )
            self._running.add(process)
        try:
            with process:
                yield process
        finally:
            with self._lock:
                self._running.discard(process)

    def stop(self) -> None:
        """End every worker, now and to come; what they have saved stays."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.terminate()


def predict(spec: RunSpec, *, store: Path, home: Path, epoch: int | None = None) -> Predicted:
    """What the run's last checkpoint, or that of a reading's `epoch`, says of the test images.

    Raises:
        ReproError: the data cannot be read, or the run has no checkpoint that can.
    """
    job = Job(spec=spec, action=Predict(epoch=epoch), store=str(store), home=str(home))
    return _ask(job, Predicted)


def run_first_steps(spec: RunSpec, device: Device, home: Path) -> FirstSteps:
    """The first steps of every model on made-up images, by the engine of `spec` on a device.

    Raises:
        ReproError: they cannot be done on this machine.
    """
    return _ask(
        Job(spec=spec, action=RunFirstSteps(), store="", home=str(home), device=device), FirstSteps
    )


def _ask(job: Job, answer: type[_Answer]) -> _Answer:
    """Do one job that has one answer."""
    events: list[AnyEvent] = []
    Workers().do(job, events.append)
    for event in events:
        if isinstance(event, answer):
            return event
        if isinstance(event, Failed):
            raise event.error()
    raise TrainingError(sentence("{run}: its process gave no answer", run=job.spec.name))
