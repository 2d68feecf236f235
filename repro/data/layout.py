"""The official binary layout of CIFAR-10, and the checksums that every byte is held to.

A file is 10,000 records of 3,073 bytes: one label, then 1,024 red, 1,024 green and 1,024 blue
values, each row by row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from repro.errors import DataError, sentence

Bytes = npt.NDArray[np.uint8]

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
IMAGE_SHAPE = (3, 32, 32)
IMAGES_PER_FILE = 10_000
RECORD_BYTES = 1 + 3 * 32 * 32
FILE_BYTES = IMAGES_PER_FILE * RECORD_BYTES

CHECKSUMS: Mapping[str, str] = MappingProxyType(
    {
        "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
        "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
        "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
        "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
        "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
        "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
    }
)
"""SHA-256 of the six files of the official ``cifar-10-batches-bin``, the test batch last."""


def decode(data: bytes, name: str = "batch") -> tuple[Bytes, Bytes]:
    """Images uint8 (N, 3, 32, 32) and labels uint8 (N,) in [0, 9] of one binary file.

    Raises:
        DataError: no whole number of records, or a label above 9.
    """
    if not data or len(data) % RECORD_BYTES:
        raise DataError(
            sentence(
                "{name}: expected a multiple of {size} bytes, one record an image; got {count}",
                name=name,
                size=RECORD_BYTES,
                count=len(data),
            )
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD_BYTES)
    labels = records[:, 0].copy()
    if labels.max() >= len(CLASSES):
        at = int(np.argmax(labels >= len(CLASSES)))
        raise DataError(
            sentence(
                "{name}: expected labels 0 to 9; got {label} in record {at}",
                name=name,
                label=labels[at],
                at=at,
            )
        )
    return records[:, 1:].reshape(-1, *IMAGE_SHAPE).copy(), labels


def encode(images: Bytes, labels: Bytes) -> bytes:
    """The inverse of :func:`decode`: uint8 (N, 3, 32, 32) and (N,) to the official bytes.

    An image may as well be flat, if its values are in that order.
    """
    records = np.empty((len(labels), RECORD_BYTES), np.uint8)
    records[:, 0] = labels
    records[:, 1:] = images.reshape(len(labels), -1)
    return records.tobytes()


def check(name: str, data: bytes) -> None:
    """Hold the bytes of one of the six files to its published checksum.

    Raises:
        DataError: any other bytes, naming the file, the expected and the obtained checksum.
    """
    obtained = hashlib.sha256(data).hexdigest()
    if obtained != CHECKSUMS[name]:
        raise DataError(
            sentence(
                "{name}: expected SHA-256 {expected}; got {obtained} ({count:,} bytes)",
                name=name,
                expected=CHECKSUMS[name],
                obtained=obtained,
                count=len(data),
            )
        )
