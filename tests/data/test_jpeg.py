"""Training images out of JPEG files."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from repro.data.dataset import synthetic
from repro.data.jpeg import compress
from repro.spec import REPORT_RECIPES, RunSpec
from repro.training.kernel_engine import KernelTrainer
from repro.training.torch_engine import Trainer

DATA = synthetic(train=12, test=10)
ROWS = DATA.train_images.transpose(0, 2, 3, 1)


def test_a_better_quality_loses_less():
    lost = [np.abs(compress(ROWS, quality).astype(int) - ROWS).mean() for quality in (10, 75, 95)]
    assert lost[0] > lost[1] > lost[2] > 0


def test_grey_stays_as_it_is():
    grey = np.full((2, 32, 32, 3), 128, np.uint8)
    np.testing.assert_array_equal(compress(grey, 75), grey)


def test_of_a_data_set_only_the_training_images_are_compressed():
    compressed = DATA.in_jpeg(75)
    rows = compressed.train_images.transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(rows, compress(ROWS, 75))
    assert compressed.test_images is DATA.test_images
    assert DATA.in_jpeg(0) is DATA


@pytest.mark.parametrize("engine", ["kernels", "torch"])
def test_both_engines_train_on_them(engine):
    make = KernelTrainer if engine == "kernels" else Trainer
    digests = set()
    for quality in (0, 75):
        recipe = dataclasses.replace(REPORT_RECIPES["net-relu"], jpeg_quality=quality)
        spec = RunSpec(recipe=recipe, seed=0, engine=engine, dataset="synthetic")
        digests.add(make(spec, DATA).train_epoch().weights_sha256)
    by_hand = RunSpec(recipe=REPORT_RECIPES["net-relu"], seed=0, engine=engine, dataset="synthetic")
    assert make(by_hand, DATA.in_jpeg(75)).train_epoch().weights_sha256 in digests
    assert len(digests) == 2
