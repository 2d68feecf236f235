"""Confidences in bins, and what becomes of bins that are not of a run's weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.errors import DataError
from repro.runs.store import Store
from repro.verdicts.calibration import Bin, bin_up, calibration_error, load_bins, save_bins
from repro.verdicts.evidence import Evidence
from tests.examples import record, sha


def test_bins_by_hand():
    """0.5 is the last of its bin, 0.51 the first of the next; 1 has one too."""
    bins = bin_up("r", 10, sha("w"), [0.45, 0.5, 0.51, 1.0], [True, False, True, True])
    assert [(b.number, b.images, b.confidence, b.accuracy) for b in bins] == [
        (4, 2, 0.475, 0.5), (5, 1, 0.51, 1.0), (9, 1, 1.0, 1.0),
    ]  # fmt: skip
    assert calibration_error(bins) == pytest.approx((2 * 0.025 + 0.49) / 4)


def test_the_ends_of_the_scale_have_a_bin():
    """0 belongs to the first, and so does a confidence of 1 that rounding has put above 1 to the
    last; means are rounded to six digits."""
    sure = np.array([0, 0.05, 0.09, 1 + 1e-7], np.float32)
    first, last = bin_up("r", 10, sha("w"), sure, [1, 0, 0, 1])
    assert (first.number, first.images, first.confidence) == (0, 3, 0.046667)
    assert (first.accuracy, last.number, last.images) == (0.333333, 9, 1)


@given(st.lists(st.tuples(st.floats(0.1, 1), st.booleans()), min_size=1, max_size=50))
def test_every_image_is_in_one_bin_and_means_stay_inside(images):
    sure, right = zip(*images, strict=True)
    bins = bin_up("r", 10, sha("w"), sure, right)
    assert sum(each.images for each in bins) == len(images)
    assert sum(each.images * each.accuracy for each in bins) == pytest.approx(sum(right), abs=1e-3)
    for each in bins:
        assert each.number / 10 - 1e-6 <= each.confidence <= (each.number + 1) / 10 + 1e-6
    assert 0 <= calibration_error(bins) <= 1


def test_bins_are_kept_and_used_for_the_weights_that_they_are_of(tmp_path):
    one = record()
    mine = bin_up(one.spec.name, 10, one.epochs[9].weights_sha256, [0.6, 0.7], [True, False])
    stale = bin_up(one.spec.name, 10, sha("other weights"), [0.6], [True])
    save_bins(tmp_path / "calibration.csv", [*mine, *stale])
    assert load_bins(tmp_path / "calibration.csv") == [*mine, *stale]
    assert Evidence(Store(tmp_path), [one]).calibration == {"net-relu": mine}
    assert Evidence(Store(tmp_path / "none"), [one]).calibration == {}


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "\xff", None])
def test_a_file_of_another_form_is_refused(tmp_path, text):
    path = tmp_path / "calibration.csv"
    if text is None:
        save_bins(
            path,
            [
                Bin(
                    run="r",
                    epoch=1,
                    weights_sha256="w",
                    number=0,
                    images=1,
                    confidence=1,
                    accuracy=1,
                )
            ],
        )
        path.write_text(path.read_text().replace("r,1,", "r,one,"))
    else:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"calibration\.csv[,:] "):
        load_bins(path)


@pytest.mark.parametrize(
    "row", ["1,w,0,0,0.5,0.5", "1,w,10,5,0.5,0.5", "1,w,0,5,7,0.5", "1,w,0,5,nan,0.5"]
)
def test_bins_that_cannot_be_are_refused(tmp_path, row):
    path = tmp_path / "calibration.csv"
    path.write_text(
        f"run,epoch,weights_sha256,number,images,confidence,accuracy\nr,1,w,1,5,0.15,0.2\nr,{row}\n"
    )
    with pytest.raises(DataError, match=r"calibration\.csv, line 3: not a file of calibration: "):
        load_bins(path)
    path.write_text(path.read_text().replace(f"r,{row}", "r,1,w,1,5,0.15,0.2"))
    with pytest.raises(DataError) as refused:
        load_bins(path)
    assert str(refused.value) == f"{path}: not a file of calibration: expected each bin once"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"epoch": 0}, "0, 5, 1 and (0.15, 0.2)"),
        ({"images": 0}, "1, 0, 1 and (0.15, 0.2)"),
        ({"number": 10}, "1, 5, 10 and (0.15, 0.2)"),
        ({"number": -1}, "1, 5, -1 and (0.15, 0.2)"),
        ({"accuracy": 1.5}, "1, 5, 1 and (0.15, 1.5)"),
        ({"confidence": -0.1}, "1, 5, 1 and (-0.1, 0.2)"),
    ],
)
def test_a_bin_says_what_it_wants(changed, told):
    good = {"epoch": 1, "images": 5, "number": 1, "confidence": 0.15, "accuracy": 0.2}
    with pytest.raises(ValueError, match="expected") as refused:
        Bin(run="r", weights_sha256="w", **good | changed)
    assert str(refused.value) == (
        "expected an epoch and images from 1, a number in [0, 9] and shares in [0, 1]; got " + told
    )


def test_a_checkpoint_ahead_of_its_record_is_not_taken(tmp_path):
    """As a kill between the two leaves it."""
    store, run = Store(tmp_path), record(epochs=29)
    for epoch in (10, 30):
        path = store.checkpoint(run.spec, epoch)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert Evidence(store, [run]).kept("net-relu") == (run, 10)
