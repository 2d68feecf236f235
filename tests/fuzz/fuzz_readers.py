"""Coverage-guided fuzzing of one reader, for a person; pytest does not collect it.

    pip install atheris    (into an environment that has this project, on Linux)
    python -m tests.fuzz.fuzz_readers READER [-max_total_time=60 and other options of libFuzzer]

READER is pickle, tar, record or labels. The run begins with honest inputs and ends at the first
one that a reader answers with anything but a value or a ReproError of one line; libFuzzer writes it
to ``crash-...``. A crash that is found becomes a test in tests/properties.
"""

from __future__ import annotations

import pickle
import sys
import tempfile
from pathlib import Path

import atheris
import numpy as np

with atheris.instrument_imports(include=["repro", "tarfile", "pickletools", "csv"]):
    from repro.data import layout
    from repro.data.archives import read_six
    from repro.data.labels import read_labels
    from repro.data.pickles import load_pickle
    from repro.runs.records import dump, parse

from tests import tiny_cifar
from tests.examples import record
from tests.hostile import outcome, watching
from tests.python2_pickle import python2_batch

tiny_cifar.COUNT = layout.IMAGES_PER_FILE = 1
FILES = tiny_cifar.make_files()
IMAGES = np.zeros((1, 3072), np.uint8)
FOLDER = Path(tempfile.mkdtemp())


def from_file(read):
    def reader(data: bytes) -> None:
        (FOLDER / "input").write_bytes(data)
        read(FOLDER / "input")

    return reader


def from_pickle(data: bytes) -> None:
    with watching() as deeds:
        outcome(lambda: load_pickle(data, "b"))
    assert not deeds, deeds


def from_record(data: bytes) -> None:
    read = parse(data, "r")
    assert parse(dump(read), "r") == read


READERS = {
    "pickle": (from_pickle, [python2_batch(IMAGES, [3]), pickle.dumps({b"labels": [3], b"data": IMAGES}, 4)]),
    "tar": (from_file(read_six), [tiny_cifar.as_tar(FILES, mode=m) for m in ("w", "w:gz", "w:xz")]),
    "record": (from_record, [dump(record(accuracies={1: 0.5}))]),
    "labels": (from_file(read_labels), [b'Image,Category\n1,cat\n2,"dog"\n']),
}  # fmt: skip


def main() -> None:
    name = sys.argv.pop(1)
    read, honest = READERS[name]
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    for number, data in enumerate(honest):
        (corpus / str(number)).write_bytes(data)

    def one(data: bytes) -> None:
        outcome(lambda: read(data))

    atheris.Setup([*sys.argv, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
