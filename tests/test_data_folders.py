from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from repro.data.dataset import synthetic
from repro.data.folders import export, read_exported
from repro.errors import DataError, UsageError

DATA = synthetic(train=30, test=20)


def write(folder):
    seen = []
    export(DATA, folder, lambda done, total: seen.append((done, total)))
    return seen


def test_the_export_has_the_reports_names_and_reads_back_to_the_same_arrays(tmp_path):
    assert write(tmp_path / "out")[-1] == (50, 50)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["testLables.csv", "test_cifar10", "trainLables.csv", "train_cifar10"]
    images = {path.name for path in (tmp_path / "out" / "test_cifar10").iterdir()}
    assert images == {f"{n}.png" for n in range(1, 21)}
    first = (tmp_path / "out" / "testLables.csv").read_text().splitlines()[:2]
    classes = "airplane automobile bird cat deer dog frog horse ship truck"
    assert first == ["Image,Category", f"1,{classes.split()[DATA.test_labels[0]]}"]
    with Image.open(tmp_path / "out" / "train_cifar10" / "7.png") as image:
        np.testing.assert_array_equal(np.asarray(image).transpose(2, 0, 1), DATA.train_images[6])
    again = read_exported(tmp_path / "out")
    for name in DATA.__slots__:
        np.testing.assert_array_equal(getattr(again, name), getattr(DATA, name))


def test_an_export_overwrites_nothing(tmp_path):
    (tmp_path / "train_cifar10").mkdir()
    with pytest.raises(UsageError, match="train_cifar10: is there already"):
        write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["train_cifar10"]


def test_an_export_that_fails_leaves_nothing_half_written(tmp_path, monkeypatch):
    calls = []

    def fail_late(self, *args, **options):
        calls.append(1)
        if len(calls) == 40:
            raise OSError(28, "No space left on device")
        return original(self, *args, **options)

    original = Image.Image.save
    monkeypatch.setattr(Image.Image, "save", fail_late)
    with pytest.raises(DataError, match="the disk is full"):
        write(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_missing_or_strange_image_is_named(tmp_path):
    write(tmp_path)
    path = tmp_path / "test_cifar10" / "5.png"
    Image.new("L", (8, 8)).save(path)
    with pytest.raises(DataError, match="5.png: expected an RGB image of 32x32; got L, 8x8"):
        read_exported(tmp_path)
    path.write_bytes(b"no image")
    with pytest.raises(DataError, match="5.png: cannot be read as a PNG image"):
        read_exported(tmp_path)
    path.unlink()
    with pytest.raises(DataError, match="5.png: cannot be read as a PNG image"):
        read_exported(tmp_path)
