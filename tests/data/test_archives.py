from __future__ import annotations

import codecs
import io
import os
import pickle
import tarfile

import numpy as np
import pytest
from PIL import Image

from repro.data import archives, layout
from repro.data.archives import read_six
from repro.data.pickles import load_pickle
from repro.errors import DataError
from tests.tiny_cifar import as_npm, as_pickles, as_tar

KINDS = {"binary": dict, "python": as_pickles, "npm": as_npm}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("container", ["gz", "tar", "xz", "folder", "nested"])
def test_every_container_holds_the_same_six_files(tmp_path, tiny_cifar, kind, container):
    members = KINDS[kind](tiny_cifar)
    if container in {"folder", "nested"}:
        path = tmp_path / "f"
        inner = path if container == "folder" else path / "cifar-10-batches-py"
        inner.mkdir(parents=True)
        for name, data in members.items():
            (inner / name).write_bytes(data)
    else:
        path = tmp_path / "a.tar"
        mode = {"gz": "w:gz", "tar": "w", "xz": "w:xz"}[container]
        path.write_bytes(as_tar({"readme.html": b"<html>", **members}, mode=mode))
    assert read_six(path) == tiny_cifar


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("key", [str.encode, str], ids=["bytes", "text"])
def test_pickles_that_were_saved_again_are_read_too(tmp_path, tiny_cifar, key, protocol):
    """By Python 3, which reads them with keys of bytes or, with `encoding="latin1"`, of text."""
    members = {}
    for name, data in tiny_cifar.items():
        images, labels = layout.decode(data)
        batch = {key("labels"): labels.tolist(), key("data"): images.reshape(len(labels), -1)}
        members[name.removesuffix(".bin")] = pickle.dumps(batch, protocol=protocol)
    path = tmp_path / "a.tar.gz"
    path.write_bytes(as_tar(members))
    assert read_six(path) == tiny_cifar


@pytest.mark.parametrize("cut", [0, 10, 500, 0.5, 0.999])
def test_a_truncated_archive_is_one_clear_error(tmp_path, tiny_cifar, cut):
    whole = as_tar(tiny_cifar)
    path = tmp_path / "a.tar.gz"
    path.write_bytes(whole[: int(cut * len(whole)) if isinstance(cut, float) else cut])
    with pytest.raises(DataError, match="a.tar.gz: (cannot be read|expected six files)"):
        read_six(path)


def test_a_web_page_is_no_archive(tmp_path):
    path = tmp_path / "a.tar.gz"
    path.write_text("<!DOCTYPE html><html><body>Sorry</body></html>" * 100)
    with pytest.raises(DataError, match="cannot be read as a folder or tar archive"):
        read_six(path)


def test_what_is_missing_is_said(tmp_path, tiny_cifar):
    del tiny_cifar["data_batch_3.bin"]
    path = tmp_path / "a.tar"
    path.write_bytes(as_tar(tiny_cifar))
    with pytest.raises(
        DataError,
        match=r"expected six files.*found data_batch_1.bin, data_batch_2.bin, data_batch_4",
    ):
        read_six(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="found none of them"):
        read_six(tmp_path / "empty")


def test_links_and_strange_paths_in_an_archive_write_nothing(tmp_path, tiny_cifar):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for kind, name, target in [
            (tarfile.SYMTYPE, "data_batch_1.bin", "/etc/passwd"),
            (tarfile.LNKTYPE, "data_batch_2.bin", "data_batch_1.bin"),
            (tarfile.FIFOTYPE, "data_batch_3.bin", ""),
            (tarfile.CHRTYPE, "data_batch_4.bin", ""),
        ]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
        for name, data in tiny_cifar.items():
            info = tarfile.TarInfo(f"../../../{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    inner = tmp_path / "in" / "side"
    inner.mkdir(parents=True)
    (inner / "a.tar").write_bytes(file.getvalue())
    before = sorted(tmp_path.rglob("*"))
    assert read_six(inner / "a.tar") == tiny_cifar, "by base name, from regular members only"
    assert sorted(tmp_path.rglob("*")) == before


def test_of_two_members_of_one_name_the_first_counts(tmp_path, tiny_cifar):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in [*tiny_cifar.items(), *dict.fromkeys(tiny_cifar, b"other").items()]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    (tmp_path / "a.tar").write_bytes(file.getvalue())
    assert read_six(tmp_path / "a.tar") == tiny_cifar


def test_members_larger_than_any_honest_one_are_refused(tmp_path, tiny_cifar, monkeypatch):
    size = len(tiny_cifar["data_batch_1.bin"])
    path = tmp_path / "a.tar.gz"
    path.write_bytes(as_tar(tiny_cifar))
    assert archives._SIZE_LIMITS["data_batch_1.bin"] == 30_730_000
    monkeypatch.setitem(archives._SIZE_LIMITS, "data_batch_1.bin", size)
    assert read_six(path) == tiny_cifar
    monkeypatch.setitem(archives._SIZE_LIMITS, "data_batch_1.bin", size - 1)
    with pytest.raises(
        DataError,
        match=f"a.tar.gz: data_batch_1.bin: expected at most {size - 1:,} bytes; got {size:,}",
    ):
        read_six(path)


@pytest.mark.parametrize("sizes", [[1001], [600, 401], [1] * 1001])
def test_an_archive_that_unpacks_without_end_is_refused(tmp_path, monkeypatch, sizes):
    monkeypatch.setattr(archives, "_UNPACKED_LIMIT", 1000)
    path = tmp_path / "a.tar.gz"
    path.write_bytes(as_tar({f"junk{n}": bytes(size) for n, size in enumerate(sizes)}))
    with pytest.raises(DataError, match="a.tar.gz: expected less than 1,000 unpacked bytes"):
        read_six(path)


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_calls_anything_runs_nothing(tmp_path, nested, protocol):
    trace = tmp_path / "it-ran"
    value = Payload(trace)
    data = pickle.dumps({b"labels": [0], b"data": [value]} if nested else value, protocol=protocol)
    with pytest.raises(
        DataError, match="batch: not a pickle of CIFAR-10: posix.system has no place"
    ):
        load_pickle(data, "batch")
    assert not trace.exists()
    pickle.loads(data)
    assert trace.exists(), "the pickle is dangerous where nothing restrains it"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a pickle of CIFAR-10"),
        (b"garbage", "not a pickle of CIFAR-10"),
        (pickle.dumps([1, 2]), "expected a pickled dictionary; got list"),
        (pickle.dumps(None), "expected a pickled dictionary; got NoneType"),
        (b"\x80\x02cbuiltins\neval\n(U\x011tR.", "not a pickle of CIFAR-10: builtins.eval has"),
    ],
)
def test_pickles_of_anything_else_are_refused(data, message):
    with pytest.raises(DataError, match=f"b: {message}"):
        load_pickle(data, "b")


def test_a_pickle_that_is_none_is_reported_with_its_file(tmp_path, tiny_cifar):
    path = tmp_path / "a.tar"
    path.write_bytes(as_tar({**as_pickles(tiny_cifar), "data_batch_4": b"garbage"}))
    with pytest.raises(DataError, match="data_batch_4: not a pickle of CIFAR-10"):
        read_six(path)


class Encoded:
    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return codecs.encode, self.arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("text", "utf-16"), "a call that has no place in CIFAR-10"),
        (("text", "rot13"), "a call that has no place in CIFAR-10"),
        ((b"text", "latin1"), "expected str; got bytes"),
    ],
)
def test_only_text_in_latin1_is_encoded(arguments, message):
    data = pickle.dumps({b"data": Encoded(*arguments)}, protocol=2)
    with pytest.raises(DataError, match=f"b: not a pickle of CIFAR-10: {message}"):
        load_pickle(data, "b")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({b"labels": [0] * 19}, "expected 20 labels"),
        ({b"labels": [10] * 20}, "expected 20 labels from 0 to 9"),
        ({b"labels": ["1"] * 20}, "expected 20 labels"),
        ({b"labels": None}, "a list `labels`"),
        ({b"data": np.zeros((20, 3072), np.float32)}, "expected an array of bytes"),
        ({b"data": np.zeros((20, 100), np.uint8)}, "expected an array of bytes with 3072 columns"),
        ({b"data": np.zeros((19, 3072), np.uint8)}, "expected 20 images; got 19"),
        ({b"data": [1, 2]}, "an array `data`"),
    ],
)
def test_pickled_batches_of_another_form_are_refused(tmp_path, tiny_cifar, change, message):
    members = as_pickles(tiny_cifar)
    honest = {b"labels": [0] * 20, b"data": np.zeros((20, 3072), np.uint8)}
    members["data_batch_1"] = pickle.dumps({**honest, **change}, protocol=2)
    path = tmp_path / "a.tar"
    path.write_bytes(as_tar(members))
    with pytest.raises(DataError, match=f"data_batch_1: {message}|data_batch_1: .*{message}"):
        read_six(path)


def test_sheets_with_an_opaque_alpha_channel_are_read_too(tmp_path, tiny_cifar):
    members = as_npm(tiny_cifar)
    for name in members:
        if name.endswith(".png"):
            file = io.BytesIO()
            Image.open(io.BytesIO(members[name])).convert("RGBA").save(file, "PNG")
            members[name] = file.getvalue()
    path = tmp_path / "a.tgz"
    path.write_bytes(as_tar(members))
    assert read_six(path) == tiny_cifar


def picture(size, mode="RGB", form="PNG"):
    file = io.BytesIO()
    Image.new(mode, size).save(file, form)
    return file.getvalue()


PNG, TRAIN, TEST = "data_batch_2.png", "train_lables.json", "test_lables.json"
SHEET = "expected an RGB sheet of 1024x20 pixels; got"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (PNG, b"\x89PNG\r\n\x1a\nrubbish", f"{PNG}: not a PNG image"),
        (PNG, picture((1024, 20))[:30], f"{PNG}: not a PNG image"),
        (PNG, picture((1024, 20), form="BMP"), f"{PNG}: not a PNG image"),
        (PNG, picture((1024, 19)), f"{PNG}: {SHEET} RGB, 1024x19"),
        (PNG, picture((20, 1024)), f"{PNG}: {SHEET} RGB, 20x1024"),
        (PNG, picture((1024, 20), "L"), f"{PNG}: {SHEET} L, 1024x20"),
        (TRAIN, b"[1, 2", f"{TRAIN}: not JSON"),
        (TRAIN, b"[" * 100_000, f"{TRAIN}: not JSON"),
        (TRAIN, b"[1, 2]", f"{TRAIN}, {TEST}: expected 100 and 20 labels; got 2 and 20"),
        (TEST, b"[1, 2]", f"{TRAIN}, {TEST}: expected 100 and 20 labels; got 100 and 2"),
        (TEST, b"[true]", f"{TEST}: expected a list of integers 0 to 9"),
        (TEST, b"[10]", f"{TEST}: expected a list of integers 0 to 9"),
        (TEST, b"[-1]", f"{TEST}: expected a list of integers 0 to 9"),
        (TEST, b'{"a": 1}', f"{TEST}: expected a list of integers 0 to 9"),
    ],
)
def test_npm_packages_of_another_form_are_refused(tmp_path, tiny_cifar, name, data, message):
    path = tmp_path / "a.tgz"
    path.write_bytes(as_tar({**as_npm(tiny_cifar), name: data}))
    with pytest.raises(DataError, match=message):
        read_six(path)


def test_headers_have_a_limit_a_member_and_one_in_all(monkeypatch):
    monkeypatch.setattr(archives, "_HEADER_LIMIT", 100)
    monkeypatch.setattr(archives, "_HEADERS_LIMIT", 150)
    message = "a.tar: expected headers of less than 100 bytes a member and 150 in all"

    stream = archives._Limited(iter([b"x" * 100, b"y" * 100]), "a.tar")
    assert [len(stream.read(60)), len(stream.read(60))] == [60, 40], "a piece at a time"
    with pytest.raises(DataError, match=message):
        stream.read(1)

    stream = archives._Limited(iter([b"x" * 100, b"y" * 100]), "a.tar")
    assert len(stream.read(100)) == 100
    stream.allow(10)
    assert len(stream.read(60)) == 60, "160 bytes, 10 of them of a member"
    with pytest.raises(DataError, match=message):
        stream.read(1)


def test_the_end_is_read_a_hundred_times_and_no_more():
    stream = archives._Limited(iter([b"x"]), "a.tar")
    assert [stream.read(5) for _ in range(101)] == [b"x", *[b""] * 100]
    with pytest.raises(EOFError, match="it ends too early"):
        stream.read(5)
