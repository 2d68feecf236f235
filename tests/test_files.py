"""Small CSV files, in the forms in which editors leave them."""

from __future__ import annotations

import pytest

from repro.data.labels import read_labels
from repro.errors import DataError
from repro.files import read_csv

BLANK_LINES = {
    "at the end": "{head}\n{one}\n{two}\n\n",
    "between": "{head}\n{one}\n\n{two}\n",
    "at the start": "\n{head}\n{one}\n{two}\n",
    "of blanks": "{head}\n{one}\n  \t\n{two}\n",
    "of a text that was converted twice": "{head}\r\r\n{one}\r\r\n{two}\r\r\n",
    "and a byte order mark": "\ufeff{head}\n{one}\n\n{two}\n",
}


@pytest.mark.parametrize("form", BLANK_LINES.values(), ids=BLANK_LINES)
def test_blank_lines_are_read_over_by_every_reader(tmp_path, form):
    path = tmp_path / "a.csv"
    path.write_bytes(form.format(head="Image,Category", one="1,cat", two="2,dog").encode())
    assert read_labels(path).tolist() == [3, 5]
    rows = [row for _, row in read_csv(path, ["Image", "Category"])]
    assert rows == [{"Image": "1", "Category": "cat"}, {"Image": "2", "Category": "dog"}]


def test_a_line_keeps_its_number_after_blank_ones(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Image,Category\n\n1,cat\n\n2\n")
    with pytest.raises(DataError, match="line 5: expected 2 values a row"):
        read_csv(path, ["Image", "Category"])
    with pytest.raises(DataError, match="line 5: expected 2 cells; got 1"):
        read_labels(path)
