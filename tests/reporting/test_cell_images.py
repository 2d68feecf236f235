"""Which test images stand behind the cells of the confusion matrices, and what runs say of them."""

from __future__ import annotations

import base64
import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from repro.reporting import cell_images as module
from repro.reporting.cell_images import cell_images

GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.integers(0, 10, 10_000).astype(np.uint8)
IMAGES = GENERATOR.integers(0, 256, (10_000, 3, 32, 32)).astype(np.uint8)


def known(**predicted):
    """Evidence of these predictions (runs, 10,000), by model."""
    return SimpleNamespace(
        dataset=SimpleNamespace(test_labels=LABELS, test_images=IMAGES),
        has_dataset=True,
        models=list(predicted),
        last_reading=lambda model: 100 if model in predicted else None,
        predictions=lambda model, _: list(predicted[model]),
    )


@pytest.fixture(scope="module")
def evidence():
    """A network that errs at random, and one whose three runs take every cat for a dog."""
    noisy = np.where(GENERATOR.random((2, 10_000)) < 0.3, (LABELS + 3) % 10, LABELS)
    cats = np.where(LABELS == 3, 5, LABELS)
    return known(**{"net-relu": noisy, "resnet": np.array([cats] * 3)})


def test_each_image_has_its_class_and_what_the_runs_say(evidence):
    data = cell_images(evidence)
    assert (data["models"], data["runs"]) == (["net-relu", "resnet"], [2, 3])
    assert len(data["images"]) == module.SHOWN == len({number for number, _, _ in data["images"]})
    for number, truth, votes in data["images"]:
        assert truth == LABELS[number]
        for model, said, runs in zip(data["models"], votes, data["runs"], strict=True):
            predicted = [each[number] for each in evidence.predictions(model, 100)]
            counts = dict(zip(said[::2], said[1::2], strict=True))
            assert counts == {int(c): predicted.count(c) for c in predicted}
            assert sum(counts.values()) == runs
            assert said[1::2] == sorted(said[1::2], reverse=True)


def test_first_come_images_of_the_page_then_the_fullest_cells(evidence):
    numbers = [number for number, _, _ in cell_images(evidence)["images"]]
    wrong = [n for n in range(10_000) if all(
        (each[n] != LABELS[n]) for m in evidence.models for each in evidence.predictions(m, 100)
    )]  # fmt: skip
    assert numbers[: module.WRONG_SHOWN] == wrong[: module.WRONG_SHOWN]
    assert set(range(module.EXAMPLES)) <= set(numbers)
    voted = {(int(LABELS[n]), c) for n in numbers for c in votes_of(evidence, n)}
    assert voted >= {(truth, (truth + 3) % 10) for truth in range(10)} | {(3, 5)}


def votes_of(evidence, number):
    """The classes that some run predicts for an image."""
    return {int(each[number]) for m in evidence.models for each in evidence.predictions(m, 100)}


def test_the_picture_has_them_one_below_the_other(evidence):
    data = cell_images(evidence)
    head, _, text = data["picture"].partition(",")
    assert head == "data:image/jpeg;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(text)))
    assert picture.size == (32, 32 * module.SHOWN)
    assert cell_images(evidence) == data, "the same every time"


def test_a_network_that_is_always_right_has_the_images_of_the_page_alone():
    data = cell_images(known(improved=np.array([LABELS, LABELS])))
    assert {number for number, _, _ in data["images"]} >= set(range(module.EXAMPLES))
    assert all(votes == [[truth, 2]] for _, truth, votes in data["images"])


def test_without_predictions_or_the_data_set_there_are_none(evidence):
    assert cell_images(known()) is None
    assert cell_images(SimpleNamespace(**{**vars(evidence), "has_dataset": False})) is None
