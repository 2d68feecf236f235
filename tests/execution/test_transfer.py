from __future__ import annotations

import dataclasses

import pytest

from repro.data.dataset import synthetic
from repro.errors import EvidenceError
from repro.execution.environment import describe_environment
from repro.execution.transfer import Sender, unpack
from repro.runs import checkpoints
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES, RunSpec
from repro.training.kernel_engine import KernelTrainer

SPEC = RunSpec(recipe=REPORT_RECIPES["net-relu"], seed=3, dataset="synthetic")


@pytest.fixture
def here(tmp_path):
    return Store(tmp_path / "here")


@pytest.fixture
def there(tmp_path):
    return Store(tmp_path / "there")


@pytest.fixture
def trainer(there):
    """Trains on and keeps each epoch in the store `there`."""
    trainer = KernelTrainer(SPEC, synthetic())

    def epochs(count):
        for _ in range(count):
            trainer.train_epoch()
            if trainer.epoch == 10:
                trainer.read_test_set()
            trainer.save(describe_environment(SPEC), there)

    return epochs


def test_a_run_arrives_as_it_was(here, there, trainer):
    trainer(10)
    unpack(here, SPEC, Sender(there, SPEC).pack())
    assert here.load(SPEC) == there.load(SPEC)
    assert here.predictions(here.load(SPEC)).keys() == {"10"}
    for epoch in (None, 10):
        ours, theirs = (checkpoints.read(s.checkpoint(SPEC, epoch), SPEC) for s in (here, there))
        assert ours[0] == theirs[0]
    assert Store(here.root).names() == [SPEC.name]


def test_only_what_is_new_is_sent(here, there, trainer):
    sender = Sender(there, SPEC)
    assert sender.pack() == {}
    trainer(1)
    assert sender.pack().keys() == {
        "checkpoint.safetensors", "predictions.safetensors", "record.json",
    }  # fmt: skip
    assert sender.pack() == {}
    trainer(1)
    unpack(here, SPEC, sender.pack())
    assert len(here.load(SPEC).epochs) == 2


def test_what_is_half_written_and_what_is_not_of_the_run_stays(there, trainer):
    trainer(1)
    folder = there.folder(SPEC)
    for name in ("record.json.17.tmp", "lock", "notes.txt"):
        (folder / name).write_text("x")
    there.set_aside(SPEC)
    trainer(1)
    assert not {"lock", "notes.txt", "before-1"} & Sender(there, SPEC).pack().keys()


def test_a_run_that_was_begun_anew_sets_the_old_one_aside(here, there, trainer):
    trainer(2)
    old = Sender(there, SPEC).pack()
    unpack(here, SPEC, old)
    there.set_aside(SPEC)
    again = KernelTrainer(SPEC, synthetic())
    again.train_epoch()
    again.epochs[0] = dataclasses.replace(again.epochs[0], duration_s=123.0)
    again.save(describe_environment(SPEC), there)
    unpack(here, SPEC, Sender(there, SPEC).pack())
    assert [each.duration_s for each in here.load(SPEC).epochs] == [123.0]
    assert (here.folder(SPEC) / "before-1" / "record.json").read_bytes() == old["record.json"]


def test_a_checkpoint_without_a_record_replaces_nothing(here, there, trainer):
    """A run that was begun anew elsewhere, and failed before its first record."""
    trainer(2)
    unpack(here, SPEC, Sender(there, SPEC).pack())
    before = here.checkpoint(SPEC).read_bytes()
    unpack(here, SPEC, {"checkpoint.safetensors": b"of another beginning"})
    assert here.checkpoint(SPEC).read_bytes() == before
    unpack(here, dataclasses.replace(SPEC, seed=9), {"checkpoint.safetensors": b"the first"})


@pytest.mark.parametrize("name", ["../record.json", "lock", "checkpoint-0.safetensors", "a/b", ""])
def test_a_file_that_no_run_has_is_refused(here, there, trainer, name):
    trainer(1)
    files = {**Sender(there, SPEC).pack(), name: b""}
    with pytest.raises(EvidenceError, match="expected the files of a run"):
        unpack(here, SPEC, files)
    assert here.names() == []


def test_another_runs_record_is_refused(here, there, trainer):
    trainer(1)
    other = dataclasses.replace(SPEC, seed=4)
    with pytest.raises(EvidenceError, match=f"expected this run's record; got {SPEC.name}"):
        unpack(here, other, Sender(there, SPEC).pack())
    assert not here.folder(other).exists()


def test_a_damaged_record_is_refused(here, there, trainer):
    trainer(1)
    files = Sender(there, SPEC).pack()
    files["record.json"] = files["record.json"].replace(b"synthetic", b"cifar10")
    with pytest.raises(EvidenceError, match="record.json that came"):
        unpack(here, SPEC, files)
    assert here.names() == []
