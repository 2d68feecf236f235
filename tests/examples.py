"""Records made up for tests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from repro.runs.environments import Environment
from repro.runs.records import EpochRecord, Reading, RunRecord, Switched
from repro.spec import CLAIM_RECIPES, RunSpec

ENVIRONMENT = Environment(
    repro="0.2.0", python="3.11.7", numpy="2.4.6", platform="Linux-x86_64", processor="Test CPU",
    kernels="1, avx2",
)  # fmt: skip
TORCH_ENVIRONMENT = Environment(
    repro="0.2.0", python="3.11.7", torch="2.14.1+cpu", torchvision="0.29.1", numpy="2.4.6",
    platform="Linux-x86_64", processor="Test CPU",
)  # fmt: skip


def sha(text: object) -> str:
    return hashlib.sha256(str(text).encode()).hexdigest()


def record(
    model: str = "net-relu",
    seed: int = 0,
    accuracies: Mapping[int, float] | None = None,
    epochs: int | None = None,
    **spec,
) -> RunRecord:
    """A record of `model` with test accuracies by epoch, 0.02 lower with dropout switched on."""
    readings = accuracies if accuracies is not None else {10: 0.58}
    count = epochs if epochs is not None else max(readings, default=1)
    run = RunSpec(recipe=CLAIM_RECIPES[model], seed=seed, **spec)
    return RunRecord(
        spec=run,
        environment=ENVIRONMENT if run.engine == "kernels" else TORCH_ENVIRONMENT,
        epochs=tuple(
            EpochRecord(
                epoch=epoch, train_loss=2 / epoch, last_batch_loss=1.5, validation_loss=1.6,
                validation_accuracy=0.5, weights_sha256=sha((model, seed, epoch)), duration_s=3.5,
            )
            for epoch in range(1, count + 1)
        ),
        readings=tuple(
            Reading(
                epoch=epoch, accuracy=value, predictions_sha256=sha((seed, epoch)),
                switched=(
                    Switched(accuracy=value - 0.02, predictions_sha256=sha((seed, epoch, "on")))
                    if model == "improved" else None
                ),
            )
            for epoch, value in sorted(readings.items())
        ),
    )  # fmt: skip


def parameter_count(model) -> int:
    """Number of trained values of a network in torch."""
    return sum(parameter.numel() for parameter in model.parameters())
