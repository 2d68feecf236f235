"""Trains many runs together on an NVIDIA GPU, each to the bits that it has on a CPU. No torch."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from repro import streams
from repro.data.dataset import Dataset
from repro.errors import TrainingError, listed, sentence
from repro.kernels import networks
from repro.kernels.cuda.device import Device
from repro.kernels.cuda.group import Group, Member
from repro.runs.digests import Arrays, arrays_digest
from repro.spec import RunSpec
from repro.training.history import History, from_groups
from repro.training.kernel_engine import check_last_batch, judged

MOST_TOGETHER: Mapping[str, int] = {"net": 120, "improved": 40, "resnet": 30}
"""Runs of a network that a card trains at once: more gain little, and take memory."""


def kind_of(spec: RunSpec) -> object:
    """What runs have to have in common to be trained together. They may differ in seed, activation,
    learning rate, momentum, scaling of pixels, order, JPEG quality and initial weights."""
    alike = dataclasses.replace(
        spec.recipe, activation="relu", learning_rate=0.01, momentum=0.0, pixels="unit",
        order="shuffled", jpeg_quality=0, initial_weights="torch",
    )  # fmt: skip
    return dataclasses.replace(spec, recipe=alike, seed=0)


class Run(History):
    """One run, moved on by :class:`Together`.

    `test_labels` are uint8 (N,), in the official order.
    """

    def __init__(self, spec: RunSpec, test_labels: npt.NDArray[np.uint8]) -> None:
        super().__init__(spec, test_labels)
        recipe = spec.recipe
        self.weights: Arrays = dict(
            streams.initial_weights(recipe.architecture, spec.seed, recipe.initial_weights)
        )
        self.moments: Arrays = {}

    def state(self) -> Arrays:
        """All tensors that the run goes on from, here or on a CPU."""
        return from_groups(model=self.weights, optimiser=self.moments, predictions=self.predictions)

    def _take_up(self, model: Arrays, optimiser: Arrays, _: int) -> Arrays:
        shapes, given = (
            {name: value.shape for name, value in each.items()} for each in (self.weights, model)
        )
        if given != shapes:
            raise ValueError(sentence("other tensors"))
        self.weights, self.moments = model, optimiser
        return model


class Together:
    """Runs of one kind that are equally far, moved on by an epoch at a time.

    Raises:
        ValueError: the runs are not of one kind, or not equally far.
        TrainingError: the network cannot take its batches, or the card fails.
    """

    def __init__(self, runs: Sequence[Run], dataset: Dataset, device: Device) -> None:
        kinds, epochs = {kind_of(run.spec) for run in runs}, {run.epoch for run in runs}
        if len(kinds) != 1 or len(epochs) != 1:
            raise ValueError(
                sentence(
                    "runs: expected one kind, equally far; got {count} kinds after {epochs} epochs",
                    count=len(kinds),
                    epochs=listed(sorted(epochs)),
                )
            )
        self.runs, self.epoch = list(runs), epochs.pop()
        recipe = self._recipe = runs[0].spec.recipe
        splits = [
            streams.split(len(dataset.train_labels), run.spec.seed, recipe.training_images)
            for run in runs
        ]
        self._training = [train for train, _ in splits]
        self._validation = np.stack([validation for _, validation in splits]).astype(np.int32)
        check_last_batch(runs[0].spec, len(self._training[0]))
        self._labels = dataset.train_labels
        qualities = {run.spec.recipe.jpeg_quality for run in runs}
        pictures = {each: _pictures(dataset.in_jpeg(each).train_images) for each in qualities}
        self._test_pictures = _pictures(dataset.test_images)
        self._group = Group(
            device, [_member(run.spec) for run in runs],
            [pictures[run.spec.recipe.jpeg_quality] for run in runs], dataset.train_labels,
            batch=recipe.batch_size, optimiser=recipe.optimiser,
        )  # fmt: skip
        steps = self.epoch * -(-len(self._training[0]) // recipe.batch_size)
        self._group.load([run.weights for run in runs], [run.moments for run in runs], steps)
        self._pool = ThreadPoolExecutor(os.cpu_count())
        self._drawn: tuple[int, list[Future[npt.NDArray[np.int64]]]] = (0, [])

    def close(self) -> None:
        """Give the card's memory back."""
        self._group.close()
        self._pool.shutdown()

    def train_epoch(self) -> dict[RunSpec, TrainingError]:
        """Train, validate and add an epoch to every run. A run's seconds are its share.

        Returns those whose loss is no longer a finite number, which get no epoch, and why.
        """
        start = time.perf_counter()
        epoch = self.epoch + 1
        losses = self._group.train(self._orders(epoch), epoch=epoch)
        logits = self._group.predict(
            self._validation, epoch=epoch, dropout=self._recipe.dropout_at_prediction
        )
        states, moments = self._group.states(), self._group.moments()
        share = (time.perf_counter() - start) / len(self.runs)

        def add(number: int) -> TrainingError | None:
            run = self.runs[number]
            loss, accuracy = judged(logits[number], self._labels[self._validation[number]])
            try:
                run.record_epoch(
                    losses[number], len(self._training[number]), validation_loss=loss,
                    validation_accuracy=accuracy, weights_sha256=arrays_digest(states[number]),
                    duration_s=share,
                )  # fmt: skip
            except TrainingError as error:
                return error
            run.weights, run.moments = states[number], moments[number]
            return None

        going = [number for number, run in enumerate(self.runs) if run.epoch == self.epoch]
        found = self._pool.map(add, going)
        self.epoch = epoch
        return {
            self.runs[number].spec: error
            for number, error in zip(going, found, strict=True)
            if error
        }

    def read_test_set(self) -> None:
        """Predict the test images and add a reading to every run whose loss is a number."""
        on = self._recipe.dropout_at_prediction
        classes = self._classes(dropout=on)
        others = self._classes(dropout=not on) if self._recipe.has_dropout else None
        for number, run in enumerate(self.runs):
            if run.epoch == self.epoch:
                run.add_reading(classes[number], None if others is None else others[number])

    def accuracies_with_batch_norm_left_on(self, batch: int) -> list[float]:
        """Each run's: as :meth:`KernelTrainer.accuracy_with_batch_norm_left_on`."""
        logits = self._group.predict(pictures=self._test_pictures, norm_batch=batch)
        return [
            run.accuracy_of(each.argmax(1).astype(np.uint8))
            for run, each in zip(self.runs, logits, strict=True)
        ]

    def _classes(self, *, dropout: bool) -> npt.NDArray[np.uint8]:
        logits = self._group.predict(
            pictures=self._test_pictures, epoch=self.epoch, dropout=dropout
        )
        classes: npt.NDArray[np.uint8] = logits.argmax(2).astype(np.uint8)
        return classes

    def _orders(self, epoch: int) -> npt.NDArray[np.int32]:
        """Those of `epoch`; the next ones are begun, so that the card does not wait for them."""
        known, drawn = self._drawn
        if known != epoch:
            drawn = self._draw(epoch)
        self._drawn = epoch + 1, self._draw(epoch + 1)
        return np.stack([each.result() for each in drawn]).astype(np.int32)

    def _draw(self, epoch: int) -> list[Future[npt.NDArray[np.int64]]]:
        return [
            self._pool.submit(streams.order, train, run.spec.seed, epoch, run.spec.recipe.order)
            for run, train in zip(self.runs, self._training, strict=True)
        ]


def _pictures(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Channels innermost."""
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def _member(spec: RunSpec) -> Member:
    recipe = spec.recipe
    return Member(
        table=networks.table(recipe.architecture, recipe.activation, recipe.dropout),
        seed=spec.seed, learning_rate=recipe.learning_rate, momentum=recipe.momentum,
        pixels=recipe.pixels,
    )  # fmt: skip
