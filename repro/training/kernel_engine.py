"""Trains one run with the C kernels, epoch by epoch, to the same bits on every CPU. No torch."""

from __future__ import annotations

import math
import time

import numpy as np
import numpy.typing as npt

from repro import streams
from repro.data.dataset import Dataset
from repro.errors import TrainingError, sentence
from repro.kernels import binding, library, networks
from repro.runs.digests import Arrays, arrays_digest
from repro.runs.records import EpochRecord
from repro.spec import RunSpec
from repro.training.history import OnStep, Solo, from_groups

_STEPS_AT_A_TIME = 100
"""Steps between two reports."""

_PREDICTED_AT_A_TIME = 20
"""Images of a forward pass where nothing is learned, at least. No bit depends on it."""


class KernelTrainer(Solo):
    """One run in memory: its network, optimiser and history, moved on by one epoch at a time.

    `threads` cores compute a step together; no bit depends on their number.

    Raises:
        TrainingError: this CPU cannot run the kernels, or the network cannot take its batches.
    """

    def __init__(self, spec: RunSpec, dataset: Dataset, *, threads: int = 1) -> None:
        super().__init__(spec, dataset.test_labels)
        recipe = spec.recipe
        dataset = dataset.in_jpeg(recipe.jpeg_quality)
        self.train, self.validation = streams.split(
            len(dataset.train_labels), spec.seed, recipe.training_images
        )
        check_last_batch(spec, len(self.train))
        # The data set has channels innermost in memory, so that these are no copies.
        self._train_images, self._test_images = (
            np.ascontiguousarray(images.transpose(0, 2, 3, 1))
            for images in (dataset.train_images, dataset.test_images)
        )
        self._train_labels = dataset.train_labels
        self._threads = threads
        self._network = self._build(max(recipe.batch_size, _PREDICTED_AT_A_TIME))
        self._network.load(
            streams.initial_weights(recipe.architecture, spec.seed, recipe.initial_weights)
        )

    def _build(self, capacity: int) -> binding.Network:
        recipe = self.spec.recipe
        return binding.Network(
            library.load(),
            networks.table(recipe.architecture, recipe.activation, recipe.dropout),
            batch=recipe.batch_size,
            capacity=capacity,
            pixels=recipe.pixels,
            optimiser=recipe.optimiser,
            learning_rate=recipe.learning_rate,
            momentum=recipe.momentum,
            threads=self._threads,
        )

    def train_epoch(self, on_step: OnStep | None = None) -> EpochRecord:
        """Train on every training image once, validate, and add the epoch to the history.

        Raises:
            TrainingError: the loss is no longer finite.
        """
        start = time.perf_counter()
        epoch = self.epoch + 1
        order = streams.order(self.train, self.spec.seed, epoch, self.spec.recipe.order)
        losses = self.train_on(order, epoch, on_step)
        logits = self._logits(
            self._train_images, self.validation, epoch, self.spec.recipe.dropout_at_prediction
        )
        loss, accuracy = judged(logits, self._train_labels[self.validation])
        return self.record_epoch(
            losses,
            len(self.train),
            validation_loss=loss,
            validation_accuracy=accuracy,
            weights_sha256=arrays_digest(self._network.state()),
            duration_s=time.perf_counter() - start,
        )

    def train_on(
        self, order: npt.NDArray[np.int64], epoch: int, on_step: OnStep | None = None
    ) -> npt.NDArray[np.float32]:
        """Train on the images of the data set that `order` (N,) names, batch by batch, and return
        each batch's loss, float32 (steps,)."""
        batch = self.spec.recipe.batch_size
        steps = -(-len(order) // batch)
        losses = np.empty(steps, np.float32)
        for step in range(0, steps, _STEPS_AT_A_TIME):
            first, end = step * batch, (step + _STEPS_AT_A_TIME) * batch
            part = self._network.train(
                self._train_images, self._train_labels, order[first:end],
                seed=self.spec.seed, epoch=epoch, first=first,
            )  # fmt: skip
            losses[step : step + len(part)] = part
            if on_step and math.isfinite(value := float(part[-1])):
                on_step(step + len(part), steps, value)
        return losses

    def test_confidences(self) -> npt.NDArray[np.float32]:
        """What the softmax gives the predicted class of every test image: float32 (10,000,), in
        [0.1, 1], with dropout as the recipe says."""
        dropout = self.spec.recipe.dropout_at_prediction
        logits = self._logits(self._test_images, None, self.epoch, dropout)
        return binding.judge(library.load(), logits, self._test_labels)[1].astype(np.float32)

    def accuracy_with_batch_norm_left_on(self, batch: int) -> float:
        """Share of the test images that is right with batch norm in training mode, as a forgotten
        ``eval()`` leaves it: its statistics are those of each `batch` images, in the official
        order. Nothing of the run changes."""
        network = self._build(max(batch, self.spec.recipe.batch_size))
        network.load(self._network.state())
        logits = network.predict(self._test_images, norm_batch=batch)
        return self.accuracy_of(logits.argmax(1).astype(np.uint8))

    def predict_test_set(self, *, dropout_on: bool) -> npt.NDArray[np.uint8]:
        logits = self._logits(self._test_images, None, self.epoch, dropout_on)
        classes: npt.NDArray[np.uint8] = logits.argmax(1).astype(np.uint8)
        return classes

    def state(self) -> Arrays:
        """All tensors that :meth:`restore` needs to go on as if nothing had happened."""
        return from_groups(
            model=self._network.state(),
            optimiser=self._network.moments(),
            predictions=self.predictions,
        )

    def _take_up(self, model: Arrays, optimiser: Arrays, epochs: int) -> Arrays:
        steps = epochs * -(-len(self.train) // self.spec.recipe.batch_size)
        self._network.restore(model, optimiser, steps)
        return model

    def _logits(
        self,
        images: npt.NDArray[np.uint8],
        indices: npt.NDArray[np.int64] | None,
        epoch: int,
        dropout: bool,
    ) -> npt.NDArray[np.float32]:
        """Float32 (N, 10) for bytes (N, 32, 32, 3), or for those of them that `indices` name."""
        return self._network.predict(
            images, indices, seed=self.spec.seed, epoch=epoch, dropout=dropout
        )


def judged(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8]) -> tuple[float, float]:
    """Mean cross-entropy, NaN where one is not finite, and share of right answers of logits (N, 10)
    for labels uint8 (N,)."""
    each, _ = binding.judge(library.load(), logits, labels)
    finite = bool(np.isfinite(each).all())
    return (
        math.fsum(each.tolist()) / len(labels) if finite else math.nan,
        int((logits.argmax(1) == labels).sum()) / len(labels),
    )


def check_last_batch(spec: RunSpec, images: int) -> None:
    """Refuse batches of one image where batch norm has to take statistics of them.

    Raises:
        TrainingError: the run has such a batch.
    """
    recipe = spec.recipe
    last = images % recipe.batch_size or recipe.batch_size
    if recipe.architecture == "resnet" and 1 in {last, recipe.batch_size}:
        raise TrainingError(
            sentence(
                "{run}: batch norm needs two images or more in every batch; batches of "
                "{batch_size} from {images} images leave one of 1",
                run=spec.name,
                batch_size=recipe.batch_size,
                images=images,
            )
        )
