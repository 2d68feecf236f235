"""What the page needs to compute Net's predictions in a reader's browser."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
from PIL import Image

from repro.data.layout import CLASSES
from repro.networks.layers import NETWORKS
from repro.reporting.language import FIGURE_WORDS
from repro.runs.checkpoints import read_weights
from repro.spec import PIXEL_STATISTICS
from repro.verdicts.evidence import Evidence

MODEL = "net-relu"
EXAMPLES = 20
"""The first test images, to try without one of one's own."""


def network_data(evidence: Evidence) -> dict[str, Any] | None:
    """Weights, classes and some test images, for `network.js`; None where no checkpoint is stored.

    The weights are float16, layer after layer, each layer's weights (row-major, as torch has
    them) before its biases. `mean` and `std` scale pixels in [0, 1]. `examples` are a PNG image,
    32 pixels wide, one image below the other, with their `labels`; without the data set there are
    none.

    Raises:
        EvidenceError: the checkpoint is damaged or not the record's.
    """
    kept = evidence.kept(MODEL)
    if kept is None:
        return None
    run, epoch = kept
    _, weights = read_weights(evidence.store.checkpoint(run.spec, epoch), run)
    halves = [
        weights[f"{layer.name}.{part}"].astype("<f2").tobytes()
        for layer in NETWORKS["net"] if layer.parameters for part in ("weight", "bias")
    ]  # fmt: skip
    mean, std = PIXEL_STATISTICS[run.spec.recipe.pixels] or ((0.0,) * 3, (1.0,) * 3)
    labels, examples = _examples(evidence)
    return {
        "run": run.spec.name,
        "seed": run.spec.seed,
        "epoch": epoch,
        "weights": base64.b64encode(b"".join(halves)).decode(),
        "mean": mean,
        "std": std,
        "classes": {"en": CLASSES, "zh": [FIGURE_WORDS[name] for name in CLASSES]},
        "examples": examples,
        "labels": labels,
    }


def to_json(data: dict[str, Any] | None) -> str:
    """For a `script` element, which a "<" in a text could end."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _examples(evidence: Evidence) -> tuple[list[int], str]:
    if not evidence.has_dataset:
        return [], ""
    images = evidence.dataset.test_images[:EXAMPLES].transpose(0, 2, 3, 1)
    out = io.BytesIO()
    column = np.ascontiguousarray(images).reshape(-1, *images.shape[2:])
    Image.fromarray(column).save(out, "PNG", optimize=True)
    png = base64.b64encode(out.getvalue()).decode()
    return evidence.dataset.test_labels[:EXAMPLES].tolist(), f"data:image/png;base64,{png}"
