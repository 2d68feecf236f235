"""What a run in memory has been through so far, whatever engine trains it."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from repro.data.layout import Bytes
from repro.errors import EvidenceError, TrainingError, sentence
from repro.runs import checkpoints
from repro.runs.digests import Arrays, arrays_digest
from repro.runs.environments import Environment
from repro.runs.records import EpochRecord, Reading, RunRecord, Switched
from repro.runs.store import Store
from repro.spec import RunSpec

OnStep = Callable[[int, int, float], None]
"""Called now and then during an epoch with the steps done, the steps in all and the last loss."""


class History(ABC):
    """A run in memory, whatever moves it on: the epochs, the readings of the test set and the
    predictions so far.

    `test_labels` are uint8 (N,), in the official order.
    """

    def __init__(self, spec: RunSpec, test_labels: Bytes) -> None:
        self.spec = spec
        self.epochs: list[EpochRecord] = []
        self.readings: list[Reading] = []
        self.predictions: dict[str, npt.NDArray[np.uint8]] = {}
        self._test_labels = test_labels

    @property
    def epoch(self) -> int:
        """Number of epochs trained so far."""
        return len(self.epochs)

    def save(self, environment: Environment, store: Store) -> RunRecord:
        """Write the run as it stands to `store`, and return its record.

        Raises:
            DiskError: the file system refuses; what was there before is untouched.
        """
        record = RunRecord(
            spec=self.spec, environment=environment,
            epochs=tuple(self.epochs), readings=tuple(self.readings),
        )  # fmt: skip
        checkpoints.write(record, self.state(), self.predictions, store)
        return record

    @abstractmethod
    def state(self) -> Arrays:
        """All tensors that :meth:`restore` needs to go on as if nothing had happened."""

    def restore(
        self,
        state: Mapping[str, npt.NDArray[Any]],
        epochs: tuple[EpochRecord, ...],
        readings: tuple[Reading, ...],
    ) -> None:
        """Take up a run where :meth:`state`, of any device, left it.

        Raises:
            EvidenceError: the tensors are not this network's, or not those that the history names.
        """
        groups = in_groups(state)
        try:
            weights = self._take_up(groups["model"], groups["optimiser"], len(epochs))
        except ValueError as error:
            raise EvidenceError(
                sentence(
                    "{run}: not a checkpoint of this run: {error}", run=self.spec.name, error=error
                )
            ) from None
        self._restore_history(weights, groups["predictions"], epochs, readings)

    @abstractmethod
    def _take_up(self, model: Arrays, optimiser: Arrays, epochs: int) -> Arrays:
        """Take up the tensors of a checkpoint after so many epochs; returns the network's weights.

        Raises:
            ValueError: they are another network's.
        """

    def record_epoch(
        self,
        losses: npt.NDArray[np.floating[Any]],
        images: int,
        *,
        validation_loss: float,
        validation_accuracy: float,
        weights_sha256: str,
        duration_s: float,
    ) -> EpochRecord:
        """Add an epoch over `images` images, of whose batches `losses` (steps,) are the means.

        Raises:
            TrainingError: a loss is no longer a finite number.
        """
        epoch, batch = self.epoch + 1, self.spec.recipe.batch_size
        if not np.isfinite(losses).all() or not math.isfinite(validation_loss):
            raise TrainingError(
                sentence(
                    "{run}: the loss is no longer finite in epoch {epoch}; the recipe "
                    "diverges (learning rate {learning_rate:g})",
                    run=self.spec.name,
                    epoch=epoch,
                    learning_rate=self.spec.recipe.learning_rate,
                )
            )
        sizes = (min(batch, images - at) for at in range(0, images, batch))
        # Summed exactly: the order of numpy's sums depends on the CPU.
        total = math.fsum(float(loss) * size for loss, size in zip(losses, sizes, strict=True))
        record = EpochRecord(
            epoch=epoch,
            train_loss=total / images,
            last_batch_loss=float(losses[-1]),
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            weights_sha256=weights_sha256,
            duration_s=round(duration_s, 3),
        )
        self.epochs.append(record)
        return record

    def add_reading(
        self, classes: npt.NDArray[np.uint8], others: npt.NDArray[np.uint8] | None
    ) -> Reading:
        """Add a reading to the history: the network predicts `classes`, uint8 (10,000,), and
        `others` with dropout on instead of off, or off instead of on."""
        self.predictions[str(self.epoch)] = classes
        switched = None
        if others is not None:
            self.predictions[f"{self.epoch}-switched"] = others
            switched = Switched(
                accuracy=self.accuracy_of(others), predictions_sha256=_digest(others)
            )
        reading = Reading(
            epoch=self.epoch,
            accuracy=self.accuracy_of(classes),
            predictions_sha256=_digest(classes),
            switched=switched,
        )
        self.readings.append(reading)
        return reading

    def _restore_history(
        self,
        weights: Arrays,
        predictions: Mapping[str, npt.NDArray[Any]],
        epochs: tuple[EpochRecord, ...],
        readings: tuple[Reading, ...],
    ) -> None:
        """Take up the history of a checkpoint, if it names these weights and predictions.

        Raises:
            EvidenceError: it names others.
        """
        if not epochs or arrays_digest(weights) != epochs[-1].weights_sha256:
            raise EvidenceError(
                sentence(
                    "{run}: the checkpoint's weights are not those of its history",
                    run=self.spec.name,
                )
            )
        held = {name: _digest(classes) for name, classes in predictions.items()}
        if held != {name: each for reading in readings for name, each in reading.digests.items()}:
            raise EvidenceError(
                sentence(
                    "{run}: the checkpoint's predictions are not those of its history",
                    run=self.spec.name,
                )
            )
        self.epochs, self.readings = list(epochs), list(readings)
        self.predictions = dict(predictions)

    def accuracy_of(self, classes: npt.NDArray[np.uint8]) -> float:
        """Share of the test images whose class, uint8 (N,), is right."""
        return int((classes == self._test_labels).sum()) / len(self._test_labels)


class Solo(History):
    """A run that its engine moves on by itself."""

    @abstractmethod
    def train_epoch(self, on_step: OnStep | None = None) -> EpochRecord:
        """Train on every training image once, validate, and add the epoch to the history.

        Raises:
            TrainingError: the loss is no longer finite, or the network cannot take a batch.
        """

    @abstractmethod
    def predict_test_set(self, *, dropout_on: bool) -> npt.NDArray[np.uint8]:
        """Predict the class of every test image, uint8 (10,000,), in the official order, with
        dropout on or off; a network without dropout has one answer."""

    @abstractmethod
    def test_confidences(self) -> npt.NDArray[np.float32]:
        """What the softmax gives the predicted class of every test image: float32 (10,000,), in
        [0.1, 1], with dropout as the recipe says."""

    def read_test_set(self) -> Reading:
        """Predict the test images and add the accuracy and the predictions to the history."""
        on = self.spec.recipe.dropout_at_prediction
        others = self.predict_test_set(dropout_on=not on) if self.spec.recipe.has_dropout else None
        return self.add_reading(self.predict_test_set(dropout_on=on), others)


def in_groups(state: Mapping[str, npt.NDArray[Any]]) -> dict[str, Arrays]:
    """A checkpoint's tensors by the first part of their names: model, optimiser, predictions."""
    groups: dict[str, Arrays] = {"model": {}, "optimiser": {}, "predictions": {}}
    for name, value in state.items():
        group, _, rest = name.partition(".")
        groups.setdefault(group, {})[rest] = value
    return groups


def from_groups(**groups: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    """The inverse of :func:`in_groups`."""
    return {f"{group}.{name}": value for group in groups for name, value in groups[group].items()}


def _digest(classes: npt.NDArray[np.uint8]) -> str:
    return hashlib.sha256(classes.tobytes()).hexdigest()
