"""The process that does one job: a `Job` on standard input, events on standard output.

Every run has a process of its own: so that each has a core, a kill ends one alone, and torch, where
it is wanted, finds its environment before it is imported. The kernels need no torch.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

import repro
from repro import checkpoints
from repro.cuda_training import MOST_TOGETHER, Run, Together, kind_of
from repro.data.dataset import Dataset, load, synthetic
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
from repro.history import History, Solo
from repro.kernel_training import KernelTrainer
from repro.kernels import library
from repro.kernels.cuda import group
from repro.machine import processor
from repro.records import Environment, RunRecord, is_complete, same_arithmetic
from repro.spec import REPORT_RECIPES, Device, RunSpec
from repro.store import Store

if TYPE_CHECKING:
    from repro.kernels.cuda.gpu import Gpu

Emit = Callable[[AnyEvent], None]

_EARLIER = "it was trained by version 0.1, whose arithmetic this version no longer has"
_NO_CODE = "its network is code of somebody's own, which no store keeps and which is not run here"


def trainer_for(job: Job) -> Solo:
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
        _begin(trainer, store, environment, record, emit)
        while trainer.epoch < epochs:
            trainer.train_epoch(_stepping(trainer, emit))
            if trainer.epoch in spec.recipe.reading_epochs:
                trainer.read_test_set()
            _keep(trainer, environment, store, emit)


def train_together(job: Job, emit: Emit) -> None:
    """Bring the job's runs to their epochs on a GPU: those of a kind at once, and the kinds side by
    side, since none of them fills a card.

    Bits do not depend on the company, so that runs which are not equally far go on in any. One that
    diverges is left where it was, and named once the others are done.

    Raises:
        ReproError: as :func:`train`.
    """
    assert isinstance(job.task, Train)  # noqa: S101 - main gives no other
    store = Store(Path(job.store))
    epochs = {job.spec: job.task.epochs, **dict(job.task.others)}
    with ExitStack() as locks:
        for spec in job.in_order:
            locks.enter_context(store.lock(spec, _waiting(spec, emit)))
        records = {spec: store.load(spec) for spec in job.in_order}
        kinds: dict[object, list[RunSpec]] = {}
        for spec, record in records.items():
            if not record or not is_complete(record, epochs[spec]):
                kinds.setdefault((kind_of(spec), epochs[spec]), []).append(spec)
        if not kinds:
            return
        dataset = load(job.spec.dataset, Path(job.home))
        card = gpu(Path(job.home)).name
        environments = {spec: describe_environment(spec, card) for spec in records}

        def work(specs: list[RunSpec]) -> list[TrainingError]:
            device = gpu(Path(job.home))
            runs = []
            for spec in specs:
                runs.append(Run(spec, dataset.test_labels))
                _begin(runs[-1], store, environments[spec], records[spec], emit)
            return _advance(
                runs, epochs[specs[0]], dataset, device,
                lambda run: _keep(run, environments[run.spec], store, emit),
            )  # fmt: skip

        with ThreadPoolExecutor(len(kinds)) as pool:
            errors = [error for found in pool.map(work, kinds.values()) for error in found]
        if errors:
            raise TrainingError("; ".join(map(str, errors)))


def _advance(
    runs: Sequence[Run],
    epochs: int,
    dataset: Dataset,
    device: group.Device,
    keep: Callable[[Run], None],
) -> list[TrainingError]:
    """Bring runs of one kind to `epochs` epochs, those that are behind first; returns what
    failed. Those that are too many for a card's memory are trained in turn."""
    errors: list[TrainingError] = []
    most = MOST_TOGETHER[runs[0].spec.recipe.architecture]
    while behind := [run for run in runs if run.epoch < epochs]:
        lowest = min(run.epoch for run in behind)
        until = min([run.epoch for run in behind if run.epoch > lowest], default=epochs)
        at_once = [run for run in behind if run.epoch == lowest][:most]
        try:
            failed = _train_to(until, at_once, dataset, device, keep)
        except group.OutOfMemoryError:
            if len(at_once) == 1:
                raise
            most = -(-len(at_once) // 2)
            continue
        # One that diverges does so again, and must not hold up the others.
        runs = [run for run in runs if run.spec not in failed]
        errors += failed.values()
    return errors


def _train_to(
    epochs: int,
    runs: Sequence[Run],
    dataset: Dataset,
    device: group.Device,
    keep: Callable[[Run], None],
) -> dict[RunSpec, TrainingError]:
    """Bring runs that are equally far to `epochs` epochs; returns those that failed, and why."""
    failed: dict[RunSpec, TrainingError] = {}
    with ThreadPoolExecutor() as pool, closing(Together(runs, dataset, device)) as together:
        while together.epoch < epochs and len(failed) < len(runs):
            failed |= together.train_epoch()
            if together.epoch in runs[0].spec.recipe.reading_epochs:
                together.read_test_set()
            list(pool.map(keep, (run for run in runs if run.spec not in failed)))
    return failed


def gpu(home: Path) -> Gpu:
    """This machine's NVIDIA GPU; what is compiled for it is kept under `home`.

    Raises:
        TrainingError: there is none that can be used.
    """
    from repro.kernels.cuda.gpu import Gpu  # noqa: PLC0415 - its driver is on few machines

    return Gpu(cache=home / "cache" / "cuda")


def _begin(
    trainer: History,
    store: Store,
    environment: Environment,
    record: RunRecord | None,
    emit: Emit,
) -> None:
    """Take up what there is of a run, and tell from where it goes on."""
    _resume(trainer, store, environment, record, emit)
    emit(Started(run=trainer.spec.name, epoch=trainer.epoch))
    if trainer.epoch:
        checkpoints.write(trainer, environment, store)  # a kill may have come before the record


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
    on_gpu = job.device == "cuda" and job.spec.engine == "kernels"
    card = gpu(Path(job.home)).name if on_gpu else None
    emit(
        Rehearsed(
            run=job.spec.name,
            environment=describe_environment(job.spec, card),
            capability=card or _instructions(job.spec),
            digests=first_steps(job.spec, job.device, threads=job.threads, home=Path(job.home)),
        )
    )


def first_steps(
    spec: RunSpec, device: Device = "cpu", *, threads: int = 1, home: Path = Path()
) -> dict[str, str]:
    """SHA-256 of each model's weights after two steps on made-up images, by the engine of `spec` on
    a device."""
    digests, few = {}, synthetic(train=50, test=10)
    for model, recipe in REPORT_RECIPES.items():
        each = dataclasses.replace(spec, recipe=recipe, seed=0, dataset="synthetic")
        if spec.engine == "kernels" and device == "cuda":
            together = Together([Run(each, few.test_labels)], few, gpu(home))
            together.train_epoch()
            digests[model] = together.runs[0].epochs[-1].weights_sha256
            together.close()
            continue
        trainer: Solo
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


def describe_environment(spec: RunSpec, card: str | None = None) -> Environment:
    """Versions and hardware of this process; `card` is the GPU, if one computes the kernels."""
    here = Environment(
        repro=repro.__version__,
        python=platform.python_version(),
        numpy=np.__version__,
        platform=f"{platform.system()}-{platform.machine()}",
        processor=processor(),
    )
    if spec.engine == "kernels":
        built = card or library.variant()
        return dataclasses.replace(here, kernels=f"{library.version()}, {built}")
    import torch  # noqa: PLC0415 - only for its engine

    accelerator = None
    if spec.device == "cuda":
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        accelerator = f"{torch.cuda.get_device_name()}, cuDNN {cudnn}"
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


def _trainer(job: Job, checkpoint: checkpoints.Checkpoint | None) -> Solo:
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
    encoder, out, lock = msgspec.json.Encoder(), os.fdopen(os.dup(1), "wb"), threading.Lock()
    os.dup2(2, 1)

    def emit(event: AnyEvent) -> None:
        try:
            with lock:  # groups of a GPU are trained in threads
                out.write(encoder.encode(event) + b"\n")
                out.flush()
        except BrokenPipeError:  # the caller is gone; nobody waits for this run
            os._exit(1)

    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    try:
        match job.task:
            case Train() if job.device == "cuda" and job.spec.engine == "kernels":
                train_together(job, emit)
            case Train(epochs=epochs):
                train(job, epochs, emit)
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
