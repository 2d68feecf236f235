"""Trains one run with torch, epoch by epoch: on a GPU, and for networks of other reports."""

from __future__ import annotations

import functools
import math
import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from repro import streams
from repro.data.dataset import Dataset
from repro.data.layout import IMAGE_SHAPE, Bytes
from repro.determinism import is_x86_64, require
from repro.errors import TrainingError, sentence
from repro.networks import models
from repro.networks.models import SeededDropout
from repro.runs.digests import Arrays, arrays_digest
from repro.runs.records import EpochRecord
from repro.spec import PIXEL_STATISTICS, Device, Pixels, Purpose, RunSpec, stream_seed
from repro.training import optimisers
from repro.training.history import OnStep, Solo, from_groups

PREDICTION_BATCH = 100
"""Images per forward pass where nothing is learned; part of what the bits depend on. As many as a
core's cache holds: 500 are no faster, and take 150 MB more."""


def prepare_torch() -> None:
    """Put torch into the deterministic state that its level promises.

    Raises:
        TrainingError: its environment was not put in force before torch was imported, or this CPU
            cannot keep what is promised; other bits would come out.
    """
    require()
    capability = torch.backends.cpu.get_cpu_capability()
    if is_x86_64(platform.machine()) and capability != "AVX2":
        raise TrainingError(
            sentence(
                "the torch engine needs a CPU with AVX2; torch runs with {capability} here",
                capability=capability,
            )
        )
    torch.set_num_threads(1)
    # The same switch as use_deterministic_algorithms, which imports the compiler: 1 s and 150 MB.
    torch.set_deterministic_debug_mode("error")
    # Otherwise deterministic mode fills all fresh memory with NaN, a tenth of ResNet's time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    _forbid_tf32()


def _forbid_tf32() -> None:
    """Products in float32, not TF32, each operation by itself: where only `allow_tf32` is off, a
    later `torch.backends.fp32_precision = "tf32"` overrules it. Older versions know `allow_tf32`
    alone."""
    if not hasattr(torch.backends.cudnn, "conv"):
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
        return
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    torch.backends.cudnn.conv.fp32_precision = "ieee"
    torch.backends.cudnn.rnn.fp32_precision = "ieee"  # type: ignore[attr-defined]


def to_input(images: Tensor, pixels: Pixels) -> Tensor:
    """Scale bytes uint8 (B, 3, 32, 32) to a network's input, float32 of the same shape and layout.

    The bits are those of torchvision's ToTensor and Normalize.
    """
    x = images.float().div_(255)
    if PIXEL_STATISTICS[pixels] is None:
        return x
    mean, deviation = _pixel_statistics(pixels, x.device)
    return x.sub_(mean).div_(deviation)


@functools.cache
def _pixel_statistics(pixels: Pixels, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and deviation, float32 (3, 32, 32), channels innermost in memory as in the images:
    numbers that lie side by side are scaled eight at a time."""
    mean, deviation = (
        torch.tensor(each, device=device).repeat(*IMAGE_SHAPE[1:], 1).permute(2, 0, 1)
        for each in PIXEL_STATISTICS[pixels] or ()
    )
    return mean, deviation


def as_arrays(tensors: Mapping[str, Tensor]) -> Arrays:
    """The same numbers on the CPU, by the same names."""
    return {n: t.detach().cpu().contiguous().numpy() for n, t in tensors.items()}


def as_tensors(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Tensor]:
    """The inverse of :func:`as_arrays`: copies."""
    return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}


def weights_digest(model: nn.Module) -> str:
    """Digest of every parameter and buffer."""
    return arrays_digest(as_arrays(model.state_dict()))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Placed:
    """A data set on a device: images as bytes (N, 32, 32, 3), channels innermost, and labels
    int64 (N,). On the CPU CIFAR-10's images are those that are mapped, not copies."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


def _place(dataset: Dataset, device: Device) -> _Placed:

    def images(array: Bytes) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array.transpose(0, 2, 3, 1))).to(device)

    def labels(array: Bytes) -> Tensor:
        return torch.from_numpy(array.astype(np.int64)).to(device)

    return _Placed(
        train_images=images(dataset.train_images),
        train_labels=labels(dataset.train_labels),
        test_images=images(dataset.test_images),
        test_labels=labels(dataset.test_labels),
    )


class Trainer(Solo):
    """One run in memory: its network, optimiser and history, moved on by one epoch at a time.

    Everything random is drawn on the CPU from the run's own streams, so the initial weights and
    the order of the images are the same on every device. The data set goes to the device once, as
    bytes, and each batch is scaled when it is used. `code` is the file that has the network, where
    the recipe names one.
    """

    def __init__(self, spec: RunSpec, dataset: Dataset, *, code: str = "") -> None:
        prepare_torch()
        self.data = _place(dataset.in_jpeg(spec.recipe.jpeg_quality), spec.device)
        super().__init__(spec, self.data.test_labels.cpu().numpy().astype(np.uint8))
        self.model = models.build(spec.recipe, seed=spec.seed, code=code).to(spec.device)
        # Channels innermost are faster on a CPU. A network of one's own may use `view`, which wants
        # the layout that a plain loop has.
        self._channels_last = spec.device == "cpu" and not spec.recipe.code_sha256
        if self._channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)
        self._trained = [each for each in self.model.parameters() if each.requires_grad]
        self.optimiser = optimisers.make(spec.recipe, self._trained)
        self._dropouts = [m for m in self.model.modules() if isinstance(m, SeededDropout)]
        self.train, self.validation = (
            torch.from_numpy(indices)
            for indices in streams.split(
                len(self.data.train_labels), spec.seed, spec.recipe.training_images
            )
        )

    def train_epoch(self, on_step: OnStep | None = None) -> EpochRecord:
        """Train on every training image once, validate, and add the epoch to the history.

        Raises:
            TrainingError: the loss is no longer finite, or the network cannot take a batch.
        """
        start = time.perf_counter()
        epoch = self.epoch + 1
        self._reseed_dropout("dropout", epoch)
        losses = self.train_on(self.order(epoch), on_step)
        dropout = self.spec.recipe.dropout_at_prediction
        logits = self._logits(self.data.train_images, self.validation, epoch, dropout)
        duration_s = time.perf_counter() - start
        logits = logits.cpu().double()  # MPS has no float64
        labels = self.data.train_labels.cpu()[self.validation]
        return self.record_epoch(
            losses.cpu().double().numpy(),
            len(self.train),
            validation_loss=float(F.cross_entropy(logits, labels)),
            validation_accuracy=int((logits.argmax(1) == labels).sum()) / len(labels),
            weights_sha256=weights_digest(self.model),
            duration_s=duration_s,
        )

    def train_on(self, order: Tensor, on_step: OnStep | None = None) -> Tensor:
        """Train on the images of the data set that `order` names, int64 (N,), batch by batch.

        Returns each batch's loss, float32 (steps,), on the device.

        Raises:
            TrainingError: the network cannot take such a batch.
        """
        images, labels = self.data.train_images, self.data.train_labels
        batches = torch.split(order.to(labels.device), self.spec.recipe.batch_size)
        losses = torch.empty(len(batches), device=labels.device)
        self.model.train()
        for step, indices in enumerate(batches):
            x = self._input(images.index_select(0, indices))
            logits = forward(self.model, x, self.spec)
            loss = F.cross_entropy(logits, labels.index_select(0, indices))
            gradients = torch.autograd.grad(loss, self._trained, allow_unused=True)
            self.optimiser.step(gradients)
            losses[step] = loss.detach()
            if on_step and step % 100 == 0 and math.isfinite(value := loss.item()):
                on_step(step, len(batches), value)
        return losses

    def order(self, epoch: int) -> Tensor:
        """The training images in the order in which `epoch` takes them: indices into the data
        set, int64 (N,), on the CPU."""
        kind = self.spec.recipe.order
        return torch.from_numpy(streams.order(self.train.numpy(), self.spec.seed, epoch, kind))

    def test_confidences(self) -> npt.NDArray[np.float32]:
        """What the softmax gives the predicted class of every test image: float32 (10,000,), in
        [0.1, 1], with dropout as the recipe says."""
        dropout = self.spec.recipe.dropout_at_prediction
        logits = self._logits(self.data.test_images, None, self.epoch, dropout)
        return F.softmax(logits, dim=1).amax(1).cpu().numpy()

    def predict_test_set(self, *, dropout_on: bool) -> npt.NDArray[np.uint8]:
        logits = self._logits(self.data.test_images, None, self.epoch, dropout_on)
        return logits.argmax(1).to("cpu", torch.uint8).numpy()

    def state(self) -> Arrays:
        """All tensors that :meth:`restore` needs to go on as if nothing had happened."""
        return from_groups(
            model=as_arrays(self.model.state_dict()),
            optimiser=as_arrays(self.optimiser.state()),
            predictions=self.predictions,
        )

    def _take_up(self, model: Arrays, optimiser: Arrays, _: int) -> Arrays:
        try:
            self.model.load_state_dict(as_tensors(model))
            self.optimiser.restore(as_tensors(optimiser))
        except (RuntimeError, ValueError, KeyError) as error:
            raise ValueError(" ".join(str(error).split())) from None
        return as_arrays(self.model.state_dict())

    def _reseed_dropout(self, purpose: Purpose, epoch: int) -> None:
        if not self.spec.recipe.is_reports:  # which may draw from torch's own generator
            torch.manual_seed(stream_seed(self.spec.seed, purpose, epoch))
        for layer, dropout in enumerate(self._dropouts):
            dropout.begin(self.spec.seed, purpose, epoch, layer)

    @torch.no_grad()
    def _logits(self, images: Tensor, indices: Tensor | None, epoch: int, dropout: bool) -> Tensor:
        """Float32 (N, 10) for bytes (N, 32, 32, 3), or for those of them that `indices` name."""
        self.model.eval()
        self._reseed_dropout("prediction", epoch)
        for each in self._dropouts:
            each.train(dropout)
        batches: Iterable[Tensor]
        if indices is None:
            batches = torch.split(images, PREDICTION_BATCH)
        else:
            parts = torch.split(indices.to(images.device), PREDICTION_BATCH)
            batches = (images.index_select(0, part) for part in parts)
        return torch.cat([self.model(self._input(batch)) for batch in batches])

    def _input(self, images: Tensor) -> Tensor:
        x = to_input(images.permute(0, 3, 1, 2), self.spec.recipe.pixels)
        return x if self._channels_last else x.contiguous()


def forward(model: nn.Module, images: Tensor, spec: RunSpec) -> Tensor:
    """What `model` makes of a batch while it learns.

    Raises:
        TrainingError: it cannot take the batch. Batch norm wants more than one image, which the
            last batch may be; a network of somebody's own may want anything.
    """
    try:
        logits: Tensor = model(images)
    except (ValueError, RuntimeError, TypeError, IndexError) as error:
        raise TrainingError(
            sentence(
                "{run}: the network fails on a batch of {count} (batch size {batch_size}): {error}",
                run=spec.name,
                count=len(images),
                batch_size=spec.recipe.batch_size,
                error=" ".join(str(error).split()),
            )
        ) from error
    return logits
