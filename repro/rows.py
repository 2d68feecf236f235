"""Reads the small CSV files that people write and look at: one way, and one kind of message."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from repro.errors import DataError
from repro.store import read_regular


def read_rows(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows after the header, each with the number of its line.

    Excel's byte order mark is read over.

    Raises:
        DataError: the file cannot be read, has other columns, or a row more or fewer values.
    """
    try:
        text = read_regular(path).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        if tuple(reader.fieldnames or ()) != tuple(columns):
            raise DataError(f"{path}: expected the columns {','.join(columns)}")
        rows = []
        for row in reader:
            # A row that is too short or too long has a None for a value or a key.
            if None in row.values() or None in row:
                raise DataError(
                    f"{path}, line {reader.line_num}: expected {len(columns)} values a row"
                )
            rows.append((reader.line_num, row))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}") from None
    return rows


def whole_number(text: str) -> int:
    """What `int` reads, without its other alphabets, signs, blanks and underscores.

    Raises:
        ValueError: another form, or more than six digits.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise ValueError(f"expected a whole number of up to six digits; got {text!r}")
    return int(text)


def share(text: str) -> float:
    """A decimal fraction such as 0.5744: as `float` reads it, without exponents and signs.

    Raises:
        ValueError: another form.
    """
    whole, point, fraction = text.partition(".")
    digits = whole + (fraction if point else "0")
    if not (text.isascii() and digits.isdigit() and whole and (fraction or not point)):
        raise ValueError(f"expected a decimal fraction like 0.5744; got {text!r}")
    return float(text)
