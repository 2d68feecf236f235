"""PNG images from anywhere: their pixels and nothing else that such a file can hold."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image

from repro.data.layout import Bytes
from repro.errors import sentence, told_by

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">I4sIIBB")
_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
_MOST_CHUNKS = 100_000
"""An honest sheet has some thousand, of 8 or 64 KiB."""


def form(data: bytes) -> tuple[str, tuple[int, int]]:
    """Mode, as Pillow calls it, and width and height, from the header alone.

    Raises:
        ValueError: no PNG image.
    """
    start = len(_SIGNATURE)
    if not data.startswith(_SIGNATURE) or len(data) < start + _HEADER.size:
        raise ValueError(sentence("expected the signature and the header of one"))
    length, kind, width, height, _, colour = _HEADER.unpack_from(data, start)
    if (length, kind) != (13, b"IHDR") or colour not in _MODES:
        raise ValueError(sentence("expected a header IHDR of 13 bytes with a known type of colour"))
    return _MODES[colour], (width, height)


def pixels(data: bytes) -> Bytes:
    """The image as uint8 (height, width, 3); for one whose :func:`form` was found right.

    Raises:
        ValueError: damaged.
    """
    try:
        with Image.open(io.BytesIO(_without_extras(data)), formats=["PNG"]) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(told_by(error)) from None


def _without_extras(data: bytes) -> bytes:
    """Header, pixels and end only: text, profiles and animation can unpack to gigabytes."""
    kept, at = [_SIGNATURE], len(_SIGNATURE)
    for count in range(_MOST_CHUNKS):
        if at + 12 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        if count == 0 or kind in {b"IDAT", b"IEND"}:
            kept.append(data[at:end])
        if kind == b"IEND":
            return b"".join(kept)
        at = end
    else:
        raise ValueError(sentence("expected at most {most:,} chunks", most=_MOST_CHUNKS))
    raise ValueError(sentence("it ends before its end mark"))
