"""From which of its checkpoints a run goes on; here in this process."""

from __future__ import annotations

import dataclasses

import pytest

from repro.data.dataset import synthetic
from repro.execution import train_job
from repro.execution.environment import describe_environment
from repro.execution.messages import Job, Noted, Started, Train
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES, RunSpec
from repro.training.kernel_engine import KernelTrainer

RECIPE = dataclasses.replace(REPORT_RECIPES["net-relu"], readings=(1, 3))
SPEC = RunSpec(recipe=RECIPE, seed=7, dataset="synthetic")
EPOCHS = 5


def train(folder, epochs=EPOCHS):
    """Where the run began, and what was noted."""
    events = []
    job = Job(spec=SPEC, action=Train(epochs=epochs), store=str(folder), home="")
    train_job.train(job, epochs, events.append)
    (started,) = [each.epoch for each in events if isinstance(each, Started)]
    return started, [each.message for each in events if isinstance(each, Noted)]


def timeless(folder):
    record = Store(folder).load(SPEC)
    epochs = [dataclasses.replace(each, duration_s=0) for each in record.epochs]
    return epochs, record.readings


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert train(folder) == (0, [])
    return timeless(folder)


def test_without_its_last_checkpoint_a_run_goes_on_from_the_one_before(whole, tmp_path):
    train(tmp_path, 4)
    store = Store(tmp_path)
    store.checkpoint(SPEC).unlink()
    began, notes = train(tmp_path)
    assert (began, notes) == (
        3,
        ["resuming from its checkpoint of epoch 3: no later one is usable"],
    )
    assert timeless(tmp_path) == whole
    assert not (store.folder(SPEC) / "before-1").exists()


def test_a_run_that_went_past_a_reading_goes_back_to_read_the_test_set(whole, tmp_path):
    """As one that was trained by a version that read it at fewer epochs."""
    store, trainer = Store(tmp_path), KernelTrainer(SPEC, synthetic())
    environment = describe_environment(SPEC)
    for epoch in range(1, 5):
        trainer.train_epoch()
        if epoch == 1:
            trainer.read_test_set()
        trainer.save(environment, store)
    began, notes = train(tmp_path)
    assert (began, notes) == (
        1,
        ["resuming from its checkpoint of epoch 1: no later one is usable"],
    )
    assert timeless(tmp_path) == whole


def test_a_run_without_any_checkpoint_begins_anew_and_the_old_one_is_kept(whole, tmp_path):
    train(tmp_path, 4)
    store = Store(tmp_path)
    for epoch in store.checkpoint_epochs(SPEC):
        store.checkpoint(SPEC, epoch).unlink()
    began, notes = train(tmp_path)
    assert (began, notes) == (0, ["begins anew, the old run is kept: its checkpoint is gone"])
    assert timeless(tmp_path) == whole
    assert (store.folder(SPEC) / "before-1" / "record.json").exists()
