from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from repro.data import png

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)


def honest() -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "PNG")
    return file.getvalue()


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


HONEST = honest()
HEADER, REST = HONEST[:33], HONEST[33:]


def test_form_and_pixels_are_those_of_the_image():
    assert png.form(HONEST) == ("RGB", (5, 4))
    np.testing.assert_array_equal(png.pixels(HONEST), PIXELS, strict=True)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected the signature and the header of one"),
        (HONEST[:20], "expected the signature and the header of one"),
        (b"GIF89a" + HONEST[6:], "expected the signature and the header of one"),
        (HONEST.replace(b"IHDR", b"IDAT"), "expected a header IHDR of 13 bytes with a known type"),
        (HONEST[:25] + b"\x07" + HONEST[26:], "expected a header IHDR of 13 bytes with a known"),
    ],
)
def test_a_header_of_another_form_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        png.form(data)


def test_only_header_pixels_and_end_reach_the_decoder(monkeypatch):
    extras = chunk(b"tEXt", b"Comment\0" + b"x" * 100) + chunk(b"acTL", bytes(8))
    np.testing.assert_array_equal(png.pixels(HEADER + extras + REST + b"trailing"), PIXELS)
    assert png._without_extras(HEADER + extras + REST + b"trailing") == HONEST


def test_what_ends_too_early_or_never_is_refused(monkeypatch):
    for data in (HEADER, HONEST[:-13], HONEST[:-1], HEADER + struct.pack(">I", 2**31) + b"IDAT"):
        with pytest.raises(ValueError, match="it ends before its end mark"):
            png.pixels(data)
    monkeypatch.setattr(png, "_MOST_CHUNKS", 10)
    with pytest.raises(ValueError, match="expected at most 10 chunks"):
        png.pixels(HEADER + chunk(b"tEXt") * 10 + REST)
    np.testing.assert_array_equal(png.pixels(HEADER + chunk(b"tEXt") * 7 + REST), PIXELS)


def test_damaged_pixels_are_refused_with_the_decoders_words():
    data = HEADER + chunk(b"IDAT", b"no zlib") + chunk(b"IEND")
    with pytest.raises(ValueError, match="[a-z]{3}"):
        png.pixels(data)
