from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from repro.data.dataset import synthetic
from repro.data.png_export import export
from repro.errors import DataError, UsageError
from tests.data.exported import read_exported

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
        assert getattr(again, name).dtype == np.uint8
        np.testing.assert_array_equal(getattr(again, name), getattr(DATA, name))


def test_progress_is_the_number_of_images_written_every_500_and_at_the_end(tmp_path):
    def progress(done, total):
        seen.append((done, total))
        assert done == len(list(tmp_path.rglob("*.png")))

    seen = []
    export(synthetic(train=510, test=10), tmp_path, progress)
    assert seen == [(500, 520), (520, 520)]


def test_what_a_killed_export_left_is_no_part_of_the_next(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *_, **__: None)
        patch.setattr(Image.Image, "save", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write(tmp_path)
    assert list(tmp_path.iterdir()), "as a kill leaves it"
    write(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


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
    with pytest.raises(DataError, match=f"{tmp_path}: cannot be written: the disk is full"):
        write(tmp_path)
    assert not list(tmp_path.iterdir())
