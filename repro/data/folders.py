"""The report's own form of the data (section 3.2.1): numbered PNG files and CSV labels."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from repro.data import png
from repro.data.dataset import Dataset
from repro.data.layout import Bytes
from repro.errors import DataError, UsageError
from repro.evaluation import read_labels, write_labels
from repro.files import explained

# Folder and CSV file of each part, spelt as in the report.
PARTS = {"train": ("train_cifar10", "trainLables.csv"), "test": ("test_cifar10", "testLables.csv")}

_MOST_BYTES = 1_000_000  # of one image


def export(dataset: Dataset, folder: Path, progress: Callable[[int, int], None]) -> None:
    """Write every image as ``<number>.png``, from 1 in the official order, and the labels as CSV.

    The files appear in `folder` only when all are written. `progress` gets images done and in all.

    Raises:
        UsageError: a part of an export is there already.
        DataError: the file system refuses; nothing is left behind.
    """
    names = [name for pair in PARTS.values() for name in pair]
    for name in names:
        if (folder / name).exists():
            raise UsageError(f"{folder / name}: is there already; choose another folder")
    beside = folder / ".export.tmp"
    arrays = {
        "train": (dataset.train_images, dataset.train_labels),
        "test": (dataset.test_images, dataset.test_labels),
    }
    total = sum(len(labels) for _, labels in arrays.values())
    done = 0
    with explained(folder):
        try:
            shutil.rmtree(beside, ignore_errors=True)
            for part, (images, labels) in arrays.items():
                directory, csv_name = PARTS[part]
                (beside / directory).mkdir(parents=True)
                for number, image in enumerate(images.transpose(0, 2, 3, 1), 1):
                    # Level 1: a twentieth larger than the default and twice as fast.
                    Image.fromarray(image).save(
                        beside / directory / f"{number}.png", compress_level=1
                    )
                    done += 1
                    if done % 500 == 0 or done == total:
                        progress(done, total)
                write_labels(beside / csv_name, labels)
            for name in names:
                (beside / name).replace(folder / name)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def read_exported(folder: Path) -> Dataset:
    """Read what :func:`export` wrote back to the same arrays.

    Raises:
        DataError: a file is missing or is not a 32x32 RGB image or a list of labels.
    """
    parts = {}
    for part, (directory, csv_name) in PARTS.items():
        labels = read_labels(folder / csv_name)
        images = np.empty((len(labels), 3, 32, 32), np.uint8)
        for index in range(len(labels)):
            images[index] = _read_png(folder / directory / f"{index + 1}.png")
        parts[part] = images, labels
    return Dataset(
        train_images=parts["train"][0],
        train_labels=parts["train"][1],
        test_images=parts["test"][0],
        test_labels=parts["test"][1],
    )


def _read_png(path: Path) -> Bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
        mode, size = png.form(data)
        if size != (32, 32) or mode != "RGB":
            raise DataError(
                f"{path}: expected an RGB image of 32x32; got {mode}, {size[0]}x{size[1]}"
            )
        return png.pixels(data).transpose(2, 0, 1)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a PNG image: {error}") from None
