"""The job that trains: one run by itself, or many together on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from repro.data.dataset import Dataset, load
from repro.errors import TrainingError, listed, sentence
from repro.execution.environment import describe_environment, explain_difference
from repro.execution.messages import (
    AnyEvent,
    EpochDone,
    Job,
    Noted,
    ReadingDone,
    Started,
    Stepped,
    Train,
)
from repro.kernels.cuda.device import Device, OutOfMemoryError
from repro.runs import checkpoints
from repro.runs.environments import Environment
from repro.runs.records import RunRecord, is_complete
from repro.runs.store import Store
from repro.spec import RunSpec
from repro.training.cuda_engine import MOST_TOGETHER, Run, Together, kind_of
from repro.training.history import History, Solo
from repro.training.kernel_engine import KernelTrainer

if TYPE_CHECKING:
    from repro.kernels.cuda.gpu import Gpu

Emit = Callable[[AnyEvent], None]

EARLIER_ARITHMETIC = sentence(
    "it was trained by version 0.1, whose arithmetic this version no longer has"
)


def trainer_for(job: Job) -> Solo:
    """The job's run before its first epoch, by its engine.

    Raises:
        ReproError: the data set is missing, there is no such network, or it cannot run here.
    """
    spec, dataset = job.spec, load(job.spec.dataset, Path(job.home))
    if spec.engine == "kernels":
        return KernelTrainer(spec, dataset, threads=job.threads)
    if spec.is_earlier:
        raise TrainingError(sentence("{run}: {why}", run=spec.name, why=EARLIER_ARITHMETIC))
    from repro.training.torch_engine import Trainer  # noqa: PLC0415 - torch

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
        _resume_or_start(trainer, store, environment, record, emit)
        while trainer.epoch < epochs:
            trainer.train_epoch(report_steps(trainer, emit))
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
    assert isinstance(job.action, Train)  # noqa: S101 - main gives no other
    store = Store(Path(job.store))
    epochs = {job.spec: job.action.epochs, **dict(job.action.others)}
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
        number = job.action.card
        card = gpu(Path(job.home), number).name
        environments = {spec: describe_environment(spec, card) for spec in records}

        def work(specs: list[RunSpec]) -> list[TrainingError]:
            device = gpu(Path(job.home), number)
            runs = []
            for spec in specs:
                runs.append(Run(spec, dataset.test_labels))
                _resume_or_start(runs[-1], store, environments[spec], records[spec], emit)
            return _advance(
                runs, epochs[specs[0]], dataset, device,
                lambda run: _keep(run, environments[run.spec], store, emit),
            )  # fmt: skip

        with ThreadPoolExecutor(len(kinds)) as pool:
            errors = [error for found in pool.map(work, kinds.values()) for error in found]
        if errors:
            raise TrainingError(listed(errors, "; "))


def _advance(
    runs: Sequence[Run],
    epochs: int,
    dataset: Dataset,
    device: Device,
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
        except OutOfMemoryError:
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
    device: Device,
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


def gpu(home: Path, number: int = 0) -> Gpu:
    """One of this machine's NVIDIA GPUs; what is compiled for it is kept under `home`.

    Raises:
        TrainingError: there is none that can be used.
    """
    from repro.kernels.cuda.gpu import Gpu  # noqa: PLC0415 - its driver is on few machines

    return Gpu(number, cache=home / "cache" / "cuda")


def _resume_or_start(
    trainer: History,
    store: Store,
    environment: Environment,
    record: RunRecord | None,
    emit: Emit,
) -> None:
    """Take up what there is of a run, and tell from where it goes on."""
    _restore(trainer, store, environment, record, emit)
    emit(Started(run=trainer.spec.name, epoch=trainer.epoch))
    if trainer.epoch:
        trainer.save(environment, store)  # a kill may have come before the record


def _waiting(spec: RunSpec, emit: Emit) -> Callable[[str], None]:
    """What is told where another process holds the run's lock."""

    return lambda whose: emit(Noted.waiting(spec.name, whose))


def _keep(trainer: History, environment: Environment, store: Store, emit: Emit) -> None:
    """Save the epoch that was just trained, then tell of it: what is announced is safe."""
    record = trainer.save(environment, store)
    emit(EpochDone(run=record.spec.name, record=record.epochs[-1]))
    if trainer.epoch in record.spec.recipe.reading_epochs:
        emit(ReadingDone(run=record.spec.name, reading=record.readings[-1]))


def report_steps(trainer: History, emit: Emit) -> Callable[[int, int, float], None]:
    """What tells of the steps of the epoch that `trainer` trains next."""
    run, epoch = trainer.spec.name, trainer.epoch + 1

    def tell(step: int, steps: int, loss: float) -> None:
        emit(Stepped(run=run, epoch=epoch, step=step, steps=steps, loss=loss))

    return tell


def _restore(
    trainer: History,
    store: Store,
    environment: Environment,
    record: RunRecord | None,
    emit: Emit,
) -> None:
    """Take up the last checkpoint; where that cannot be, set aside what there is of the run."""
    checkpoint = _last_checkpoint(trainer.spec, store)
    if checkpoint is None:
        why: str | None = sentence("its checkpoint is gone") if record else None
    else:
        begun, state = checkpoint
        why = explain_difference(begun.environment, environment, trainer.spec)
        if why is None:
            trainer.restore(state, begun.epochs, begun.readings)
            if record and trainer.epoch < len(record.epochs):
                again = sentence(
                    "resuming from its checkpoint of epoch {epoch}: no later one is usable",
                    epoch=trainer.epoch,
                )
                emit(Noted(run=trainer.spec.name, message=again))
            return
        why = sentence("{why}: continuing would match neither environment", why=why)
    if why:
        store.set_aside(trainer.spec)
        anew = sentence("begins anew, the old run is kept: {why}", why=why)
        emit(Noted(run=trainer.spec.name, message=anew))


def _last_checkpoint(spec: RunSpec, store: Store) -> checkpoints.Checkpoint | None:
    """The latest checkpoint that has every reading of the test set due by then; None without
    one."""
    for epoch in reversed(store.checkpoint_epochs(spec)):
        checkpoint = checkpoints.read(store.checkpoint(spec, epoch), spec)
        if checkpoint and is_complete(checkpoint[0], len(checkpoint[0].epochs)):
            return checkpoint
    return None
