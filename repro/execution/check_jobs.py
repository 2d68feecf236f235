"""The jobs that look at runs: predict again, train epochs again, and do the first steps."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from repro.data.dataset import synthetic
from repro.errors import DataError, EvidenceError, TrainingError, sentence
from repro.execution.environment import describe_environment, explain_difference
from repro.execution.messages import (
    FirstSteps,
    Incomparable,
    Job,
    Predict,
    Predicted,
    Retrain,
    Retrained,
)
from repro.execution.train_job import EARLIER_ARITHMETIC, Emit, gpu, report_steps, trainer_for
from repro.kernels import library
from repro.runs import checkpoints
from repro.runs.environments import same_arithmetic
from repro.runs.records import RunRecord
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES, Device, RunSpec
from repro.training.cuda_engine import Run, Together
from repro.training.history import Solo
from repro.training.kernel_engine import KernelTrainer

_NO_CODE = sentence(
    "its network is code of somebody's own, which no store keeps and which is not run here"
)


def predict(job: Job, action: Predict, emit: Emit) -> None:
    """Predict the test images with the weights of the run's last checkpoint, or of a reading's.

    Raises:
        ReproError: the data cannot be read, or the run has no checkpoint that can.
    """
    record, checkpoint = _recorded(job, action.epoch)
    if action.exactly and not is_comparable(record, emit):
        return
    trainer = _trainer(job, checkpoint)
    on = job.spec.recipe.dropout_at_prediction
    dropout_by_name = {str(trainer.epoch): on}
    if job.spec.recipe.has_dropout:
        dropout_by_name[f"{trainer.epoch}-switched"] = not on
    classes = {
        name: trainer.predict_test_set(dropout_on=dropout_on).tolist()
        for name, dropout_on in dropout_by_name.items()
    }
    confidences = trainer.test_confidences().tolist()
    emit(
        Predicted(run=job.spec.name, epoch=trainer.epoch, classes=classes, confidences=confidences)
    )


def retrain(job: Job, action: Retrain, emit: Emit) -> None:
    """Train epochs of a recorded run again and tell of each; nothing is written.

    Raises:
        ReproError: the data, the record or the checkpoint cannot be read, or the training failed.
    """
    record, checkpoint = _recorded(job, action.start)
    if not is_comparable(record, emit):
        return
    trainer = _trainer(job, checkpoint)
    for _ in range(action.epochs):
        try:
            again = trainer.train_epoch(report_steps(trainer, emit))
        except TrainingError as error:  # what the record says was finite
            raise EvidenceError(
                sentence("{run}: trained again: {error}", run=job.spec.name, error=error)
            ) from None
        emit(Retrained(run=job.spec.name, record=again))


def run_first_steps(job: Job, emit: Emit) -> None:
    """Do the first steps of each of the report's models on made-up images."""
    on_gpu = job.device == "cuda" and job.spec.engine == "kernels"
    card = gpu(Path(job.home)).name if on_gpu else None
    emit(
        FirstSteps(
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
            from repro.training.torch_engine import Trainer  # noqa: PLC0415 - torch

            trainer = Trainer(each, few)
        digests[model] = trainer.train_epoch().weights_sha256
    return digests


def _instructions(spec: RunSpec) -> str:
    """The vector instructions that compute a run on the CPU."""
    if spec.engine == "kernels":
        return library.variant()
    import torch  # noqa: PLC0415 - only for its engine

    return str(torch.backends.cpu.get_cpu_capability())


def is_comparable(record: RunRecord, emit: Emit) -> bool:
    """Whether this process is promised the bits of the recorded run; says so where it is not."""
    if record.spec.recipe.code_sha256:
        difference: str | None = _NO_CODE
    elif record.spec.is_earlier:
        difference = EARLIER_ARITHMETIC
    elif record.spec.device == "cuda" and not _has_cuda():
        difference = sentence(
            "it was begun on {card}; no GPU is here", card=record.environment.accelerator
        )
    else:
        here = describe_environment(record.spec)
        difference = explain_difference(record.environment, here, record.spec)
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
        raise DataError(sentence("{run}: expected a recorded run; there is none", run=spec.name))
    if epoch == 0:
        return record, None
    path = store.checkpoint(spec, epoch)
    checkpoint = checkpoints.read(path, spec)
    if checkpoint is None:
        raise DataError(sentence("{path}: expected a checkpoint; nothing is there", path=path))
    then = checkpoint[0]
    if epoch is not None and len(then.epochs) != epoch:
        raise EvidenceError(
            sentence(
                "{path}: expected {epoch} epochs; got {count}",
                path=path,
                epoch=epoch,
                count=len(then.epochs),
            )
        )
    # The last checkpoint is written before the record, and may be an epoch ahead of it.
    common = min(len(then.epochs), len(record.epochs))
    readings = min(len(then.readings), len(record.readings))
    if (
        then.epochs[:common] != record.epochs[:common]
        or then.readings[:readings] != record.readings[:readings]
        or len(then.epochs) > len(record.epochs) + 1
        or not same_arithmetic(then.environment, record.environment, spec)
    ):
        raise EvidenceError(
            sentence("{path}: the checkpoint's history is not that of the record", path=path)
        )
    return record, checkpoint


def _trainer(job: Job, checkpoint: checkpoints.Checkpoint | None) -> Solo:
    if job.spec.recipe.code_sha256:
        raise DataError(sentence("{run}: {why}", run=job.spec.name, why=_NO_CODE))
    trainer = trainer_for(job)
    if checkpoint:
        record, state = checkpoint
        trainer.restore(state, record.epochs, record.readings)
    return trainer
