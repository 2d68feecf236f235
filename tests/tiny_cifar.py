"""A CIFAR-10 of 20 images a file in every container, and checksums to match."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import numpy as np
from PIL import Image

from repro.data import layout
from tests.python2_pickle import python2_batch

COUNT = 20


def make_files(seed: int = 0) -> dict[str, bytes]:
    random = np.random.default_rng(seed)
    return {
        name: layout.encode(
            random.integers(0, 256, (COUNT, 3, 32, 32), dtype=np.uint8),
            random.integers(0, 10, COUNT, dtype=np.uint8),
        )
        for name in layout.CHECKSUMS
    }


def checksums(files: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def as_pickles(files: dict[str, bytes]) -> dict[str, bytes]:
    out = {}
    for name, data in files.items():
        images, labels = layout.decode(data)
        out[name.removesuffix(".bin")] = python2_batch(
            images.reshape(len(labels), -1), labels.tolist()
        )
    return out


def as_npm(files: dict[str, bytes]) -> dict[str, bytes]:
    out, labels = {}, {}
    for name, data in files.items():
        images, labels[name] = layout.decode(data)
        sheet = Image.fromarray(images.reshape(COUNT, 3, 1024).transpose(0, 2, 1))
        file = io.BytesIO()
        sheet.save(file, "PNG")
        out[name.replace(".bin", ".png")] = file.getvalue()
    *train, test = labels.values()
    out["train_lables.json"] = json.dumps(np.concatenate(train).tolist()).encode()
    out["test_lables.json"] = json.dumps(test.tolist()).encode()
    return out


def as_tar(
    members: dict[str, bytes], prefix: str = "cifar-10-batches/", mode: str = "w:gz"
) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(prefix + name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()
