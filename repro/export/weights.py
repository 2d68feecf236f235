"""A trained network for others to load: its weights, what it is, and a model card."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from repro.data.layout import CLASSES, IMAGE_SHAPE
from repro.digests import arrays_digest
from repro.errors import EvidenceError, UsageError
from repro.export.folder import render, whole_folder
from repro.files import explained
from repro.profiles import promise
from repro.records import RunRecord, parse
from repro.spec import PIXEL_STATISTICS, REPORT_RECIPES, Recipe, RunSpec, train_command
from repro.store import Store

Weights: TypeAlias = dict[str, npt.NDArray[Any]]
"""A network's parameters and buffers, by the names of its `state_dict`."""

_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
_NETWORKS = {
    "net": ("Net", "two convolutions and three linear layers, LeNet-5's shape on colour images"),
    "improved": ("ImprovedNet", "three convolutions and three linear layers, with dropout"),
    "resnet": ("ResNet", "torchvision's resnet18 with 10 classes"),
}
_ACTIVATIONS = {"relu": "ReLU", "leaky_relu": "Leaky ReLU", "swish": "Swish", "sigmoid": "Sigmoid"}


def read_weights(path: Path, record: RunRecord) -> tuple[int, Weights]:
    """The epoch of a run's checkpoint, and the weights in it, held to the record's digests.

    Raises:
        EvidenceError: it is damaged, of another run, or has other weights than the record says.
        DiskError: it cannot be read.
    """
    with explained(path, "read"):
        if not path.is_file():  # a FIFO would be waited for
            raise EvidenceError(f"{path}: expected a checkpoint; it is no regular file")
    try:
        with explained(path, "read"), safetensors.safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, TypeError, KeyError, ValueError) as error:
        # All but the first: a type that torch has and numpy lacks.
        raise EvidenceError(f"{path}: not a checkpoint: {error}") from None
    if arrays_digest(state) != metadata.get("sha256"):
        raise EvidenceError(f"{path}: the checkpoint is damaged")
    history = parse(metadata.get("record", "").encode(), path)
    if history.spec != record.spec:
        raise EvidenceError(
            f"{path}: expected the checkpoint of {record.spec.name}; got {history.spec.name}'s"
        )
    epoch = len(history.epochs)
    if not 1 <= epoch <= len(record.epochs):
        raise EvidenceError(
            f"{path}: expected a checkpoint of epoch 1 to {len(record.epochs)}, as far as the "
            f"record goes; got epoch {epoch} (of a run under way: wait, or let it go on)"
        )
    weights = {n.removeprefix("model."): a for n, a in state.items() if n.startswith("model.")}
    expected, obtained = record.epochs[epoch - 1].weights_sha256, arrays_digest(weights)
    if obtained != expected:
        raise EvidenceError(
            f"{path}: expected the record's weights after epoch {epoch}, SHA-256 {expected}; "
            f"got {obtained}"
        )
    return epoch, weights


def find_weights(store: Store, record: RunRecord, epoch: int | None) -> tuple[int, Weights]:
    """The weights after `epoch`, or the last that there are, and their epoch.

    Raises:
        UsageError: no checkpoint of that epoch is stored, or the network is not the report's.
        EvidenceError: it is not to be believed.
    """
    if not record.spec.recipe.is_reports:  # a card cannot say how to build it
        raise UsageError(
            f"{record.spec.name}: expected a network of the report; "
            f"got {record.spec.recipe.architecture}"
        )
    kept = store.checkpoint_epochs(record.spec)
    if not kept:
        raise UsageError(
            f"{record.spec.name}: expected a run with a checkpoint; none of it is stored here"
        )
    if epoch is None or epoch in kept:
        chosen = kept[-1] if epoch is None else epoch
        at, weights = read_weights(store.checkpoint(record.spec, chosen), record)
        if chosen not in {None, at}:
            raise EvidenceError(
                f"{store.checkpoint(record.spec, chosen)}: expected epoch {chosen}; got {at}"
            )
        return at, weights
    known = [str(each) for each in kept if each]
    if None in kept:
        at, weights = read_weights(store.checkpoint(record.spec), record)
        if at == epoch:
            return at, weights
        known.append(str(at))
    raise UsageError(
        f"--epoch {epoch}: {record.spec.name} has checkpoints of {', '.join(dict.fromkeys(known))}"
    )


def describe(spec: RunSpec, epoch: int, weights: Weights) -> dict[str, Any]:
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
        level=promise(spec.device, spec.engine, machine),
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
        UsageError: no checkpoint of that epoch is stored, or `folder` is not empty.
        EvidenceError: the checkpoint is not to be believed.
        DiskError: the file system refuses.
    """
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
