"""Trains one run, epoch by epoch, to the same bits every time."""

from __future__ import annotations

import functools
import hashlib
import math
import platform
import time
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from repro import fast, models
from repro.data.dataset import Dataset, split
from repro.data.layout import IMAGE_SHAPE
from repro.errors import EvidenceError, TrainingError
from repro.models import SeededDropout
from repro.optimisers import SGD, Adam, Optimiser
from repro.profiles import is_x86_64, require
from repro.records import EpochRecord, Reading
from repro.spec import Profile, Purpose, RunSpec, stream_seed

PREDICTION_BATCH = 100
"""Images per forward pass where nothing is learned; part of what the bits depend on. As many as a
core's cache holds: 500 are no faster, and take 150 MB more."""

_PIXEL_STATISTICS = {
    "unit": None,
    "symmetric": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}

Report = Callable[[int, int, float], None]
"""Called now and then during an epoch with the steps done, the steps in all and the last loss."""


def prepare_torch(profile: Profile) -> None:
    """Put torch into the deterministic state that `profile` promises.

    Raises:
        TrainingError: the profile was not put in force before torch was imported, or this CPU
            cannot keep what it promises; other bits would come out.
    """
    require(profile)
    capability = torch.backends.cpu.get_cpu_capability()
    if profile == "portable" and is_x86_64(platform.machine()) and capability != "AVX2":
        raise TrainingError(
            f"the portable profile needs a CPU with AVX2; torch runs with {capability} here "
            "(`--profile native` promises the same bits on this machine only)"
        )
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    # Otherwise deterministic mode fills all fresh memory with NaN, a tenth of ResNet's time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def to_input(images: Tensor, pixels: str) -> Tensor:
    """Scale bytes uint8 (B, 3, 32, 32) to a network's input, float32 of the same shape and layout.

    The bits are those of torchvision's ToTensor and Normalize.
    """
    x = images.float().div_(255)
    if _PIXEL_STATISTICS[pixels] is None:
        return x
    mean, deviation = _pixel_statistics(pixels, x.device)
    return x.sub_(mean).div_(deviation)


@functools.cache
def _pixel_statistics(pixels: str, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and deviation, float32 (3, 32, 32), channels innermost in memory as in the images:
    numbers that lie side by side are scaled eight at a time."""
    mean, deviation = (
        torch.tensor(each, device=device).repeat(*IMAGE_SHAPE[1:], 1).permute(2, 0, 1)
        for each in _PIXEL_STATISTICS[pixels] or ()
    )
    return mean, deviation


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over name, dtype, shape and little-endian bytes of each tensor, by name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        array = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def weights_digest(model: nn.Module) -> str:
    """:func:`tensors_digest` of every parameter and buffer."""
    return tensors_digest(model.state_dict())


class Trainer:
    """One run in memory: its network, optimiser and history, moved on by one epoch at a time.

    Everything random is drawn on the CPU from the run's own streams, so the initial weights and
    the order of the images are the same on every device. The data set goes to the device once, as
    bytes, and each batch is scaled when it is used.
    """

    def __init__(self, spec: RunSpec, dataset: Dataset) -> None:
        prepare_torch(spec.profile)
        self.spec = spec
        self.epochs: list[EpochRecord] = []
        self.readings: list[Reading] = []
        self.predictions: dict[int, npt.NDArray[np.uint8]] = {}

        self.model = _model(spec)
        self.optimiser = _optimiser(spec, self.model)
        self._dropouts = [m for m in self.model.modules() if isinstance(m, SeededDropout)]

        train, validation = split(len(dataset.train_labels), spec.seed)
        self._train = self._place(dataset.train_images[train], dataset.train_labels[train])
        self._validation = self._place(
            dataset.train_images[validation], dataset.train_labels[validation]
        )
        self._test = self._place(dataset.test_images, dataset.test_labels)

    @property
    def epoch(self) -> int:
        """Number of epochs trained so far."""
        return len(self.epochs)

    def train_epoch(self, report: Report | None = None) -> EpochRecord:
        """Train on every training image once, validate, and add the epoch to the history.

        Raises:
            TrainingError: the loss is no longer a finite number.
        """
        start = time.perf_counter()
        epoch, seed = self.epoch + 1, self.spec.seed
        images, labels = self._train
        batch = self.spec.recipe.batch_size
        shuffle = torch.Generator().manual_seed(stream_seed(seed, "shuffle", epoch))
        order = torch.randperm(len(labels), generator=shuffle).to(labels.device)
        batches = torch.split(order, batch)
        losses = torch.empty(len(batches), device=labels.device)

        self.model.train()
        self._reseed_dropout("dropout", epoch)
        parameters = list(self.model.parameters())
        for step, indices in enumerate(batches):
            x = self._input(images.index_select(0, indices))
            loss = F.cross_entropy(self.model(x), labels.index_select(0, indices))
            self.optimiser.step(torch.autograd.grad(loss, parameters))
            losses[step] = loss.detach()
            if report and step % 100 == 0 and math.isfinite(value := loss.item()):
                report(step, len(batches), value)

        sizes = torch.tensor([len(indices) for indices in batches], dtype=torch.float64)
        validation_loss, validation_accuracy = self._validate(epoch)
        if not bool(losses.isfinite().all()) or not math.isfinite(validation_loss):
            raise TrainingError(
                f"{self.spec.name}: the loss is no longer finite in epoch {epoch}; "
                f"the recipe diverges (learning rate {self.spec.recipe.learning_rate:g})"
            )
        record = EpochRecord(
            epoch=epoch,
            train_loss=float((losses.cpu().double() * sizes).sum() / sizes.sum()),
            last_batch_loss=float(losses[-1]),
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            weights_sha256=weights_digest(self.model),
            duration_s=round(time.perf_counter() - start, 3),
        )
        self.epochs.append(record)
        return record

    def predict_test_set(self) -> npt.NDArray[np.uint8]:
        """Predict the class of every test image, uint8 (10,000,), in the official order."""
        predicted = self._logits(self._test[0], self.epoch).argmax(1)
        return predicted.to("cpu", torch.uint8).numpy()

    def read_test_set(self) -> Reading:
        """Predict the test images and add the accuracy and the predictions to the history."""
        classes = self.predict_test_set()
        labels = self._test[1].cpu().numpy()
        reading = Reading(
            epoch=self.epoch,
            accuracy=int((classes == labels).sum()) / len(labels),
            predictions_sha256=_digest(classes),
        )
        self.predictions[self.epoch] = classes
        self.readings.append(reading)
        return reading

    def state(self) -> dict[str, Tensor]:
        """All tensors that :meth:`restore` needs to go on as if nothing had happened."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"optimiser.{name}": value for name, value in self.optimiser.state().items()}
        tensors |= {
            f"predictions.{epoch}": torch.from_numpy(classes)
            for epoch, classes in self.predictions.items()
        }
        return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}

    def restore(
        self,
        state: Mapping[str, Tensor],
        epochs: tuple[EpochRecord, ...],
        readings: tuple[Reading, ...],
    ) -> None:
        """Take up a run where :meth:`state` left it.

        Raises:
            EvidenceError: the tensors are not this network's, or not those that the history names.
        """
        groups: dict[str, dict[str, Tensor]] = {"model": {}, "optimiser": {}, "predictions": {}}
        for name, value in state.items():
            group, _, rest = name.partition(".")
            groups.setdefault(group, {})[rest] = value
        try:
            self.model.load_state_dict(groups["model"])
            self.optimiser.restore(groups["optimiser"])
        except (RuntimeError, ValueError, KeyError) as error:
            message = " ".join(str(error).split())
            raise EvidenceError(
                f"{self.spec.name}: not a checkpoint of this run: {message}"
            ) from None
        if not epochs or weights_digest(self.model) != epochs[-1].weights_sha256:
            raise EvidenceError(
                f"{self.spec.name}: the checkpoint's weights are not those of its history"
            )
        predictions = {int(k): v.numpy() for k, v in groups["predictions"].items()}
        held = {epoch: _digest(classes) for epoch, classes in predictions.items()}
        if held != {reading.epoch: reading.predictions_sha256 for reading in readings}:
            raise EvidenceError(
                f"{self.spec.name}: the checkpoint's predictions are not those of its history"
            )
        self.epochs, self.readings, self.predictions = list(epochs), list(readings), predictions

    def _place(
        self, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]
    ) -> tuple[Tensor, Tensor]:
        """Bytes (N, 32, 32, 3), channels innermost, and labels int64 (N,), on the device."""
        rows = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        placed = torch.from_numpy(rows).to(self.spec.device)
        return placed, torch.from_numpy(labels).long().to(self.spec.device)

    def _input(self, images: Tensor) -> Tensor:
        return to_input(images.permute(0, 3, 1, 2), self.spec.recipe.pixels)

    def _reseed_dropout(self, purpose: Purpose, epoch: int) -> None:
        for dropout in self._dropouts:
            dropout.generator.manual_seed(stream_seed(self.spec.seed, purpose, epoch))

    @torch.no_grad()
    def _logits(self, images: Tensor, epoch: int) -> Tensor:
        """Float32 (N, 10) for bytes (N, 32, 32, 3), with dropout as the recipe says."""
        self.model.eval()
        self._reseed_dropout("prediction", epoch)
        for dropout in self._dropouts:
            dropout.train(self.spec.recipe.dropout_at_prediction)
        return torch.cat(
            [self.model(self._input(x)) for x in torch.split(images, PREDICTION_BATCH)]
        )

    def _validate(self, epoch: int) -> tuple[float, float]:
        images, labels = self._validation
        logits = self._logits(images, epoch)
        logits, labels = logits.cpu().double(), labels.cpu()  # MPS has no float64
        loss = F.cross_entropy(logits, labels)
        return float(loss), int((logits.argmax(1) == labels).sum()) / len(labels)


def _digest(classes: npt.NDArray[np.uint8]) -> str:
    return hashlib.sha256(classes.tobytes()).hexdigest()


def _model(spec: RunSpec) -> nn.Module:
    """The network with its initial weights on its device; on the CPU, with its faster layers."""
    if spec.device == "cpu":
        # The portable profile holds MKL to its slowest code.
        available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        onednn = spec.profile == "portable" and available
        return fast.build(spec.recipe, seed=spec.seed, onednn=onednn)
    model = models.build(spec.recipe, seed=spec.seed).to(spec.device)
    return model.to(memory_format=torch.channels_last)


def _optimiser(spec: RunSpec, model: nn.Module) -> Optimiser:
    recipe, parameters = spec.recipe, list(model.parameters())
    if recipe.optimiser == "adam":
        return Adam(parameters, learning_rate=recipe.learning_rate)
    return SGD(parameters, learning_rate=recipe.learning_rate, momentum=recipe.momentum)
