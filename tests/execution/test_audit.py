from __future__ import annotations

import dataclasses
import hashlib
import json
import random
import shutil

import numpy as np
import pytest
import safetensors.numpy

from repro.data.dataset import synthetic
from repro.errors import DataError, DiskError
from repro.execution import check_jobs
from repro.execution.audit import Audit
from repro.execution.comparing import compare_predictions, count_right
from repro.execution.messages import Predict, Retrain
from repro.execution.scheduler import Task, run
from repro.reporting.check_tables import summarise_audit
from repro.runs import checkpoints
from repro.runs.records import Switched
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES, RunSpec
from tests.examples import record as example
from tests.forgery import another, forge_checkpoint, forge_record, get, leaves, put

trains = pytest.mark.durability
"""Starts processes that predict and train."""

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


def test_what_was_not_checked_is_not_proved(tmp_path):
    """A run of one epoch: the test set was not read, and without minutes nothing is trained."""
    failures = run(
        [Task(spec=SPEC, epochs=1)], store=tmp_path, home=tmp_path, workers=1,
        on_event=lambda _: None,
    )  # fmt: skip
    assert not failures
    store = Store(tmp_path)
    audit = cheap(store)
    assert [(each.check, each.outcome) for each in audit.findings] == [
        ("record", "proved"), ("accuracy", "not checked"),
    ]  # fmt: skip
    assert audit.conclusion == "incomplete"
    assert "1 not checked, nothing was checked that a forger" in summarise_audit(audit)
    jobs = audit.training_jobs(minutes=5, workers=1, seed=0)
    audit.do(jobs, 1, lambda: None)
    assert audit.conclusion == "proved"
    assert summarise_audit(audit).endswith("1 epochs trained again; 1 not checked")


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


def whole(store, minutes=5.0, seed=0, only=lambda action: True):
    """All checks; with these minutes every epoch that can be trained again is."""
    audit = cheap(store)
    jobs = [
        *audit.prediction_jobs(),
        *audit.training_jobs(minutes=minutes, workers=2, seed=seed),
    ]
    audit.do([(record, job) for record, job in jobs if only(job.action)], 2, lambda: None)
    return audit


def begin_elsewhere(store):
    """Let the whole run say, under new seals, that kernels of another version trained it."""

    def change(fields):
        put(fields, ("environment", "kernels"), "99, avx2")

    forge_record(record_path(store), change)
    for epoch in (10, None):
        forge_checkpoint(store.checkpoint(SPEC, epoch), change)


def covers(action, wanted):
    """Whether `action` is the one that is wanted, or trains more from the same start."""
    if isinstance(action, Retrain) and isinstance(wanted, Retrain):
        return action.start == wanted.start
    return action == wanted


def refuted(audit):
    return {each.check: each.text for each in audit.findings if each.outcome == "refuted"}


@trains
def test_an_honest_run_is_proved_at_every_level(store):
    audit = whole(store)
    assert {each.outcome for each in audit.findings} == {"proved"}
    assert audit.conclusion == "proved"
    texts = [(each.check, each.epoch) for each in audit.findings]
    assert sorted(texts, key=str) == sorted(
        [
            ("record", None), ("accuracy", None), ("predictions", 10), ("predictions", 11),
            *(("training", epoch) for epoch in range(1, 12)),
        ],
        key=str,
    )  # fmt: skip
    assert (audit.drawn, audit.trainable) == (11, 11)
    assert all("the same weights" in e.text for e in audit.findings if e.check == "training")


@trains
def test_a_forged_stretch_is_refuted_once_the_stretch_is_trained_again(store):
    """Epochs that nobody trained, between a true beginning and a checkpoint of other weights."""

    def invent(fields):
        fields["epochs"][5]["weights_sha256"] = "0" * 64

    forge_record(record_path(store), invent)
    for epoch in (10, None):
        forge_checkpoint(store.checkpoint(SPEC, epoch), invent)
    first = whole(store, minutes=0.12, only=lambda action: isinstance(action, Retrain))
    assert {each.epoch for each in first.findings if each.check == "training"} <= {1, 2, 11}
    assert not refuted(first), "an epoch of each stretch does not reach it"
    full = whole(store, only=lambda action: isinstance(action, Retrain))
    assert "epoch 6: weights_sha256: recorded 0000" in refuted(full)["training"]


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
        assert audit.conclusion == "refuted"
        assert str(path) in refuted(audit)["record"]


def test_a_flipped_bit_of_a_record_is_noticed_wherever_it_is(store):
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


@trains
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
    deep = {"predictions": Predict(epoch=10, exactly=True), "training": Retrain(start=0, epochs=1)}
    if place[0] == "epochs" and place[1] == 10:
        deep["training"] = Retrain(start=10, epochs=1)
    minutes = 0.4 if check == "training" else 0
    audit = whole(store, minutes=minutes, only=lambda action: covers(action, deep.get(check)))
    assert words in refuted(audit)[check]
    assert audit.conclusion == "refuted"


def test_a_reading_left_out_is_refuted(store):
    forge_record(record_path(store), lambda fields: fields["readings"].clear())
    text = refuted(cheap(store))["record"]
    assert text == "expected the test set to be read at epochs [10]; got []"


@trains
def test_better_predictions_under_a_new_seal_are_not_those_of_the_weights(store):
    """All that the cheap checks look at is forged; the stored weights say otherwise."""
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
            lambda tensors: tensors.update({"predictions.10": labels}),
        )
    assert not refuted(cheap(store))
    texts = refuted(whole(store, minutes=0))
    assert "recorded predictions are not what the stored weights predict" in texts["predictions"]


@pytest.mark.slow
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
    assert "nothing is there" in refuted(cheap(store))["accuracy"]


def test_a_flipped_bit_of_a_checkpoint_is_noticed_wherever_it_is(store):
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


@trains
def test_a_damaged_checkpoint_is_named(store):
    path = store.checkpoint(SPEC, 10)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    audit = whole(store, minutes=0)
    assert refuted(audit) == {
        "predictions": f"{path}: the checkpoint is damaged; delete it to go on without it"
    }


@trains
def test_a_checkpoint_under_another_epochs_name_is_refuted(store):
    shutil.copy(store.checkpoint(SPEC), store.checkpoint(SPEC, 10))
    audit = whole(store, minutes=0)
    assert "expected 10 epochs; got 11" in refuted(audit)["predictions"]


@trains
def test_forged_weights_under_a_new_seal_are_not_those_of_the_history(store):
    forge_checkpoint(
        store.checkpoint(SPEC, 10),
        change_tensors=lambda tensors: np.add.at(tensors["model.fc3.bias"], 0, 1e-3),
    )
    audit = whole(store, minutes=0)
    expected = "the weights are not those of the checkpoint's history"
    assert expected in refuted(audit)["predictions"]


@trains
def test_a_record_of_other_arithmetic_is_not_compared_and_not_refuted(store):
    begin_elsewhere(store)
    audit = whole(store)
    outcomes = {(each.check, each.outcome) for each in audit.findings}
    assert outcomes == {
        ("record", "proved"),
        ("accuracy", "proved"),
        ("predictions", "not comparable"),
        ("training", "not comparable"),
    }
    assert "it was begun with kernels 99, avx2; this is kernels " in audit.findings[-1].text
    assert audit.conclusion == "incomplete", "not refuted, but not all proved either"


def test_epochs_are_drawn_by_the_seed_and_within_the_minutes(store):
    audit = cheap(store)

    def drawn(minutes, seed):
        jobs = audit.training_jobs(minutes=minutes, workers=1, seed=seed)
        return [(job.action.start, job.action.epochs) for _, job in jobs]

    assert drawn(5, 0) == drawn(5, 0)
    assert {tuple(drawn(5, seed)) for seed in range(20)} == {((0, 10), (10, 1)), ((10, 1), (0, 10))}
    assert {tuple(drawn(0.12, seed)) for seed in range(20)} == {((0, 1),), ((10, 1),)}
    assert {tuple(drawn(0.15, seed)) for seed in range(20)} == {((0, 2),), ((10, 1),)}
    assert drawn(0, 0) == []


def test_the_record_does_not_set_the_price_of_its_own_check(store):
    """Else a forger would write that an epoch takes an hour, and none would be drawn."""
    slow = lambda fields: [each.update(duration_s=4e9) for each in fields["epochs"]]  # noqa: E731
    before = cheap(store).training_jobs(minutes=1, workers=1, seed=0)
    forge_record(record_path(store), slow)
    after = cheap(store).training_jobs(minutes=1, workers=1, seed=0)
    assert [job.action for _, job in after] == [job.action for _, job in before]


def test_a_reading_without_a_checkpoint_is_not_called_proved(store):
    store.checkpoint(SPEC, 10).unlink()
    audit = cheap(store)
    audit.prediction_jobs()
    assert ("not checked", "no checkpoint of 10 epochs is stored") in [
        (each.outcome, each.text) for each in audit.findings
    ]
    assert audit.conclusion == "proved"


def test_a_record_without_an_epoch_is_refuted(store):
    forge_record(record_path(store), lambda fields: fields.update(epochs=[], readings=[]))
    assert refuted(cheap(store)) == {"record": "expected an epoch at least; got none"}


@trains
def test_predictions_of_another_number_are_refuted_and_stop_no_other_check(store):
    short = synthetic().test_labels[:99]
    digest = hashlib.sha256(short.tobytes()).hexdigest()
    change = lambda fields: fields["readings"][0].update(predictions_sha256=digest)  # noqa: E731
    forge_record(record_path(store), change)
    path = store.folder(SPEC) / "predictions.safetensors"
    path.write_bytes(safetensors.numpy.save({"10": short}))
    for epoch in (10, None):
        forge_checkpoint(
            store.checkpoint(SPEC, epoch),
            change,
            lambda tensors: tensors.update({"predictions.10": short}),
        )
    texts = refuted(whole(store, minutes=0))
    assert texts["accuracy"] == "epoch 10: expected 100 predictions; got 99"
    assert texts["predictions"] == "epoch 10: expected 100 recorded predictions; got 99"


@trains
def test_damage_is_refuted_also_where_the_versions_differ(store):
    begin_elsewhere(store)
    path = store.checkpoint(SPEC, 10)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert "the checkpoint is damaged" in refuted(whole(store, minutes=0))["predictions"]


def test_a_disk_that_cannot_be_read_says_nothing_against_the_run(store, monkeypatch):
    def refuse(*_):
        raise DiskError("no permission")

    monkeypatch.setattr(store, "predictions", refuse)
    audit = cheap(store)
    assert audit.findings[-1].outcome == "failed"
    assert audit.conclusion == "incomplete"


def test_a_run_on_a_gpu_is_not_comparable_where_there_is_none(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    events = []
    record = example(device="cuda", engine="torch")
    assert not check_jobs.is_comparable(record, events.append)
    assert "no GPU is here" in events[0].message


@trains
def test_a_check_that_cannot_be_done_says_nothing_against_the_run(store, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    audit = whole(store)
    assert {each.outcome for each in audit.findings} == {"proved", "failed"}
    assert audit.conclusion == "incomplete"


def test_an_accuracy_is_counted_from_the_labels(store):
    """Not copied: with other labels the same record is refuted."""
    record, labels = store.load(SPEC), synthetic().test_labels
    right = np.count_nonzero(store.predictions(record)["10"] == labels) / len(labels)
    assert count_right(store, record, labels) == ("proved", f"{right:.4f}")
    outcome, text = count_right(store, record, (labels + 1) % 10)
    assert outcome == "refuted"
    assert f"recorded accuracy {right:g}; its predictions have " in text


def improved(tmp_path):
    """A store with a made-up run of ImprovedNet, whose test set was read once."""
    one = example("improved", accuracies={10: 0.5}, dataset="synthetic")
    off = synthetic().test_labels.copy()
    on = off.copy()
    off[:50] ^= 1
    on[:60] ^= 1
    reading = dataclasses.replace(
        one.readings[0],
        predictions_sha256=hashlib.sha256(off.tobytes()).hexdigest(),
        switched=Switched(accuracy=0.4, predictions_sha256=hashlib.sha256(on.tobytes()).hexdigest()),
    )  # fmt: skip
    one = dataclasses.replace(one, readings=(reading,))
    store = Store(tmp_path)
    store.save(one, {"10": off, "10-switched": on})
    return store, one, {"10": off.tolist(), "10-switched": on.tolist()}


def test_accuracies_with_dropout_switched_are_counted_too(tmp_path):
    store, one, _ = improved(tmp_path)
    labels = synthetic().test_labels
    assert count_right(store, one, labels) == ("proved", "0.5000")
    wrong = dataclasses.replace(one.readings[0].switched, accuracy=0.41)
    reading = dataclasses.replace(one.readings[0], switched=wrong)
    outcome, text = count_right(store, dataclasses.replace(one, readings=(reading,)), labels)
    assert outcome == "refuted"
    assert text == "epoch 10-switched: recorded accuracy 0.41; its predictions have 0.4"


def test_predictions_with_dropout_switched_are_compared_too(tmp_path):
    store, one, predicted = improved(tmp_path)
    outcome, text = compare_predictions(store, one, 10, predicted)
    assert (outcome, text) == ("proved", "epoch 10: 200 predictions from the stored weights")
    predicted["10-switched"][7] ^= 1
    outcome, text = compare_predictions(store, one, 10, predicted)
    assert outcome == "refuted"
    assert text.startswith("epoch 10-switched: 1 of 100 recorded predictions are not what")
