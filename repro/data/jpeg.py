"""Images as they come out of JPEG files, which lose something."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from repro.data.layout import Bytes


def compress(images: Bytes, quality: int) -> Bytes:
    """The images uint8 (N, 32, 32, 3), RGB, written to JPEG files of `quality`, 1 to 100, and read
    again: the same shape. Colours have half the resolution, as libjpeg's default is."""
    out = np.empty_like(images, order="C")
    for image, to in zip(images, out, strict=True):
        file = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(image)).save(file, "JPEG", quality=quality)
        to[...] = np.asarray(Image.open(file))
    return out
