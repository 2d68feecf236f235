from __future__ import annotations

import numpy as np
import pytest

from repro.data.labels import accuracy, read_labels, score, write_labels
from repro.errors import DataError


def labels(path, text):
    path.write_text(text)
    return path


def test_accuracy_is_sklearns():
    from sklearn.metrics import accuracy_score

    random = np.random.default_rng(0)
    for _ in range(20):
        one, other = random.integers(0, 10, (2, 137))
        assert accuracy(one, other) == accuracy_score(one, other)


@pytest.mark.parametrize(("one", "other"), [([], []), ([1], [1, 2]), ([[1]], [[1]])])
def test_accuracy_needs_two_sequences_of_one_length(one, other):
    with pytest.raises(ValueError, match="expected two non-empty sequences"):
        accuracy(one, other)


def test_the_file_is_the_reports(tmp_path):
    write_labels(tmp_path / "s.csv", [3, 8, 8, 0])
    assert (
        tmp_path / "s.csv"
    ).read_bytes() == b"Image,Category\n1,cat\n2,ship\n3,ship\n4,airplane\n"


def test_score_counts_right_lines_in_any_order(tmp_path):
    one = labels(tmp_path / "a.csv", "Image,Category\n2,dog\n1,cat\n3,frog\n")
    other = labels(tmp_path / "b.csv", "Image,Category\r\n1,cat\r\n2,cat\r\n3,frog\r\n")
    assert score(one, other) == (2, 3)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_line_ends_of_any_system_are_read(tmp_path, end):
    path = tmp_path / "a.csv"
    path.write_bytes(end.join(["Image,Category", "1,cat", "2,dog", ""]).encode())
    classes = read_labels(path)
    assert (classes.tolist(), classes.dtype) == ([3, 5], np.uint8)


def test_a_byte_order_mark_of_a_spreadsheet_is_no_header(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfImage,Category\r\n1,cat\r\n")
    assert read_labels(path).tolist() == [3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the header Image,Category; the file is empty"),
        ("id,label\n1,cat\n", "line 1: expected the header Image,Category; got 'id,label'"),
        ("1,cat\n2,dog\n", "line 1: expected the header"),
        ("x" * 200 + "\n", f"line 1: expected the header Image,Category; got '{'x' * 80}'$"),
        ("Image,Category\n", "got the header only"),
        ("Image,Category\n0,cat\n", "line 2: expected an image number from 1; got '0'"),
        ("Image,Category\n1.0,cat\n", "line 2: expected an image number"),
        ("Image,Category\n-1,cat\n", "line 2: expected an image number"),
        ("Image,Category\n٣,cat\n", "line 2: expected an image number"),
        ("Image,Category\n1000000000,cat\n", "line 2: expected an image number from 1; got '1000"),
        ("Image,Category\n1,cat\n2,dog\n1,cat\n", "line 4: image 1 was there before, in line 2"),
        (
            "Image,Category\n1,cat\n2,kitten\n",
            r"line 3: expected a class \(airplane, auto.*got 'kitten'",
        ),
        ("Image,Category\n1,Cat\n", "line 2: expected a class"),
        ("Image,Category\n1,cat\n3,dog\n", "image 2 is missing, while line 3 has image 3"),
        ("Image,Category\n2,cat\n", "image 1 is missing, while line 2 has image 2"),
        ("Image,Category\n1,cat,0.9\n", "line 2: expected 2 cells; got 3"),
        ("Image,Category\n1\n", "line 2: expected 2 cells; got 1"),
        ("Image,Category\n\n1,cat,2\n", "line 3: expected 2 cells; got 3"),
        ('Image,Category\n1,"cat\n', "not a CSV file"),
        ("Image,Category\n1,c\0at\n", "not a CSV file|expected a class"),
    ],
)
def test_bad_files_are_named_with_their_line(tmp_path, text, message):
    with pytest.raises(DataError, match=f"a.csv.*{message}"):
        read_labels(labels(tmp_path / "a.csv", text))


def test_other_encodings_and_missing_files_are_one_line(tmp_path):
    (tmp_path / "a.csv").write_bytes("Image,Category\n1,猫\n".encode("utf-16"))
    with pytest.raises(DataError, match="not a CSV file in UTF-8"):
        read_labels(tmp_path / "a.csv")
    with pytest.raises(DataError, match="none.csv: cannot be read: No such file"):
        read_labels(tmp_path / "none.csv")


def test_a_file_that_cannot_be_labels_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("repro.data.labels._MOST_BYTES", 1000)
    path = labels(tmp_path / "a.csv", "Image,Category\n" + "1,cat\n" * 1000)
    with pytest.raises(DataError, match="a.csv: expected a file of at most 1,000 bytes"):
        read_labels(path)


def test_files_of_different_images_have_no_score(tmp_path):
    one = labels(tmp_path / "a.csv", "Image,Category\n1,cat\n")
    other = labels(tmp_path / "b.csv", "Image,Category\n1,cat\n2,dog\n")
    for pair in ((one, other), (other, one)):
        with pytest.raises(
            DataError,
            match=r"a.csv: expected the 2 images of .*b.csv; got 1, the first missing is 2",
        ):
            score(*pair)
