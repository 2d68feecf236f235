"""The process that does one job: a `Job` on standard input, events on standard output.

Every run has a process of its own: so that each has a core, a kill ends one alone, and torch, where
it is wanted, finds its environment before it is imported. The kernels need no torch.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import re
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

import repro
from repro import checkpoints
from repro.data.dataset import load, synthetic
from repro.errors import DataError, EvidenceError, ReproError, TrainingError
from repro.events import (
    AnyEvent,
    EpochDone,
    Failed,
    Finished,
    Incomparable,
    Job,
    Noted,
    Predict,
    Predicted,
    ReadingDone,
    Rehearse,
    Rehearsed,
    Retrain,
    Retrained,
    Started,
    Stepped,
    Train,
)
from repro.history import History
from repro.kernel_training import KernelTrainer
from repro.kernels import library
from repro.machine import processor
from repro.records import Environment, RunRecord, is_complete, same_arithmetic
from repro.spec import REPORT_RECIPES, RunSpec
from repro.store import Store

if TYPE_CHECKING:
    from repro.training import Trainer

Emit = Callable[[AnyEvent], None]

_EARLIER = "it was trained by version 0.1, whose arithmetic this version no longer has"
_NO_CODE = "its network is code of somebody's own, which no store keeps and which is not run here"


def trainer_for(job: Job) -> History:
    """The job's run before its first epoch, by its engine.

    Raises:
        ReproError: the data set is missing, there is no such network, or it cannot run here.
    """
    spec, dataset = job.spec, load(job.spec.dataset, Path(job.home))
    if spec.engine == "kernels":
        return KernelTrainer(spec, dataset, threads=job.threads)
    if spec.is_earlier:
        raise TrainingError(f"{spec.name}: {_EARLIER}")
    from repro.training import Trainer  # noqa: PLC0415 - torch

    return Trainer(spec, dataset, code=job.code)


def train(job: Job, epochs: int, emit: Emit) -> None:
    """Bring one run to `epochs` epochs, from wherever its checkpoint stands.

    The test set is read at the recipe's epochs on the way, and at no other: what a record holds
    does not depend on how it was asked for. Everything is saved after every epoch.

    Raises:
        ReproError: the data, the store or the training failed; finished epochs are kept.
    """
    spec, store = job.spec, Store(Path(job.store))
    with store.lock(spec, _waiting(spec, emit)):
        record = store.load(spec)
        if record and is_complete(record, epochs):
            return
        trainer = trainer_for(job)
        environment = describe_environment(spec)
        _resume(trainer, store, environment, record, emit)
        emit(Started(run=spec.name, epoch=trainer.epoch))
        if trainer.epoch:
            checkpoints.write(trainer, environment, store)  # a kill may have come before the record
        while trainer.epoch < epochs:
            trainer.train_epoch(_stepping(trainer, emit))
            if trainer.epoch in spec.recipe.reading_epochs:
                trainer.read_test_set()
            _keep(trainer, environment, store, emit)


def train_together(job: Job, epochs: int, emit: Emit) -> None:
    """Bring runs that differ in seed and activation alone to `epochs` epochs, as one network.

    A run that diverges is left where it was, and named once the others are done. How many runs are
    fused is part of what their bits depend on, and so of their environment: runs that a kill left
    behind go on in the company that they had, others standing in for those ahead.

    Raises:
        ReproError: as :func:`train`.
    """
    from repro.fused import FusedTrainer  # noqa: PLC0415 - torch
    from repro.training import Trainer, place  # noqa: PLC0415 - torch

    store = Store(Path(job.store))
    specs = job.in_order  # so a run keeps its place in the company, too
    with ExitStack() as locks:
        for spec in specs:
            locks.enter_context(store.lock(spec, _waiting(spec, emit)))
        records = {spec: store.load(spec) for spec in specs}
        todo = [s for s, record in records.items() if not record or not is_complete(record, epochs)]
        if not todo:
            return
        loaded = load(job.spec.dataset, Path(job.home)).in_jpeg(job.spec.recipe.jpeg_quality)
        data = place(loaded, job.spec.device)
        runs: list[tuple[Trainer, Environment]] = []
        for spec in todo:
            record = records[spec]
            count = _fused_with(record.environment if record else None) or len(todo)
            environment = describe_environment(spec, count)
            trainer = Trainer(spec, data)
            _resume(trainer, store, environment, record, emit)
            emit(Started(run=spec.name, epoch=trainer.epoch))
            if trainer.epoch:
                checkpoints.write(trainer, environment, store)  # as :func:`train` does
            runs.append((trainer, environment))
        errors: list[TrainingError] = []
        while behind := [run for run in runs if run[0].epoch < epochs]:
            epoch = min(trainer.epoch for trainer, _ in behind)
            later = [trainer.epoch for trainer, _ in behind if trainer.epoch > epoch]
            lowest = [run for run in behind if run[0].epoch == epoch]
            environment = lowest[0][1]
            count = _fused_with(environment) or 1
            group = [trainer for trainer, begun in lowest if begun == environment][:count]
            fused = FusedTrainer(_company(group, specs, count))
            failed: dict[Trainer, TrainingError] = {}
            while epoch < min([*later, epochs]) and not failed:
                epoch += 1
                failed = fused.train_epoch(_stepping(group[0], emit))
                if epoch in job.spec.recipe.reading_epochs:
                    fused.read_test_set()
                for trainer in group:
                    if trainer not in failed:
                        _keep(trainer, environment, store, emit)
            # One that diverges does so again, and must not hold up the others.
            runs = [run for run in runs if run[0] not in failed]
            errors += [error for trainer, error in failed.items() if trainer in group]
        if errors:
            raise TrainingError("; ".join(map(str, errors)))


def _company(group: Sequence[Trainer], specs: Sequence[RunSpec], count: int) -> list[Trainer]:
    """`count` trainers in the order of `specs`: those of `group`, and stand-ins that nobody keeps.

    A stand-in fills the place of a run that is ahead, and does not have its weights: replicas do
    not see each other.
    """
    from repro.training import Trainer  # noqa: PLC0415 - torch

    members = {trainer.spec: trainer for trainer in group}
    absent = count - len(group)
    places = []
    for spec in [*specs, *[group[0].spec] * absent]:
        if spec in members:
            places.append(members.pop(spec))
        elif absent:
            absent -= 1
            stand_in = Trainer(spec, group[0].data)
            stand_in.optimiser.restore(group[0].optimiser.state())
            stand_in.epochs = list(group[0].epochs)
            places.append(stand_in)
    return places


def _waiting(spec: RunSpec, emit: Emit) -> Callable[[], None]:
    """What is told where another process holds the run's lock."""
    message = "another process is training this run; waiting for it"
    return lambda: emit(Noted(run=spec.name, message=message))


def _keep(trainer: History, environment: Environment, store: Store, emit: Emit) -> None:
    """Save the epoch that was just trained, then tell of it: what is announced is safe."""
    record = checkpoints.write(trainer, environment, store)
    emit(EpochDone(run=record.spec.name, record=record.epochs[-1]))
    if trainer.epoch in record.spec.recipe.reading_epochs:
        emit(ReadingDone(run=record.spec.name, reading=record.readings[-1]))


_FUSED = re.compile(r"\b(\d+) runs fused$")


def _fused_with(environment: Environment | None) -> int | None:
    """How many runs were fused in `environment`, this one included; None for a run alone."""
    found = _FUSED.search((environment and environment.accelerator) or "")
    return int(found[1]) if found else None


def predict(job: Job, task: Predict, emit: Emit) -> None:
    """Predict the test images with the weights of the run's last checkpoint, or of a reading's.

    Raises:
        ReproError: the data cannot be read, or the run has no checkpoint that can.
    """
    record, checkpoint = _recorded(job, task.epoch)
    if task.exactly and not _is_comparable(record, emit):
        return
    trainer = _trainer(job, checkpoint)
    names = {str(trainer.epoch): False}
    if job.spec.recipe.has_dropout:
        names[f"{trainer.epoch}-switched"] = True
    classes = {
        name: trainer.predict_test_set(switched=switched).tolist()
        for name, switched in names.items()
    }
    confidences = trainer.test_confidences().tolist()
    emit(
        Predicted(run=job.spec.name, epoch=trainer.epoch, classes=classes, confidences=confidences)
    )


def retrain(job: Job, task: Retrain, emit: Emit) -> None:
    """Train epochs of a recorded run again and tell of each; nothing is written.

    Raises:
        ReproError: the data, the record or the checkpoint cannot be read, or the training failed.
    """
    record, checkpoint = _recorded(job, task.start)
    if not _is_comparable(record, emit):
        return
    trainer = _trainer(job, checkpoint)
    for _ in range(task.epochs):
        try:
            again = trainer.train_epoch(_stepping(trainer, emit))
        except TrainingError as error:  # what the record says was finite
            raise EvidenceError(f"{job.spec.name}: trained again: {error}") from None
        emit(Retrained(run=job.spec.name, record=again))


def rehearse(job: Job, emit: Emit) -> None:
    """Do the first steps of each of the report's models on made-up images."""
    emit(
        Rehearsed(
            run=job.spec.name,
            environment=describe_environment(job.spec),
            capability=_instructions(job.spec),
            digests=first_steps(job.spec, job.threads),
        )
    )


def first_steps(spec: RunSpec, threads: int = 1) -> dict[str, str]:
    """SHA-256 of each model's weights after two steps on made-up images, by the engine and on the
    device of `spec`."""
    digests = {}
    for model, recipe in REPORT_RECIPES.items():
        each = dataclasses.replace(spec, recipe=recipe, seed=0, dataset="synthetic")
        few = synthetic(train=50, test=10)
        trainer: History
        if spec.engine == "kernels":
            trainer = KernelTrainer(each, few, threads=threads)
        else:
            from repro.training import Trainer  # noqa: PLC0415 - torch

            trainer = Trainer(each, few)
        digests[model] = trainer.train_epoch().weights_sha256
    return digests


def _instructions(spec: RunSpec) -> str:
    """The vector instructions that compute a run on the CPU."""
    if spec.engine == "kernels":
        return library.variant()
    import torch  # noqa: PLC0415 - only for its engine

    return str(torch.backends.cpu.get_cpu_capability())


def _stepping(trainer: History, emit: Emit) -> Callable[[int, int, float], None]:
    """What tells of the steps of the epoch that `trainer` trains next."""
    run, epoch = trainer.spec.name, trainer.epoch + 1

    def tell(step: int, steps: int, loss: float) -> None:
        emit(Stepped(run=run, epoch=epoch, step=step, steps=steps, loss=loss))

    return tell


def describe_environment(spec: RunSpec, fused: int | None = None) -> Environment:
    """Versions and hardware of this process, and how many runs are fused in it."""
    here = Environment(
        repro=repro.__version__,
        python=platform.python_version(),
        numpy=np.__version__,
        platform=f"{platform.system()}-{platform.machine()}",
        processor=processor(),
    )
    if spec.engine == "kernels":
        return dataclasses.replace(here, kernels=f"{library.version()}, {library.variant()}")
    import torch  # noqa: PLC0415 - only for its engine

    accelerator = torch.cuda.get_device_name() if spec.device == "cuda" else None
    if fused:
        accelerator = f"{accelerator or spec.device}, {fused} runs fused"
    return dataclasses.replace(
        here,
        torch=str(torch.__version__),
        torchvision=version("torchvision"),
        accelerator=accelerator,
    )


def _resume(
    trainer: History,
    store: Store,
    environment: Environment,
    record: RunRecord | None,
    emit: Emit,
) -> None:
    """Take up the last checkpoint; where that cannot be, set aside what there is of the run."""
    checkpoint = _last_checkpoint(trainer.spec, store)
    if checkpoint is None:
        why = "its checkpoint is gone" if record else None
    else:
        begun, state = checkpoint
        why = _difference(begun.environment, environment, trainer.spec)
        if why is None:
            trainer.restore(state, begun.epochs, begun.readings)
            if record and trainer.epoch < len(record.epochs):
                again = (
                    f"goes on from its checkpoint of {trainer.epoch} epochs: no later one serves"
                )
                emit(Noted(run=trainer.spec.name, message=again))
            return
        why += ": going on would give the bits of neither"
    if why:
        store.set_aside(trainer.spec)
        emit(Noted(run=trainer.spec.name, message=f"begins anew, the old run is kept: {why}"))


def _last_checkpoint(spec: RunSpec, store: Store) -> checkpoints.Checkpoint | None:
    """The latest checkpoint that has every reading of the test set due by then; None without
    one."""
    for epoch in reversed(store.checkpoint_epochs(spec)):
        checkpoint = checkpoints.read(store.checkpoint(spec, epoch), spec)
        if checkpoint and is_complete(checkpoint[0], len(checkpoint[0].epochs)):
            return checkpoint
    return None


def _difference(begun: Environment, here: Environment, spec: RunSpec) -> str | None:
    """Why a run that was begun elsewhere has other bits here, or None where it has the same."""
    if same_arithmetic(begun, here, spec):
        return None
    one, other = dataclasses.asdict(begun), dataclasses.asdict(here)
    differing = [name for name in one if one[name] != other[name] and name != "python"]
    then, now = (", ".join(f"{name} {each[name]}" for name in differing) for each in (one, other))
    return f"it was begun with {then}; this is {now}"


def _is_comparable(record: RunRecord, emit: Emit) -> bool:
    """Whether this process is promised the bits of the recorded run; says so where it is not."""
    if record.spec.recipe.code_sha256:
        difference: str | None = _NO_CODE
    elif record.spec.is_earlier:
        difference = _EARLIER
    elif record.spec.device == "cuda" and not _has_cuda():
        difference = f"it was begun on {record.environment.accelerator}; no GPU is here"
    else:
        here = describe_environment(record.spec)
        difference = _difference(record.environment, here, record.spec)
    if difference:
        emit(Incomparable(run=record.spec.name, message=difference))
    return difference is None


def _has_cuda() -> bool:
    import torch  # noqa: PLC0415 - only for its engine

    return torch.cuda.is_available()


def _recorded(job: Job, epoch: int | None) -> tuple[RunRecord, checkpoints.Checkpoint | None]:
    """A run's record and its checkpoint of `epoch`: None for the last one, 0 for its start.

    Raises:
        DataError: there is no such record or checkpoint.
        EvidenceError: it is not to be believed.
    """
    spec, store = job.spec, Store(Path(job.store))
    record = store.load(spec)
    if record is None:
        raise DataError(f"{spec.name}: expected a recorded run; there is none")
    if epoch == 0:
        return record, None
    path = store.checkpoint(spec, epoch)
    checkpoint = checkpoints.read(path, spec)
    if checkpoint is None:
        raise DataError(f"{path}: expected a checkpoint; nothing is there")
    then = checkpoint[0]
    if epoch is not None and len(then.epochs) != epoch:
        raise EvidenceError(f"{path}: expected {epoch} epochs; got {len(then.epochs)}")
    # The last checkpoint is written before the record, and may be an epoch ahead of it.
    common = min(len(then.epochs), len(record.epochs))
    readings = min(len(then.readings), len(record.readings))
    if (
        then.epochs[:common] != record.epochs[:common]
        or then.readings[:readings] != record.readings[:readings]
        or len(then.epochs) > len(record.epochs) + 1
        or not same_arithmetic(then.environment, record.environment, spec)
    ):
        raise EvidenceError(f"{path}: the checkpoint's history is not that of the record")
    return record, checkpoint


def _trainer(job: Job, checkpoint: checkpoints.Checkpoint | None) -> History:
    if job.spec.recipe.code_sha256:
        raise DataError(f"{job.spec.name}: {_NO_CODE}")
    trainer = trainer_for(job)
    if checkpoint:
        record, state = checkpoint
        trainer.restore(state, record.epochs, record.readings)
    return trainer


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
        match job.task:
            case Train(epochs=epochs, others=()):
                train(job, epochs, emit)
            case Train(epochs=epochs):
                train_together(job, epochs, emit)
            case Predict() as task:
                predict(job, task, emit)
            case Retrain() as task:
                retrain(job, task, emit)
            case Rehearse():
                rehearse(job, emit)
    except ReproError as error:
        refutes = isinstance(error, EvidenceError)
        emit(
            Failed(
                run=job.spec.name, message=str(error), exit_code=error.exit_code, refutes=refutes
            )
        )
        return error.exit_code
    emit(Finished(run=job.spec.name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
