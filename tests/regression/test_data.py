"""The real data set is what the report's chapters 2 and 3.2.1 say that it is."""

from __future__ import annotations

import time

import numpy as np
import pytest
from typer.testing import CliRunner

from repro.__main__ import load_cli
from repro.data.layout import CLASSES
from repro.data.png_export import export
from tests.data.exported import read_exported

pytestmark = pytest.mark.regression

# Figure 3-7 of the report, image numbers 1 to 20.
FIRST_TEST_LABELS = (
    "cat ship ship airplane frog frog automobile frog cat automobile "
    "airplane truck dog horse truck ship dog horse ship frog"
)


def test_there_are_5000_training_and_1000_test_images_a_class(cifar10):
    assert cifar10.train_images.shape == (50_000, 3, 32, 32)
    assert cifar10.test_images.shape == (10_000, 3, 32, 32)
    assert np.bincount(cifar10.train_labels).tolist() == [5_000] * 10
    assert np.bincount(cifar10.test_labels).tolist() == [1_000] * 10


def test_the_first_test_labels_are_those_of_figure_3_7(cifar10):
    assert [CLASSES[label] for label in cifar10.test_labels[:20]] == FIRST_TEST_LABELS.split()


def test_show_prints_them():
    text = CliRunner().invoke(load_cli().app, ["data", "show"]).output
    rows = [line.split() for line in text.splitlines()]
    shown = {row[0]: row[1] for row in rows if len(row) == 2 and row[0].isdigit()}
    assert " ".join(shown[str(n)] for n in range(1, 21)) == FIRST_TEST_LABELS
    assert ["frog", "5,000", "1,000"] in rows
    assert any(row[:2] == ["test_batch.bin", "30,730,000"] for row in rows)


def test_the_export_of_all_60000_images_reads_back_to_the_same_arrays(cifar10, tmp_path):
    began = time.process_time()
    export(cifar10, tmp_path, lambda *_: None)
    assert time.process_time() - began < 60, "of one core: 18 s on an EPYC 7003"
    again = read_exported(tmp_path)
    for name in cifar10.__slots__:
        np.testing.assert_array_equal(getattr(again, name), getattr(cifar10, name))
