"""Reads an export back, with other means than those that wrote it."""

from __future__ import annotations

import csv

import numpy as np
from PIL import Image

from repro.data.dataset import Dataset
from repro.data.layout import CLASSES


def read_exported(folder):
    """The data set in the PNG folders and CSV files of `folder`."""
    arrays = {}
    for part in ("train", "test"):
        with (folder / f"{part}Lables.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["Image"] for row in rows] == [str(n) for n in range(1, len(rows) + 1)]
        labels = [CLASSES.index(row["Category"]) for row in rows]
        images = np.empty((len(rows), 3, 32, 32), np.uint8)
        for n in range(len(rows)):
            with Image.open(folder / f"{part}_cifar10" / f"{n + 1}.png") as image:
                assert (image.format, image.mode) == ("PNG", "RGB")
                images[n] = np.asarray(image).transpose(2, 0, 1)
        arrays |= {f"{part}_images": images, f"{part}_labels": np.array(labels, np.uint8)}
    return Dataset(**arrays)
