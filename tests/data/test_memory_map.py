from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from repro.data import layout, memory_map


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cifar-10-batches-bin"


def loaded(folder, tiny_cifar):
    asked = []

    def read(name):
        asked.append(name)
        return tiny_cifar[name]

    return *memory_map.load(folder, read), asked


def mapped_file(folder):
    (path,) = folder.parent.glob("*.mapped")
    return path


def test_images_and_labels_are_those_of_the_six_files(folder, tiny_cifar):
    for made in (True, False):
        images, labels, asked = loaded(folder, tiny_cifar)
        assert asked == (list(layout.CHECKSUMS) if made else []), "the second time it is mapped"
        decoded = [layout.decode(tiny_cifar[name]) for name in layout.CHECKSUMS]
        np.testing.assert_array_equal(images, np.concatenate([each[0] for each in decoded]))
        np.testing.assert_array_equal(labels, np.concatenate([each[1] for each in decoded]))


def test_channels_are_innermost_in_memory(folder, tiny_cifar):
    images, _, _ = loaded(folder, tiny_cifar)
    assert images.strides == (3072, 1, 96, 3)


@pytest.mark.parametrize("at", [0, 120, 5000, -40, -1])
def test_a_damaged_file_is_made_anew(folder, tiny_cifar, at):
    images, _, _ = loaded(folder, tiny_cifar)
    kept = images.copy()
    data = bytearray(mapped_file(folder).read_bytes())
    data[at] ^= 1
    mapped_file(folder).write_bytes(data)
    again, _, asked = loaded(folder, tiny_cifar)
    assert asked == list(layout.CHECKSUMS)
    np.testing.assert_array_equal(again, kept)


@pytest.mark.parametrize("content", [b"", b"abc", bytes(40)])
def test_no_such_file_at_all_is_made_anew(folder, tiny_cifar, content):
    loaded(folder, tiny_cifar)
    mapped_file(folder).write_bytes(content)
    _, labels, asked = loaded(folder, tiny_cifar)
    assert (len(labels), len(asked)) == (120, 6)


def test_what_a_killed_process_left_is_gone_after_the_next_and_one_of_many_makes_the_file(
    folder, tiny_cifar
):
    loaded(folder, tiny_cifar)
    path = mapped_file(folder)
    left, others = (path.with_name(f"{name}.4711.tmp") for name in (path.name, "another.mapped"))
    for each in (left, others):
        each.write_bytes(b"half")
    path.unlink()
    with ThreadPoolExecutor(4) as pool:
        asked = [each for *_, each in pool.map(lambda _: loaded(folder, tiny_cifar), range(4))]
    assert sorted(map(len, asked)) == [0, 0, 0, 6]
    assert not left.exists()
    assert others.exists(), "it may be being written"


def test_other_checksums_have_another_file(folder, tiny_cifar, monkeypatch):
    loaded(folder, tiny_cifar)
    monkeypatch.setattr(layout, "CHECKSUMS", {**layout.CHECKSUMS, "test_batch.bin": "0" * 64})
    _, _, asked = loaded(folder, tiny_cifar)
    assert len(asked) == 6
    assert len(list(folder.parent.glob("*.mapped"))) == 2


def test_writing_to_the_arrays_changes_no_file(folder, tiny_cifar):
    images, labels, _ = loaded(folder, tiny_cifar)
    before = hashlib.sha256(mapped_file(folder).read_bytes()).hexdigest()
    images[0], labels[0] = 255 - images[0], 9
    assert hashlib.sha256(mapped_file(folder).read_bytes()).hexdigest() == before


def test_where_no_file_can_be_written_the_arrays_are_ordinary(tmp_path, tiny_cifar):
    (tmp_path / "taken").write_text("a file, where a folder is wanted")
    images, labels, asked = loaded(tmp_path / "taken" / "folder", tiny_cifar)
    assert (images.shape, len(labels), len(asked)) == ((120, 3, 32, 32), 120, 6)
    images[0] = 0
