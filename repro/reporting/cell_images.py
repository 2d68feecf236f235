"""Test images behind the cells of the confusion matrices, for the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from repro.data.layout import CLASSES
from repro.reporting.figures.predictions import (
    WRONG_SHOWN,
    confused,
    unanimous_errors,
    votes,
)
from repro.reporting.figures.report_figures import twelve
from repro.reporting.try_network import EXAMPLES
from repro.verdicts.evidence import Evidence

SHOWN = 180
"""About half a kilobyte each."""
_QUALITY = 85
"""Of JPEG, beyond which 32 pixels look no better."""


def cell_images(evidence: Evidence) -> dict[str, Any] | None:
    """Images and what each run says of them, for `confusion.js`; None without the data set or
    without predictions.

    `images` lists for each image its number in the test set, its class, and for each of `models`
    the predicted classes, each followed by the number of runs that predict it; `runs` is how many
    a model has. `picture` is a JPEG image, 32 pixels wide, one image below the other.

    Raises:
        DataError: the data set or predictions are damaged.
    """
    chosen = confused(evidence)
    if not chosen or not evidence.has_dataset:
        return None
    labels = evidence.dataset.test_labels
    predicted = {m: np.array(evidence.predictions(m, epoch)) for m, epoch in chosen.items()}
    counts = {m: votes(each) for m, each in predicted.items()}
    runs = {m: len(each) for m, each in predicted.items()}
    numbers = _chosen(evidence, sum(counts[m] / runs[m] for m in chosen))  # type: ignore[arg-type]
    return {
        "models": list(chosen),
        "runs": [runs[m] for m in chosen],
        "picture": _column(evidence.dataset.test_images[numbers]),
        "images": [
            [number, int(labels[number]), [_said(counts[m][:, number]) for m in chosen]]
            for number in numbers
        ],
    }


def _said(counts: np.ndarray) -> list[int]:
    """The classes with votes, each followed by their number; the most first."""
    order = np.argsort(-counts, kind="stable")
    return [int(number) for c in order if counts[c] for number in (c, counts[c])]


def _chosen(evidence: Evidence, counts: np.ndarray) -> list[int]:
    """Numbers of test images: first those that the page shows elsewhere, then the clearest of each
    cell off the diagonal, again and again, the fullest cells first."""
    total = min(SHOWN, len(evidence.dataset.test_labels))
    wrong, _ = unanimous_errors(evidence)
    elsewhere = [*wrong[:WRONG_SHOWN], *range(EXAMPLES), *twelve()]
    numbers = dict.fromkeys(each for each in elsewhere if each < len(evidence.dataset.test_labels))
    for number in _by_cell(evidence.dataset.test_labels, counts):
        if len(numbers) >= total:
            break
        numbers[number] = None
    return list(numbers)[:total]


def _by_cell(labels: np.ndarray, counts: np.ndarray) -> Iterator[int]:
    """The image with the most votes in each cell, then the one with the second most, and so on."""
    cells = []
    for i in range(len(CLASSES)):
        of_class = np.flatnonzero(labels == i)
        for j in range(len(CLASSES)):
            given = counts[j, of_class]
            ranked = of_class[np.argsort(-given, kind="stable")][: np.count_nonzero(given)]
            if i != j and len(ranked):
                cells.append((-given.sum(), ranked))
    cells.sort(key=lambda cell: cell[0])
    for place in range(max((len(ranked) for _, ranked in cells), default=0)):
        yield from (int(ranked[place]) for _, ranked in cells if place < len(ranked))


def _column(images: np.ndarray) -> str:
    """Images (N, 3, 32, 32) one below the other, as a data URI."""
    pixels = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).reshape(-1, 32, 3)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
