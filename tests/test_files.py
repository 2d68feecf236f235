"""Small CSV files, in the forms in which editors leave them; links, long paths and lock files."""

from __future__ import annotations

import os
import re
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path

import filelock
import pytest

from repro import files
from repro.data.labels import read_labels
from repro.errors import DataError, DiskError
from repro.files import locked, read_csv, read_regular, write_atomically

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


@pytest.mark.posix
@pytest.mark.parametrize("at", ["data", "data/cifar", "data/cifar/x"])
def test_a_link_that_leads_nowhere_is_named_with_what_to_do(tmp_path, at):
    link = tmp_path / at
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / "gone")
    path = tmp_path / "data/cifar/x"
    words = rf"{re.escape(str(link))} is a link to .*gone, where nothing is; create that, or delete"
    with pytest.raises(DiskError, match=words):
        read_regular(path)
    if link != path:  # it is replaced itself
        with pytest.raises(DiskError, match=words):
            write_atomically(path, b"")
        with pytest.raises(DiskError, match=words), locked(path, lambda _: None):
            pass


@pytest.mark.posix
def test_links_in_a_circle_and_files_for_folders_are_named_too(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(DiskError, match="a is a link to .*b, where nothing is"):
        write_atomically(tmp_path / "a" / "x", b"")
    (tmp_path / "c").write_bytes(b"")
    with pytest.raises(DiskError, match="c is a file; expected a folder"):
        write_atomically(tmp_path / "c" / "x", b"")


def test_a_small_file_takes_little_memory(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"text")
    tracemalloc.start()
    assert read_regular(path) == b"text"
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 100_000
    assert read_regular(path, 4) == b"text"
    with pytest.raises(DataError, match="at most 3 bytes"):
        read_regular(path, 3)


def test_a_file_that_another_reads_is_replaced_a_moment_later(tmp_path, monkeypatch):
    """Windows refuses to rename over a file that is open; elsewhere it is refused for good."""
    path, refusals = tmp_path / "a", [PermissionError(13, "in use")] * 3
    held = Path.replace

    def refuse(self, target):
        if refusals:
            raise refusals.pop()
        return held(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr(files, "_PATIENCE_S", 5.0)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert not refusals
    refusals.append(PermissionError(13, "in use"))
    monkeypatch.setattr(files, "_PATIENCE_S", 0.0)
    with pytest.raises(DiskError, match="no permission"):
        write_atomically(path, b"newer")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_that_is_too_long_for_windows_is_said_to_be(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_LONGEST_PATH", 20)
    with pytest.raises(DiskError, match=r"the path has \d+ characters; choose one of 20 at most"):
        read_regular(tmp_path / "missing")


class LeavingError(Exception):
    """Raised by who will not wait for a lock."""


@pytest.fixture
def told_of(monkeypatch):
    """Locks a path as where the file system has no locks; what one is told who would have to wait,
    or None for one who has the lock."""
    monkeypatch.setattr("repro.files.filelock.FileLock", filelock.SoftFileLock)

    def lock(path):
        said = []

        def leave(whose):
            said.append(whose)
            raise LeavingError

        with suppress(LeavingError), locked(path, leave):
            said.append(None)
        return said[0]

    return lock


@pytest.mark.parametrize("text", [b"123\nelsewhere\n", b"123\nelsewhere\nmore\n"])
def test_a_lock_file_says_whose_it_is(told_of, tmp_path, text):
    path = tmp_path / "lock"
    path.write_bytes(text)
    assert told_of(path) == f", process 123 on elsewhere; if it no longer runs, delete {path}"


@pytest.mark.parametrize("text", [b"123", b"\xff\n\xff\n"])
def test_a_lock_file_that_names_nobody_is_named(told_of, tmp_path, text):
    path = tmp_path / "lock"
    path.write_bytes(text)
    assert told_of(path) == f"; if there is none, delete {path}"


@pytest.mark.parametrize(("age", "is_taken"), [(0, False), (8, False), (12, True), (60, True)])
def test_an_empty_lock_file_is_left_over_once_nobody_can_be_about_to_write_it(
    told_of, tmp_path, age, is_taken
):
    path = tmp_path / "lock"
    path.touch()
    os.utime(path, (time.time() - age,) * 2)
    said = told_of(path)
    assert (said is None) is is_taken
    assert said in {None, f"; if there is none, delete {path}"}


def refusal(call, *arguments):
    """What a call refuses with, whole."""
    with pytest.raises((DataError, ValueError)) as refused:
        call(*arguments)
    return str(refused.value)


def test_a_file_of_as_many_bytes_as_may_be_is_read_and_one_more_is_refused(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"0123456789")
    assert read_regular(path, 10) == b"0123456789"
    assert refusal(read_regular, path, 9) == (
        f"{path}: expected a file of at most 9 bytes; it has more"
    )
    assert refusal(read_regular, tmp_path) == (
        f"{tmp_path}: expected a regular file; it is something else"
    )


def test_a_file_that_grows_while_it_is_read_is_read_whole():
    """As those do whose size the system does not know."""
    path = Path("/proc/self/status")
    if not path.exists() or path.stat().st_size:
        pytest.skip("needs a file of Linux whose size is said to be 0")
    whole = read_regular(path)
    assert whole.startswith(b"Name:")
    assert b"nonvoluntary_ctxt_switches" in whole
    assert refusal(read_regular, path, 20) == (
        f"{path}: expected a file of at most 20 bytes; it has more"
    )


def test_what_is_wrong_with_a_small_file_is_said_whole(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("a,b\n1,2\n\n1\n")
    assert refusal(read_csv, path, ["a", "b"]) == f"{path}, line 4: expected 2 values a row"
    path.write_text('a,b\n"1"2,3\n')
    assert refusal(read_csv, path, ["a", "b"]) == (
        f"{path}: cannot be read as CSV: ',' expected after '\"'"
    )
    assert refusal(files.parse_int, "٣") == "expected a whole number of up to six digits; got '٣'"
    assert refusal(files.parse_toml, b"a = ").startswith("Invalid value (at end of document")


@pytest.mark.parametrize("text", ["5.", ".5", "-1", "1e3", "٣", "", ".", "0.5.5"])
def test_what_is_no_fraction_is_refused(text):
    assert refusal(files.parse_fraction, text) == (
        f"expected a decimal fraction like 0.5744; got {text!r}"
    )
    assert files.parse_fraction("5") == 5.0
    assert files.parse_fraction("0.5744") == 0.5744
