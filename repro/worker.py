"""The process that trains one run: a `Job` on standard input, events on standard output.

Every run has a process of its own because a determinism profile counts only if it is in the
environment before torch is imported, and because the calling process need not import torch at all.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import msgspec
import safetensors
import safetensors.torch
import torch
from torch import Tensor

import repro
from repro.data.dataset import load
from repro.errors import DataError, ReproError
from repro.events import (
    AnyEvent,
    EpochDone,
    Failed,
    Finished,
    Job,
    Noted,
    Predicted,
    ReadingDone,
    Started,
    Stepped,
)
from repro.records import Environment, RunRecord, dump, is_complete, parse, same_arithmetic
from repro.spec import READING_EPOCHS, RunSpec
from repro.store import Store, explained, write_atomically
from repro.training import Trainer, tensors_digest

Emit = Callable[[AnyEvent], None]


def train(job: Job, epochs: int, emit: Emit) -> None:
    """Bring one run to `epochs` epochs, from wherever its checkpoint stands.

    The test set is read at the report's epochs on the way, and at no other: what a record holds
    does not depend on how it was asked for. Everything is saved after every epoch.

    Raises:
        ReproError: the data, the store or the training failed; finished epochs are kept.
    """
    spec, store = job.spec, Store(Path(job.store))

    def waiting() -> None:
        emit(Noted(run=spec.name, message="another process is training this run; waiting for it"))

    with store.lock(spec, waiting):
        record = store.load(spec)
        if record and is_complete(record, epochs):
            return
        trainer = Trainer(spec, load(spec.dataset, Path(job.home)))
        environment = describe_environment(spec)
        _resume(trainer, store, environment, record, emit)
        emit(Started(run=spec.name, epoch=trainer.epoch))
        if trainer.epoch:
            _save(trainer, environment, store)  # a kill may have come before the record
        while trainer.epoch < epochs:
            trainer.train_epoch(
                lambda step, steps, loss: emit(
                    Stepped(
                        run=spec.name, epoch=trainer.epoch + 1, step=step, steps=steps, loss=loss
                    )
                )
            )
            is_read = trainer.epoch in READING_EPOCHS
            if is_read:
                trainer.read_test_set()
            # What is announced is safe: a caller that is told of an epoch finds it in the store.
            record = _save(trainer, environment, store)
            emit(EpochDone(run=spec.name, record=record.epochs[-1]))
            if is_read:
                emit(ReadingDone(run=spec.name, reading=record.readings[-1]))


def predict(job: Job, emit: Emit) -> None:
    """Predict the test images with the weights of the run's checkpoint, in batches.

    Raises:
        ReproError: the data cannot be read, or the run has no checkpoint that can.
    """
    spec, store = job.spec, Store(Path(job.store))
    trainer = Trainer(spec, load(spec.dataset, Path(job.home)))
    checkpoint = _read_checkpoint(store, spec)
    if checkpoint is None:
        raise DataError(f"{spec.name}: has no checkpoint to predict with")
    record, state = checkpoint
    trainer.restore(state, record.epochs, record.readings)
    classes = trainer.predict_test_set().tolist()
    emit(Predicted(run=spec.name, epoch=trainer.epoch, classes=classes))


def describe_environment(spec: RunSpec) -> Environment:
    """Versions and hardware of this process."""
    accelerator = torch.cuda.get_device_name() if spec.device == "cuda" else None
    return Environment(
        repro=repro.__version__,
        python=platform.python_version(),
        torch=str(torch.__version__),
        torchvision=version("torchvision"),
        numpy=version("numpy"),
        platform=f"{platform.system()}-{platform.machine()}",
        processor=_processor(),
        accelerator=accelerator,
    )


def _processor() -> str:
    """Name the processor as the system does, with family and model number where it gives them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().partition("\n\n")[0].splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    pairs = (line.partition(":") for line in lines)
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    name = fields.get("model name", platform.machine())
    if "cpu family" in fields:
        name += f" (family {fields['cpu family']}, model {fields.get('model', '?')})"
    return name


def _save(trainer: Trainer, environment: Environment, store: Store) -> RunRecord:
    """Write the checkpoint first: it alone is enough to write the rest again."""
    record = RunRecord(
        spec=trainer.spec,
        environment=environment,
        epochs=tuple(trainer.epochs),
        readings=tuple(trainer.readings),
    )
    state = trainer.state()
    metadata = {"record": dump(record).decode(), "sha256": tensors_digest(state)}
    data = safetensors.torch.save(state, metadata)
    write_atomically(store.checkpoint(record.spec), data)
    store.save(record, trainer.predictions)
    return record


def _resume(
    trainer: Trainer,
    store: Store,
    environment: Environment,
    record: RunRecord | None,
    emit: Emit,
) -> None:
    """Take up the run's checkpoint; where that cannot be, set aside what there is of the run."""
    checkpoint = _read_checkpoint(store, trainer.spec)
    if checkpoint is None:
        why = "its checkpoint is gone" if record else None
    else:
        begun, state = checkpoint
        if same_arithmetic(begun.environment, environment, trainer.spec):
            trainer.restore(state, begun.epochs, begun.readings)
            return
        old, new = begun.environment, environment
        why = (
            f"it was begun with torch {old.torch} on {old.processor}, this is torch {new.torch} "
            f"on {new.processor}: going on would give the bits of neither"
        )
    if why:
        store.set_aside(trainer.spec)
        emit(Noted(run=trainer.spec.name, message=f"begins anew, the old run is kept: {why}"))


def _read_checkpoint(store: Store, spec: RunSpec) -> tuple[RunRecord, dict[str, Tensor]] | None:
    """The record and the tensors of a run's checkpoint, or None where there is none.

    Raises:
        DataError: it is damaged or of another run.
    """
    path = store.checkpoint(spec)
    if not path.exists():
        return None
    try:
        with explained(path, "read"), safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise DataError(f"{path}: not a checkpoint: {error}; delete it to train anew") from None
    if tensors_digest(state) != metadata.get("sha256"):
        raise DataError(f"{path}: the checkpoint is damaged; delete it to train anew")
    record = parse(metadata.get("record", "").encode(), path)
    if record.spec != spec:
        raise DataError(f"{path}: expected the checkpoint of this run; got {record.spec.name}'s")
    return record, state


def main() -> int:
    """Read a job, do it, and return the exit code."""
    # Ctrl-C reaches the whole process group; the caller decides, and stops its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Events get the standard output to themselves: what a library prints, in Python or in C, goes
    # to standard error.
    encoder, out = msgspec.json.Encoder(), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def emit(event: AnyEvent) -> None:
        try:
            out.write(encoder.encode(event) + b"\n")
            out.flush()
        except BrokenPipeError:  # the caller is gone; nobody waits for this run
            os._exit(1)

    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    try:
        if job.epochs is None:
            predict(job, emit)
        else:
            train(job, job.epochs, emit)
    except ReproError as error:
        emit(Failed(run=job.spec.name, message=str(error), exit_code=error.exit_code))
        return error.exit_code
    emit(Finished(run=job.spec.name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
