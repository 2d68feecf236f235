"""Predicted classes to accuracy, and the files of section 3.2.3 that hold them.

`submission.csv` and `testLables.csv` have one form: a header ``Image,Category``, then a line an
image, numbered from 1, with the name of its class.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from repro.data.layout import CLASSES
from repro.errors import DataError, listed, sentence
from repro.files import csv_lines, read_regular, write_atomically

HEADER = ("Image", "Category")
_MOST_BYTES = 10_000_000  # 60,000 lines have a megabyte


def accuracy(predicted: npt.ArrayLike, actual: npt.ArrayLike) -> float:
    """Share of equal entries, in [0, 1], of two sequences of classes of one length.

    Raises:
        ValueError: nothing to compare, or different lengths.

    Example:
        >>> accuracy([3, 5, 7, 9], [3, 5, 7, 8])
        0.75
    """
    one, other = np.asarray(predicted), np.asarray(actual)
    if one.shape != other.shape or one.ndim != 1 or not one.size:
        raise ValueError(
            sentence(
                "expected two non-empty sequences of one length; got {one} and {other}",
                one=one.shape,
                other=other.shape,
            )
        )
    return int((one == other).sum()) / one.size


def labels_as_csv(classes: Sequence[int] | npt.NDArray[np.uint8]) -> bytes:
    """Class numbers 0 to 9, (N,), as a CSV file has them.

    Example:
        >>> print(labels_as_csv([3, 0]).decode(), end="")
        Image,Category
        1,cat
        2,airplane
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEADER)
    rows.writerows((number, CLASSES[c]) for number, c in enumerate(classes, 1))
    return text.getvalue().encode()


def write_labels(path: Path, classes: Sequence[int] | npt.NDArray[np.uint8]) -> None:
    """Write class numbers as a CSV file, as a whole.

    Raises:
        DataError: the file cannot be written.
    """
    write_atomically(path, labels_as_csv(classes))


def read_labels(path: Path) -> npt.NDArray[np.uint8]:
    """Class numbers uint8 (N,) in the order of the image numbers 1 to N, whatever the file's order.

    Raises:
        DataError: another header, a repeated, missing or impossible number, or an unknown class;
            it names the line.
    """
    by_number: dict[int, int] = {}
    first_line: dict[int, int] = {}
    for line, (number, category) in _rows(path):
        if not (number.isascii() and number.isdigit() and len(number) < 10 and int(number) > 0):
            raise DataError(
                sentence(
                    "{path}, line {line}: expected an image number from 1; got {number!r}",
                    path=path,
                    line=line,
                    number=number,
                )
            )
        key = int(number)
        if key in by_number:
            raise DataError(
                sentence(
                    "{path}, line {line}: image {key} was there before, in line {earlier}",
                    path=path,
                    line=line,
                    key=key,
                    earlier=first_line[key],
                )
            )
        if category not in CLASSES:
            raise DataError(
                sentence(
                    "{path}, line {line}: expected a class ({classes}); got {category!r}",
                    path=path,
                    line=line,
                    classes=listed(CLASSES),
                    category=category,
                )
            )
        by_number[key], first_line[key] = CLASSES.index(category), line
    if not by_number:
        raise DataError(
            sentence("{path}: expected a line for each image; got the header only", path=path)
        )
    missing = next((n for n in range(1, len(by_number) + 1) if n not in by_number), None)
    if missing is not None:
        worst = max(by_number)
        raise DataError(
            sentence(
                "{path}: image {missing} is missing, while line {earlier} has image {worst}",
                path=path,
                missing=missing,
                earlier=first_line[worst],
                worst=worst,
            )
        )
    return np.array([by_number[n] for n in range(1, len(by_number) + 1)], np.uint8)


def _rows(path: Path) -> list[tuple[int, tuple[str, str]]]:
    """Line numbers and pairs of cells after the header."""
    data = read_regular(path, _MOST_BYTES)
    rows = []
    try:
        lines = csv_lines(data)
        first, header = next(lines, (1, []))
        if data and tuple(header) != HEADER:
            raise DataError(
                sentence(
                    "{path}, line {first}: expected the header {header}; got {got!r}",
                    path=path,
                    first=first,
                    header=",".join(HEADER),
                    got=",".join(header)[:80],
                )
            )
        for line, cells in lines:
            if len(cells) != 2:
                raise DataError(
                    sentence(
                        "{path}, line {line}: expected 2 cells; got {count}",
                        path=path,
                        line=line,
                        count=len(cells),
                    )
                )
            rows.append((line, (cells[0], cells[1])))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            sentence("{path}: not a CSV file in UTF-8: {error}", path=path, error=error)
        ) from None
    if not data:
        raise DataError(
            sentence(
                "{path}: expected the header {header}; the file is empty",
                path=path,
                header=",".join(HEADER),
            )
        )
    return rows


def score(submission: Path, answers: Path) -> tuple[int, int]:
    """Right predictions and images in all, from two files of labels.

    Raises:
        DataError: either file is not as :func:`read_labels` wants it, or they have different
            images.
    """
    predicted, actual = read_labels(submission), read_labels(answers)
    if len(predicted) != len(actual):
        fewer, more = sorted(((len(predicted), submission), (len(actual), answers)))
        raise DataError(
            sentence(
                "{path}: expected the {images} images of {other}; got {count}, the "
                "first missing is {missing}",
                path=fewer[1],
                images=more[0],
                other=more[1],
                count=fewer[0],
                missing=fewer[0] + 1,
            )
        )
    return int((predicted == actual).sum()), len(actual)
