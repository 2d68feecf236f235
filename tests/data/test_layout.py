from __future__ import annotations

import hashlib

import numpy as np
import pytest

from repro.data import layout
from repro.data.dataset import (
    default_folder,
    load,
    load_cifar10,
    load_test_labels,
    synthetic,
)
from repro.errors import DataError
from tests.tiny_cifar import checksums

FIELDS = ("train_images", "train_labels", "test_images", "test_labels")


def test_the_six_files_are_in_the_official_order():
    assert list(layout.CHECKSUMS) == [
        *(f"data_batch_{n}.bin" for n in range(1, 6)),
        "test_batch.bin",
    ]
    assert layout.FILE_BYTES == 30_730_000, "the size that the report's figure 3-6 shows in KB"


def test_a_record_is_label_red_green_blue_row_by_row():
    record = bytes([7]) + bytes([1] * 1024) + bytes([2] * 1024) + bytes(range(256)) * 4
    images, labels = layout.decode(record * 2)
    assert labels.tolist() == [7, 7]
    assert images.shape == (2, 3, 32, 32)
    assert (images[0, 0] == 1).all()
    assert (images[0, 1] == 2).all()
    assert images[1, 2, 0].tolist() == list(range(32)), "a row of 32 pixels first"
    assert layout.encode(images, labels) == record * 2


@pytest.mark.parametrize("data", [b"", b"x", bytes(3072), bytes(3074)])
def test_half_records_are_refused(data):
    with pytest.raises(
        DataError, match=rf"b.bin: expected a multiple of 3073 bytes.*got {len(data)}"
    ):
        layout.decode(data, "b.bin")


def test_an_eleventh_class_is_refused():
    data = bytes(3073) + bytes([10]) + bytes(3072)
    with pytest.raises(DataError, match="expected labels 0 to 9; got 10 in record 1"):
        layout.decode(data)


def test_check_names_file_expected_and_obtained():
    with pytest.raises(DataError) as error:
        layout.check("test_batch.bin", b"abc")
    assert "test_batch.bin" in str(error.value)
    assert layout.CHECKSUMS["test_batch.bin"] in str(error.value)
    assert hashlib.sha256(b"abc").hexdigest() in str(error.value)


def test_loading_reads_the_files_in_order(tmp_path, tiny_cifar):
    for name, data in tiny_cifar.items():
        (tmp_path / name).write_bytes(data)
    dataset = load_cifar10(tmp_path)
    assert dataset.train_images.shape == (100, 3, 32, 32)
    assert dataset.test_images.shape == (20, 3, 32, 32)
    assert dataset.train_images.dtype == dataset.train_labels.dtype == np.uint8
    third, labels = layout.decode(tiny_cifar["data_batch_3.bin"])
    np.testing.assert_array_equal(dataset.train_images[40:60], third)
    np.testing.assert_array_equal(dataset.train_labels[40:60], labels)
    last, labels = layout.decode(tiny_cifar["test_batch.bin"])
    np.testing.assert_array_equal(dataset.test_images, last)
    np.testing.assert_array_equal(dataset.test_labels, labels)


def test_a_label_that_cannot_be_is_reported_with_its_file(tmp_path, tiny_cifar, monkeypatch):
    tiny_cifar["data_batch_3.bin"] = bytes([11]) + tiny_cifar["data_batch_3.bin"][1:]
    monkeypatch.setattr(layout, "CHECKSUMS", checksums(tiny_cifar))
    for name, data in tiny_cifar.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match="data_batch_3.bin: expected labels 0 to 9; got 11"):
        load_cifar10(tmp_path)


@pytest.mark.parametrize("name", list(layout.CHECKSUMS))
@pytest.mark.parametrize("harm", ["flip", "truncate", "delete"])
def test_nothing_unverified_is_read(tmp_path, tiny_cifar, name, harm):
    folder = tmp_path / "data" / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for each, data in tiny_cifar.items():
        (folder / each).write_bytes(data)
    path = folder / name
    data = bytearray(path.read_bytes())
    data[1234] ^= 1
    if harm == "delete":
        path.unlink()
    else:
        path.write_bytes(data if harm == "flip" else data[:-1])
    with pytest.raises(DataError, match=f"{name}.*repro data fetch"):
        load("cifar10", tmp_path)


def test_what_was_verified_once_is_read_from_its_own_sealed_file(tmp_path, tiny_cifar):
    folder = default_folder(tmp_path)
    folder.mkdir(parents=True)
    for name, data in tiny_cifar.items():
        (folder / name).write_bytes(data)
    before = load("cifar10", tmp_path)
    (folder / "test_batch.bin").unlink()
    again = load("cifar10", tmp_path)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(again, name), getattr(before, name))
    (sealed,) = folder.parent.glob("*.mapped")
    changed = bytearray(sealed.read_bytes())
    changed[77] ^= 1
    sealed.write_bytes(changed)
    with pytest.raises(DataError, match="test_batch.bin: not there"):
        load("cifar10", tmp_path)


def test_the_synthetic_set_is_the_same_every_time_and_balanced(tmp_path):
    one = load("synthetic", tmp_path)
    digests = [hashlib.sha256(getattr(one, name).tobytes()).hexdigest()[:12] for name in FIELDS]
    assert digests == ["339ae66fc606", "2300a0361cab", "989fb114a2b5", "827b3a7804ee"]
    assert {getattr(one, name).dtype for name in FIELDS} == {np.dtype(np.uint8)}
    assert (one.train_images.shape, one.test_images.shape) == ((500, 3, 32, 32), (100, 3, 32, 32))
    assert np.bincount(one.train_labels).tolist() == [50] * 10
    assert np.bincount(one.test_labels).tolist() == [10] * 10
    assert not np.array_equal(one.train_images, synthetic(seed=1).train_images)


def test_the_test_labels_are_those_of_the_whole_data_set(tmp_path, tiny_cifar):
    assert load_test_labels("synthetic", tmp_path).tolist() == synthetic().test_labels.tolist()
    folder = default_folder(tmp_path)
    folder.mkdir(parents=True)
    for name, data in tiny_cifar.items():
        (folder / name).write_bytes(data)
    whole = load("cifar10", tmp_path)
    np.testing.assert_array_equal(
        load_test_labels("cifar10", tmp_path), whole.test_labels, strict=True
    )
    (folder / "test_batch.bin").write_bytes(tiny_cifar["data_batch_1.bin"])
    with pytest.raises(DataError, match="test_batch.bin: expected SHA-256"):
        load_test_labels("cifar10", tmp_path)
