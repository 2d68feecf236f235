"""The process that does one job: a `Job` on standard input, messages on standard output.

Every run has a process of its own: so that each has a core, a kill ends one alone, and torch, where
it is wanted, finds its environment before it is imported. The kernels need no torch.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from repro.errors import ReproError, out_of_memory
from repro.execution.check_jobs import predict, retrain, run_first_steps
from repro.execution.messages import (
    READY,
    AnyEvent,
    Failed,
    Finished,
    Predict,
    Retrain,
    RunFirstSteps,
    Train,
    decode_job,
    encode_event,
)
from repro.execution.train_job import train, train_together


def main() -> int:
    """Read a job and do it; return 0, or 1 after a :class:`Failed`."""
    # Ctrl-C reaches the whole process group; the caller decides, and stops its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Events get the standard output to themselves: what a library prints, in Python or in C, goes
    # to standard error.
    out, lock = os.fdopen(os.dup(1), "wb"), threading.Lock()
    os.dup2(2, 1)
    out.write(READY)
    out.flush()

    def emit(event: AnyEvent) -> None:
        try:
            with lock:  # groups of a GPU are trained in threads
                out.write(encode_event(event) + b"\n")
                out.flush()
        except OSError:  # the caller is gone; nobody waits for this run
            os._exit(1)

    job = decode_job(sys.stdin.buffer.read())
    try:
        match job.action:
            case Train() if job.device == "cuda" and job.spec.engine == "kernels":
                train_together(job, emit)
            case Train(epochs=epochs):
                train(job, epochs, emit)
            case Predict() as action:
                predict(job, action, emit)
            case Retrain() as action:
                retrain(job, action, emit)
            case RunFirstSteps():
                run_first_steps(job, emit)
    except ReproError as error:
        emit(Failed.of(job.spec.name, error))
        return 1
    except MemoryError as error:
        emit(Failed.of(job.spec.name, error, out_of_memory(str(error))))
        return 1
    emit(Finished(run=job.spec.name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
