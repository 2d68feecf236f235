from __future__ import annotations

import json
import random
import shutil

import numpy as np
import pytest
import safetensors.numpy

from repro import checkpoints
from repro.audit import Audit
from repro.data.dataset import synthetic
from repro.errors import DataError
from repro.events import Predict, Retrain
from repro.runner import Task, run
from repro.spec import REPORT_RECIPES, RunSpec
from repro.store import Store
from tests.forgery import another, forge_checkpoint, forge_record, get, leaves, put

SPEC = RunSpec(recipe=REPORT_RECIPES["net-relu"], seed=0, dataset="synthetic")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with a run of 11 epochs: a reading and its checkpoint at 10, and an epoch more."""
    root = tmp_path_factory.mktemp("trained")
    failures = run(
        [Task(spec=SPEC, epochs=11)], store=root, home=root, workers=1, on_event=lambda _: None
    )
    assert not failures
    return root


@pytest.fixture
def store(trained, tmp_path):
    """A copy to do harm to."""
    return Store(shutil.copytree(trained, tmp_path / "store"))


def record_path(store):
    return store.folder(SPEC) / "record.json"


def audit_of(store):
    return Audit(store, store.root, store.names())


def cheap(store):
    """The checks that need no process: the record and its accuracies."""
    audit = audit_of(store)
    audit.check_records()
    audit.check_accuracies()
    return audit


def whole(store, minutes=5.0, seed=0, only=lambda task: True):
    """All checks; with these minutes every epoch that can be trained again is."""
    audit = cheap(store)
    jobs = [
        *audit.prediction_jobs(),
        *audit.training_jobs(minutes=minutes, workers=2, seed=seed),
    ]
    audit.do([(record, job) for record, job in jobs if only(job.task)], 2, lambda: None)
    return audit


def refuted(audit):
    return {each.check: each.text for each in audit.findings if each.outcome == "refuted"}


def test_an_honest_run_is_proved_at_every_level(store):
    audit = whole(store)
    assert {each.outcome for each in audit.findings} == {"proved"}
    assert audit.exit_code == 0
    texts = sorted((each.check, each.text.split(" in ")[0]) for each in audit.findings)
    accuracy = f"{store.load(SPEC).readings[0].accuracy:.4f}"
    assert texts == [
        ("accuracy", accuracy),
        ("predictions", "epoch 10: 100 predictions from the stored weights"),
        ("predictions", "epoch 11: the weights are those of the record"),
        ("record", "11 epochs, as sealed"),
        ("training", "epoch 1 trained again"),
        ("training", "epoch 11 trained again"),
    ]


def test_every_value_of_a_record_is_sealed(store):
    path = record_path(store)
    honest = path.read_bytes()
    fields = json.loads(honest)
    for place in leaves(fields):
        changed = json.loads(honest)
        put(changed, place, another(get(fields, place)))
        path.write_bytes((json.dumps(changed, indent=1) + "\n").encode())
        audit = cheap(store)
        assert list(refuted(audit)) == ["record"], place
        assert audit.exit_code == 1
        assert str(path) in refuted(audit)["record"]


def test_every_bit_of_a_record_is_sealed(store):
    path = record_path(store)
    honest = path.read_bytes()
    for position in range(0, len(honest), 3):
        changed = bytearray(honest)
        changed[position] ^= 1 << random.Random(position).randrange(8)
        path.write_bytes(changed)
        with pytest.raises(DataError, match=r"record\.json: "):
            store.load(SPEC)


def test_other_bytes_with_the_same_values_are_not_a_record(store):
    path = record_path(store)
    path.write_bytes(path.read_bytes().replace(b'"seed": 0', b'"seed":  0'))
    assert "the same values, but other bytes than were written" in refuted(cheap(store))["record"]


@pytest.mark.parametrize(
    ("place", "check", "words"),
    [
        (("spec", "seed"), "record", "run: expected"),
        (("readings", 0, "accuracy"), "accuracy", "epoch 10: recorded accuracy"),
        (("readings", 0, "predictions_sha256"), "accuracy", "epoch 10: expected predictions"),
        (("epochs", 0, "weights_sha256"), "training", "epoch 1: weights_sha256: recorded"),
        (("epochs", 0, "train_loss"), "training", "epoch 1: train_loss: recorded"),
        (("epochs", 0, "last_batch_loss"), "training", "epoch 1: last_batch_loss: recorded"),
        (("epochs", 0, "validation_loss"), "training", "epoch 1: validation_loss: recorded"),
        (("epochs", 0, "validation_accuracy"), "training", "epoch 1: validation_accuracy: rec"),
        (("epochs", 10, "weights_sha256"), "training", "epoch 11: weights_sha256: recorded"),
        (("epochs", 4, "train_loss"), "predictions", "history is not that of the record"),
        (("epochs", 4, "duration_s"), "predictions", "history is not that of the record"),
    ],
)
def test_a_forged_value_under_a_new_seal_is_refuted_by_a_deeper_check(store, place, check, words):
    forge_record(record_path(store), lambda fields: put(fields, place, another(get(fields, place))))
    deep = {"predictions": Predict(epoch=10, exactly=True), "training": Retrain(start=place[1])}
    audit = whole(store, only=lambda task: task == deep.get(check))
    assert words in refuted(audit)[check]
    assert audit.exit_code == 1


def test_a_reading_left_out_is_refuted(store):
    forge_record(record_path(store), lambda fields: fields["readings"].clear())
    text = refuted(cheap(store))["record"]
    assert text == "expected the test set to be read at epochs [10]; got []"


def test_better_predictions_under_a_new_seal_are_not_those_of_the_weights(store):
    """All that the cheap checks look at is forged; the stored weights say otherwise."""
    import hashlib

    labels = synthetic().test_labels
    digest = hashlib.sha256(labels.tobytes()).hexdigest()

    def perfect(fields):
        fields["readings"][0] |= {"accuracy": 1.0, "predictions_sha256": digest}

    forge_record(record_path(store), perfect)
    path = store.folder(SPEC) / "predictions.safetensors"
    path.write_bytes(safetensors.numpy.save({"10": labels}))
    for epoch in (10, None):
        forge_checkpoint(
            store.checkpoint(SPEC, epoch),
            perfect,
            lambda tensors: tensors["predictions.10"].copy_(tensors["predictions.10"].new(labels)),
        )
    assert not refuted(cheap(store))
    texts = refuted(whole(store, minutes=0))
    assert "recorded predictions are not what the stored weights predict" in texts["predictions"]


def test_every_bit_of_the_predictions_is_held_to_the_record(store):
    path = store.folder(SPEC) / "predictions.safetensors"
    honest = path.read_bytes()
    for position in range(len(honest)):
        for bit in range(8):
            changed = bytearray(honest)
            changed[position] ^= 1 << bit
            path.write_bytes(changed)
            with pytest.raises(DataError, match=r"predictions\.safetensors: "):
                store.predictions(store.load(SPEC))
    path.unlink()
    assert "cannot be read" in refuted(cheap(store))["accuracy"]


def test_every_bit_of_a_checkpoint_is_sealed(store):
    path = store.checkpoint(SPEC, 10)
    honest = path.read_bytes()
    header = 8 + int.from_bytes(honest[:8], "little")
    chance = random.Random(0)
    places = [*range(0, header, 7), *(chance.randrange(header, len(honest)) for _ in range(200))]
    for position in places:
        changed = bytearray(honest)
        changed[position] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(DataError, match=r"checkpoint-10\.safetensors: "):
            checkpoints.read(path, SPEC)


def test_a_damaged_checkpoint_is_named(store):
    path = store.checkpoint(SPEC, 10)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    audit = whole(store, minutes=0)
    assert refuted(audit) == {
        "predictions": f"{path}: the checkpoint is damaged; delete it to train anew"
    }


def test_a_checkpoint_under_another_epochs_name_is_refuted(store):
    shutil.copy(store.checkpoint(SPEC), store.checkpoint(SPEC, 10))
    audit = whole(store, minutes=0)
    assert "expected 10 epochs; got 11" in refuted(audit)["predictions"]


def test_forged_weights_under_a_new_seal_are_not_those_of_the_history(store):
    forge_checkpoint(
        store.checkpoint(SPEC, 10),
        change_tensors=lambda tensors: tensors["model.fc3.bias"].add_(1e-3),
    )
    audit = whole(store, minutes=0)
    assert "weights are not those of its history" in refuted(audit)["predictions"]


def test_a_record_of_another_torch_is_not_compared_and_not_refuted(store):
    forge_record(record_path(store), lambda fields: put(fields, ("environment", "torch"), "2.99.0"))
    audit = whole(store)
    outcomes = {(each.check, each.outcome) for each in audit.findings}
    assert outcomes == {
        ("record", "proved"),
        ("accuracy", "proved"),
        ("predictions", "not comparable"),
        ("training", "not comparable"),
    }
    assert "it was begun with torch 2.99.0; this is torch" in audit.findings[-1].text
    assert audit.exit_code == 0


def test_epochs_are_drawn_by_the_seed_and_within_the_minutes(store):
    audit = cheap(store)

    def drawn(minutes, seed):
        jobs = audit.training_jobs(minutes=minutes, workers=1, seed=seed)
        return [job.task.start for _, job in jobs]

    assert drawn(5, 0) == drawn(5, 0)
    assert {tuple(drawn(5, seed)) for seed in range(20)} == {(0, 10), (10, 0)}
    assert {tuple(drawn(0.25, seed)) for seed in range(20)} == {(0,), (10,)}, "one of ten seconds"
    assert drawn(0, 0) == []


def test_a_check_that_cannot_be_done_says_nothing_against_the_run(store, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    audit = whole(store)
    assert {each.outcome for each in audit.findings} == {"proved", "failed"}
    assert audit.exit_code == 4


def test_an_accuracy_is_counted_from_the_labels(store):
    """Not copied: with other labels the same record would be refuted."""
    record = store.load(SPEC)
    classes = store.predictions(record)[10]
    right = np.count_nonzero(classes == synthetic().test_labels)
    assert record.readings[0].accuracy == right / 100
