"""What `repro bench` lets run against each other: loops that users write, and ours.

Each is a process that loads the data, says that it is ready, and then trains as many steps of
batch 20 as a line of its standard input asks for, or counts its right answers.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from repro import streams
from repro.bench.floor import product_rate, useful_operations
from repro.data.dataset import Dataset, load, synthetic
from repro.data.labels import read_labels
from repro.data.layout import Bytes
from repro.data.png_export import PARTS
from repro.networks import models
from repro.spec import REPORT_RECIPES, RunSpec
from repro.training.history import in_groups
from repro.training.kernel_engine import KernelTrainer
from repro.training.torch_engine import Trainer, as_tensors, to_input

VALIDATED = 2_000
"""Validation images that tell whether two loops have learnt as much."""

_WARM_UP = 10
"""Steps before Lightning's clock starts; the others are warmed by a request of its own."""

Example = tuple[Tensor, int]


def _to_tensor() -> Callable[[Any], Tensor]:
    from torchvision import transforms  # noqa: PLC0415 - two of the loops need it

    steps = [transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)]
    return transforms.Compose(steps)  # type: ignore[no-any-return]


class InMemory(TorchDataset[Example]):
    """As torchvision's CIFAR10: bytes in memory, an image made of each as it is asked for."""

    def __init__(self, images: Bytes, labels: Bytes) -> None:
        self.images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        self.labels = labels.tolist()
        self.transform = _to_tensor()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Example:
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


class Files(TorchDataset[Example]):
    """As the report does: PNG files, opened one by one, and labels from a CSV file."""

    def __init__(self, folder: Path) -> None:
        images, labels = PARTS["train"]
        self.folder = folder / images
        self.labels = read_labels(folder / labels).tolist()
        self.transform = _to_tensor()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Example:
        with Image.open(self.folder / f"{index + 1}.png") as image:
            return self.transform(image), self.labels[index]


class PlainLoop:
    """What a user writes first: a DataLoader, torch's own layers and optimiser, all cores."""

    def __init__(
        self, model: nn.Module, examples: TorchDataset[Example], device: str = "cpu"
    ) -> None:
        self.model, self.device = model.to(device), device
        self.optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
        self.criterion = nn.CrossEntropyLoss()
        self.batches = _for_ever(_loader(examples))

    def train(self, steps: int) -> float:
        start, running_loss = time.perf_counter(), 0.0
        self.model.train()
        for x, y in itertools.islice(self.batches, steps):
            self.optimiser.zero_grad()
            loss = self.criterion(self.model(x.to(self.device)), y.to(self.device))
            loss.backward()
            self.optimiser.step()
            running_loss += loss.item()
        return time.perf_counter() - start


class LightningLoop:
    """PyTorch Lightning's Trainer on the data of the plain loop."""

    def __init__(self, model: nn.Module, examples: TorchDataset[Example]) -> None:
        import lightning  # type: ignore[import-not-found, unused-ignore] # noqa: PLC0415 - an extra

        class Module(lightning.LightningModule):  # type: ignore[misc, unused-ignore]
            def __init__(self) -> None:
                super().__init__()
                self.network = model

            def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
                x, y = batch
                return F.cross_entropy(self.network(x), y)

            def configure_optimizers(self) -> torch.optim.Optimizer:
                return torch.optim.SGD(self.parameters(), lr=0.01)

        class Clock(lightning.Callback):  # type: ignore[misc, unused-ignore]
            start = seconds = 0.0

            def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
                if trainer.global_step == _WARM_UP:
                    self.start = time.perf_counter()

            def on_train_batch_end(self, *_: Any) -> None:
                self.seconds = time.perf_counter() - self.start

        self.lightning, self.module, self.clock = lightning, Module(), Clock
        self.model, self.loader = model, _loader(examples)

    def train(self, steps: int) -> float:
        clock = self.clock()
        trainer = self.lightning.Trainer(
            max_steps=_WARM_UP + steps, accelerator="cpu", callbacks=[clock], logger=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(self.module, self.loader)
        return float(clock.seconds)


class OurLoop:
    """This package's trainer on one core: the torch engine, whose environment this process entered.

    As the others, it has a torch module as `model`.
    """

    def __init__(self, spec: RunSpec, dataset: Dataset) -> None:
        self.trainer = Trainer(spec, dataset)
        self.model, self.batch = self.trainer.model, spec.recipe.batch_size
        orders = (self.trainer.order(epoch) for epoch in itertools.count(1))
        self.indices = itertools.chain.from_iterable(torch.split(o, self.batch) for o in orders)

    def train(self, steps: int) -> float:
        order = torch.cat(list(itertools.islice(self.indices, steps)))
        start = time.perf_counter()
        self.trainer.train_on(order)
        return time.perf_counter() - start


class KernelLoop:
    """The kernels on `threads` cores."""

    def __init__(self, spec: RunSpec, dataset: Dataset, threads: int) -> None:
        self.trainer = KernelTrainer(spec, dataset, threads=threads)
        self.batch = spec.recipe.batch_size
        self.orders = (
            streams.order(self.trainer.train, spec.seed, epoch) for epoch in itertools.count(1)
        )
        self.rest = next(self.orders)
        self.recipe = spec.recipe

    def train(self, steps: int) -> float:
        while len(self.rest) < steps * self.batch:
            self.rest = np.concatenate([self.rest, next(self.orders)])
        order, self.rest = np.split(self.rest, [steps * self.batch])
        start = time.perf_counter()
        self.trainer.train_on(order, 1)
        return time.perf_counter() - start

    @property
    def model(self) -> nn.Module:
        """A torch module with the weights of now."""
        network = models.build(self.recipe, seed=0)
        network.load_state_dict(as_tensors(in_groups(self.trainer.state())["model"]))
        return network


def _loader(examples: TorchDataset[Example]) -> DataLoader[Example]:
    generator = torch.Generator().manual_seed(0)
    return DataLoader(examples, batch_size=20, shuffle=True, num_workers=2, generator=generator)


def _for_ever(loader: DataLoader[Example]) -> Iterator[Any]:
    while True:
        yield from loader


def training_loop(
    which: str, model: str, home: Path, dataset_name: Any, png: Path, threads: int = 1
) -> Any:
    """A plain loop, "files", "lightning", or ours by an engine, the kernels on `threads` cores.

    Raises:
        ValueError: another name.
    """
    recipe = REPORT_RECIPES[model]
    dataset = load(dataset_name, home)
    if which in {"kernels", "torch"}:
        spec = RunSpec(recipe=recipe, seed=0, engine=which, dataset=dataset_name)  # type: ignore[arg-type]
        return KernelLoop(spec, dataset, threads) if which == "kernels" else OurLoop(spec, dataset)
    network = models.build(recipe, seed=0)
    if which == "files":
        return PlainLoop(network, Files(png))
    train, _ = streams.split(len(dataset.train_labels), 0)
    examples = InMemory(dataset.train_images[train], dataset.train_labels[train])
    if which == "plain":
        return PlainLoop(network, examples)
    if which == "lightning":
        return LightningLoop(network, examples)
    raise ValueError(f"loop: expected plain, files, lightning, kernels or torch; got {which}")


@torch.no_grad()
def validation_accuracy(model: nn.Module, dataset: Dataset) -> float:
    """Share of right answers in the first :data:`VALIDATED` validation images, in [0, 1]."""
    _, validation = streams.split(len(dataset.train_labels), 0)
    chosen = validation[:VALIDATED]
    x = to_input(torch.from_numpy(np.ascontiguousarray(dataset.train_images[chosen])), "symmetric")
    model.eval()
    right = model(x).argmax(1).numpy() == dataset.train_labels[chosen]
    return float(right.mean())


def on_device() -> None:
    """Print the seconds of some steps of the plain loop on a device, for
    `benchmarks/first_ten_minutes.py`.

    Arguments: the device, the model, the steps, and where CIFAR-10 is, or nothing for made-up
    images.
    """
    device, model, steps, home = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    data = load("cifar10", Path(home)) if home else synthetic(train=2_000)
    loop = PlainLoop(
        models.build(REPORT_RECIPES[model], seed=0),
        InMemory(data.train_images, data.train_labels),
        device,
    )
    loop.train(max(steps // 10, 2))
    print(loop.train(steps))


def main() -> None:
    """Speak as :mod:`repro.bench.measuring` expects: JSON on standard output, a line a request."""
    given = json.loads(sys.argv[1])
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print

    def say(**answer: Any) -> None:
        out.write(json.dumps(answer) + "\n")
        out.flush()

    home, dataset_name = Path(given["home"]), given["dataset"]
    if given["which"] == "floor":
        torch.set_num_threads(1)
        say(operations=useful_operations(models.build(REPORT_RECIPES[given["model"]], seed=0)))
        for _ in sys.stdin:
            say(rate=product_rate())
        return
    loop = training_loop(
        given["which"], given["model"], home, dataset_name, Path(given["png"]),
        int(given.get("threads", "1")),
    )  # fmt: skip
    say(ready=True, torch=str(torch.__version__))
    for line in sys.stdin:
        if line.strip() == "validate":
            say(accuracy=validation_accuracy(loop.model, load(dataset_name, home)))
        else:
            say(seconds=loop.train(int(line)))
    out.flush()
    os._exit(0)  # loaders' processes are waited for otherwise
