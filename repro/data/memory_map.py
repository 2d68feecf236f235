"""All images in one file that every process maps into memory, so that sixteen hold it once.

The six official files interleave labels and colour planes; here labels come first, then images
with their channels innermost, as the networks read them, then the SHA-256 of it all. The file is
made from verified bytes, lies beside the folder of the six, and can be deleted at any time.
"""

from __future__ import annotations

import glob
import hashlib
import json
import mmap
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from repro.data import layout
from repro.data.layout import IMAGE_SHAPE, Bytes, decode
from repro.errors import DiskError
from repro.files import locked, write_atomically

_IMAGE_BYTES = 3 * 32 * 32
_SEAL_BYTES = 32


def load(folder: Path, read: Callable[[str], bytes]) -> tuple[Bytes, Bytes]:
    """Images uint8 (N, 3, 32, 32) and labels uint8 (N,) of the six files, in their order.

    The arrays are the process's own to write to, and cost memory only where it does. `read` gives
    the verified bytes of a file by its name; it is asked where there is no mapped file yet. Where
    none can be written or mapped, the arrays are ordinary ones.

    Raises:
        DataError: as `read` does, or a label above 9.
    """
    path = _path(folder)
    data = _map(path)
    if data is None:
        # One of many processes makes it; the others wait, as it is less work.
        with suppress(DiskError), locked(path.with_name(f"{path.name}.lock"), lambda _: None):
            data = _map(path)
            if data is None:
                made = _make(read)
                for left in path.parent.glob(f"{glob.escape(path.name)}.*.tmp"):
                    left.unlink(missing_ok=True)  # by one that was killed as it wrote
                write_atomically(path, made)
                data = _map(path)
    if data is None:
        data = np.frombuffer(bytearray(_make(read)), np.uint8)
    return _arrays(data)


def _path(folder: Path) -> Path:
    """Where the file lies; its name changes with the checksums of what it is made from."""
    key = hashlib.sha256(json.dumps(dict(layout.CHECKSUMS)).encode()).hexdigest()[:12]
    return folder.parent / f"{folder.name}-{key}.mapped"


def _map(path: Path) -> Bytes | None:
    """The file's bytes, not copied, or None where there is none that is whole."""
    try:
        with path.open("rb") as file:
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except (OSError, ValueError):  # not there, not readable, empty
        return None
    content, seal = memoryview(pages)[:-_SEAL_BYTES], pages[-_SEAL_BYTES:]
    return np.frombuffer(pages, np.uint8) if hashlib.sha256(content).digest() == seal else None


def _make(read: Callable[[str], bytes]) -> bytes:
    batches = [decode(read(name), name) for name in layout.CHECKSUMS]
    content = b"".join(
        [labels.tobytes() for _, labels in batches]
        + [images.transpose(0, 2, 3, 1).tobytes() for images, _ in batches]
    )
    return content + hashlib.sha256(content).digest()


def _arrays(data: Bytes) -> tuple[Bytes, Bytes]:
    count = (len(data) - _SEAL_BYTES) // (1 + _IMAGE_BYTES)
    channels, height, width = IMAGE_SHAPE
    images = data[count:-_SEAL_BYTES].reshape(count, height, width, channels)
    return images.transpose(0, 3, 1, 2), data[:count]
