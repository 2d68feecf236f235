"""The data set for a person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Group, RenderableType

from repro.data.dataset import Dataset
from repro.data.layout import CHECKSUMS, CLASSES
from repro.reporting.terminal import plain_table


def show_dataset(dataset: Dataset, folder: Path) -> RenderableType:
    """The files, the images a class and the first 20 test labels (figures 3-6 and 3-7)."""
    files = plain_table("File", "Bytes", "SHA-256", left=("File", "SHA-256"))
    for name, checksum in CHECKSUMS.items():
        files.add_row(name, f"{(folder / name).stat().st_size:,}", checksum[:16] + "…")
    counts = plain_table("Class", "Training", "Test", left=("Class",))
    both = [np.bincount(x, minlength=10) for x in (dataset.train_labels, dataset.test_labels)]
    for name, training, test in zip(CLASSES, *both, strict=True):
        counts.add_row(name, f"{training:,}", f"{test:,}")
    counts.add_row("all", *(f"{each.sum():,}" for each in both), style="bold")
    labels = plain_table("Image", "Category", left=("Category",))
    for number, label in enumerate(dataset.test_labels[:20], 1):
        labels.add_row(str(number), CLASSES[label])
    return Group(files, "", counts, "", "First test labels", labels)
