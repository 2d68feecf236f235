"""A data set in memory: real and verified, or small and made up for tests."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from repro.data import layout, memory_map
from repro.data.layout import CLASSES, IMAGE_SHAPE, Bytes, check, decode
from repro.errors import DataError, sentence
from repro.obstacles import obstacle
from repro.spec import DatasetName


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """Images uint8 (N, 3, 32, 32), RGB, and labels uint8 (N,) in [0, 9], in the official order."""

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes

    def in_jpeg(self, quality: int) -> Dataset:
        """The same, the training images out of JPEG files of `quality`; 0 leaves them."""
        if not quality:
            return self
        from repro.data.jpeg import compress  # noqa: PLC0415 - Pillow

        rows = compress(self.train_images.transpose(0, 2, 3, 1), quality)
        return dataclasses.replace(self, train_images=rows.transpose(0, 3, 1, 2))


def default_folder(home: Path) -> Path:
    """Where the six verified files lie under `home`."""
    return home / "data" / "cifar-10-batches-bin"


def read_verified(folder: Path, name: str) -> bytes:
    """The bytes of one of the six files, held to their checksum as they are read.

    Raises:
        DataError: the file is missing, unreadable, or has other bytes.
    """
    path = folder / name
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        remedy = obstacle(folder) or sentence("not there; `repro data fetch` gets it")
        raise DataError(sentence("{path}: {remedy}", path=path, remedy=remedy)) from None
    except OSError as error:
        raise DataError(
            sentence(
                "{path}: cannot be read: {why}",
                path=path,
                why=obstacle(folder) or error.strerror,
            )
        ) from None
    try:
        check(name, data)
    except DataError as error:
        raise DataError(
            sentence(
                "{folder}: {error}; `repro data fetch` replaces it", folder=folder, error=error
            )
        ) from None
    return data


def load(name: DatasetName, home: Path) -> Dataset:
    """The data set called `name`; CIFAR-10 is read from `home` and verified on the way.

    Raises:
        DataError: a file is missing or has other bytes than the published ones.
    """
    return synthetic() if name == "synthetic" else load_cifar10(default_folder(home))


def load_test_labels(name: DatasetName, home: Path) -> Bytes:
    """The test labels of the data set called `name`, uint8 (N,), verified as they are read.

    Raises:
        DataError: the file is missing or has other bytes than the published ones.
    """
    if name == "synthetic":
        return synthetic().test_labels
    return decode(read_verified(default_folder(home), "test_batch.bin"), "test_batch.bin")[1]


def load_cifar10(folder: Path) -> Dataset:
    """The 50,000 training and 10,000 test images.

    They are mapped into memory, which processes share, from a file that is made of the six verified
    ones and whose own checksum is verified at every load (:mod:`repro.data.memory_map`).

    Raises:
        DataError: that file has to be made, and one of the six is missing or has other bytes than
            the published ones.
    """
    images, labels = memory_map.load(folder, lambda name: read_verified(folder, name))
    tests = len(labels) // len(layout.CHECKSUMS)  # the test batch is as long as the others
    return Dataset(
        train_images=images[:-tests],
        train_labels=labels[:-tests],
        test_images=images[-tests:],
        test_labels=labels[-tests:],
    )


def synthetic(*, train: int = 500, test: int = 100, seed: int = 0) -> Dataset:
    """Made-up images that a network can learn in a few epochs: coarse colours, one set a class.

    For tests and for trying the machinery without a download; no figure comes from it.

    Example:
        >>> made_up = synthetic()
        >>> made_up.train_images.shape, made_up.train_images.dtype
        ((500, 3, 32, 32), dtype('uint8'))
    """
    random = np.random.Generator(np.random.PCG64(seed))
    colours = random.integers(0, 256, (len(CLASSES), 3, 2, 2))
    patterns = colours.repeat(16, axis=2).repeat(16, axis=3)

    def draw(count: int) -> tuple[Bytes, Bytes]:
        labels = random.permutation(np.arange(count) % len(CLASSES)).astype(np.uint8)
        noise = random.integers(0, 256, (count, *IMAGE_SHAPE))
        return ((patterns[labels] + noise) // 2).astype(np.uint8), labels

    train_images, train_labels = draw(train)
    test_images, test_labels = draw(test)
    return Dataset(
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
    )
