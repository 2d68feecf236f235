"""How sure a network is of what it says, and how often it is right when it is so sure.

The records have predicted classes only, so this is computed from a checkpoint and kept beside the
runs, in ``calibration.csv``, each row with the weights that it was computed from.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from repro.errors import DataError, sentence
from repro.files import parse_fraction, parse_int, read_csv, write_atomically

BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """The test images of which one network is about equally sure.

    Raises:
        ValueError: no image, or a share outside [0, 1].
    """

    run: str
    epoch: int
    weights_sha256: str
    number: int
    """From 0: confidence in (number / 10, (number + 1) / 10]."""
    images: int
    confidence: float
    """Mean, in [0, 1]."""
    accuracy: float
    """Share of them that is right."""

    def __post_init__(self) -> None:
        shares = (self.confidence, self.accuracy)
        if not (
            self.epoch > 0 and self.images > 0 and 0 <= self.number < BINS
            and all(0 <= each <= 1 for each in shares)
        ):  # fmt: skip
            raise ValueError(
                sentence(
                    "expected an epoch and images from 1, a number in [0, {last}] and "
                    "shares in [0, 1]; got {epoch}, {images}, {number} and {shares}",
                    last=BINS - 1,
                    epoch=self.epoch,
                    images=self.images,
                    number=self.number,
                    shares=shares,
                )
            )


def bin_up(
    run: str,
    epoch: int,
    weights_sha256: str,
    confidences: npt.ArrayLike,
    right: npt.ArrayLike,
) -> list[Bin]:
    """Sort images into ten bins of equal width; an empty bin is left out.

    `confidences` are in [0, 1], `right` says of each image whether its prediction is.
    """
    sure, correct = np.asarray(confidences, np.float64), np.asarray(right, bool)
    numbers = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)
    return [
        Bin(
            run=run,
            epoch=epoch,
            weights_sha256=weights_sha256,
            number=number,
            images=int(here.sum()),
            confidence=round(float(sure[here].mean()), 6),
            accuracy=round(float(correct[here].mean()), 6),
        )
        for number in range(BINS)
        if (here := numbers == number).any()
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """The expected calibration error: the mean distance of confidence and accuracy over images."""
    images = sum(each.images for each in bins)
    return math.fsum(abs(e.confidence - e.accuracy) * e.images for e in bins) / images


def load_bins(path: Path) -> list[Bin]:
    """The bins in a file; none where there is no such file.

    Raises:
        DataError: it has another form.
    """
    if not path.exists():
        return []
    bins = []
    for line, row in read_csv(path, [field.name for field in fields(Bin)]):
        try:
            bins.append(
                Bin(
                    run=row["run"],
                    epoch=parse_int(row["epoch"]),
                    weights_sha256=row["weights_sha256"],
                    number=parse_int(row["number"]),
                    images=parse_int(row["images"]),
                    confidence=parse_fraction(row["confidence"]),
                    accuracy=parse_fraction(row["accuracy"]),
                )
            )
        except ValueError as error:
            raise DataError(
                sentence(
                    "{path}, line {line}: not a file of calibration: {error}",
                    path=path,
                    line=line,
                    error=error,
                )
            ) from None
    if len({(e.run, e.epoch, e.weights_sha256, e.number) for e in bins}) < len(bins):
        raise DataError(
            sentence("{path}: not a file of calibration: expected each bin once", path=path)
        )
    return bins


def save_bins(path: Path, bins: Iterable[Bin]) -> None:
    """Write bins as CSV, as a whole.

    Raises:
        DiskError: the file system refuses.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([field.name for field in fields(Bin)])
    writer.writerows(astuple(each) for each in bins)
    write_atomically(path, out.getvalue().encode())
