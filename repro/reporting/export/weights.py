"""A trained network for others to load: its weights, what it is, and a model card."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from repro.data.layout import CLASSES, IMAGE_SHAPE
from repro.determinism import guarantee
from repro.errors import UsageError, sentence
from repro.reporting.export.folder import render, whole_folder
from repro.runs.checkpoints import find_weights
from repro.runs.digests import Arrays, arrays_digest
from repro.runs.records import RunRecord
from repro.runs.store import Store
from repro.shell_words import train_command
from repro.spec import PIXEL_STATISTICS, REPORT_RECIPES, Recipe, RunSpec

_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
_NETWORKS = {
    "net": ("Net", "two convolutions and three linear layers, LeNet-5's shape on colour images"),
    "improved": ("ImprovedNet", "three convolutions and three linear layers, with dropout"),
    "resnet": ("ResNet", "torchvision's resnet18 with 10 classes"),
}
_ACTIVATIONS = {"relu": "ReLU", "leaky_relu": "Leaky ReLU", "swish": "Swish", "sigmoid": "Sigmoid"}


def describe(spec: RunSpec, epoch: int, weights: Arrays) -> dict[str, Any]:
    """What `config.json` holds: all that is needed to build the network and to feed it."""
    mean, deviation = PIXEL_STATISTICS[spec.recipe.pixels] or ((0.0,) * 3, (1.0,) * 3)
    return {
        "run": spec.name,
        "digest": spec.digest,
        "epoch": epoch,
        "weights_sha256": arrays_digest(weights),
        "architecture": spec.recipe.architecture,
        "activation": spec.recipe.activation,
        "parameters": sum(
            array.size for name, array in weights.items() if not name.endswith(_BUFFERS)
        ),
        "input_shape": list(IMAGE_SHAPE),
        "pixels": {"divide_by": 255, "mean": list(mean), "std": list(deviation)},
        "classes": list(CLASSES if spec.dataset == "cifar10" else map(str, range(len(CLASSES)))),
        "recipe": spec.to_dict()["recipe"],
        "seed": spec.seed,
        "device": spec.device,
        "engine": spec.engine,
        "dataset": spec.dataset,
    }


def model_card(record: RunRecord, config: dict[str, Any]) -> str:
    """A model card in Hugging Face's form, YAML and then Markdown, filled from the record."""
    spec, epoch = record.spec, config["epoch"]
    environment = record.environment
    machine = environment.platform.rpartition("-")[2]
    return render(
        "model-card.md.j2",
        config=config,
        spec=spec,
        network=_NETWORKS[spec.recipe.architecture],
        title=_title(spec.recipe),
        epoch=epoch,
        at=record.epochs[epoch - 1],
        accuracy=record.accuracies(dropout_on=False).get(epoch),
        dropout_accuracy=(
            record.accuracies(dropout_on=True).get(epoch) if spec.recipe.has_dropout else None
        ),
        environment={k: v for k, v in dataclasses.asdict(environment).items() if v is not None},
        level=guarantee(spec.device, spec.engine, machine),
        command=(
            train_command(spec, epoch) if spec.recipe in REPORT_RECIPES.values() else None
        ),
    )  # fmt: skip


def _title(recipe: Recipe) -> str:
    name = _NETWORKS[recipe.architecture][0]
    return (
        name if recipe.architecture == "resnet" else f"{name} ({_ACTIVATIONS[recipe.activation]})"
    )


def export_weights(store: Store, record: RunRecord, folder: Path, epoch: int | None = None) -> int:
    """Write `model.safetensors`, `config.json` and the card `README.md`; returns the epoch.

    Raises:
        UsageError: no checkpoint of that epoch is stored, `folder` is not empty, or the network is
            not the report's.
        EvidenceError: the checkpoint is not to be believed.
        DiskError: the file system refuses.
    """
    if not record.spec.recipe.is_reports:  # a card cannot say how to build it
        raise UsageError(
            sentence(
                "{run}: expected a network of the report; got {network}",
                run=record.spec.name,
                network=record.spec.recipe.architecture,
            )
        )
    at, weights = find_weights(store, record, epoch)
    config = describe(record.spec, at, weights)
    # Copies in the machine's own byte order and layout are what safetensors takes.
    arrays = {name: np.ascontiguousarray(array) for name, array in weights.items()}
    with whole_folder(folder) as beside:
        files = {
            # transformers and others want to be told whose tensors they are.
            "model.safetensors": safetensors.numpy.save(arrays, {"format": "pt"}),
            "config.json": (json.dumps(config, indent=1) + "\n").encode(),
            "README.md": model_card(record, config).encode(),
        }
        for name, data in files.items():
            (beside / name).write_bytes(data)
    return at
