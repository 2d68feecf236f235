"""Runs that a worker trains as one network; on the CPU here, where the runner never asks for it."""

from __future__ import annotations

import dataclasses

import pytest

from repro import worker
from repro.errors import TrainingError
from repro.events import EpochDone, Job, Noted, ReadingDone, Started, Stepped, Train
from repro.runner import FUSED_RUNS, Task, _groups
from repro.spec import REPORT_RECIPES, Recipe, RunSpec
from repro.store import Store
from repro.training import Trainer

SPECS = [
    RunSpec(recipe=REPORT_RECIPES[model], seed=seed, engine="torch", dataset="synthetic")
    for seed in (0, 1)
    for model in ("net-relu", "net-swish")
]


def together(folder, specs=SPECS, epochs=3, stop_after=None):
    """What is told; with `stop_after`, as if killed once so many epochs had been announced."""
    events = []

    def emit(event):
        events.append(event)
        announced = sum(isinstance(each, EpochDone) for each in events)
        if stop_after is not None and announced == stop_after:
            raise KeyboardInterrupt

    first, *others = specs
    task = Train(epochs=epochs, others=tuple(others))
    job = Job(spec=first, task=task, store=str(folder), home="")
    try:
        worker.train_together(job, epochs, emit)
    except KeyboardInterrupt:
        assert stop_after is not None
    return events


def digests(folder, spec):
    return [epoch.weights_sha256 for epoch in Store(folder).load(spec).epochs]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, together(folder)


def test_every_run_is_recorded_and_told_of(whole):
    folder, events = whole
    for spec in SPECS:
        mine = [e for e in events if e.run == spec.name and not isinstance(e, Stepped)]
        assert [type(e) for e in mine] == [Started, EpochDone, EpochDone, EpochDone]
        record = Store(folder).load(spec)
        assert len(record.epochs) == 3
        assert record.environment.accelerator == "cpu, 4 runs fused"


@pytest.mark.parametrize("announced", [1, 3, 4, 6, 11])
def test_a_killed_group_goes_on_to_the_same_bits(whole, tmp_path, announced):
    """Also where the kill came between two runs' checkpoints, so that they are not equally far."""
    together(tmp_path, stop_after=announced)
    events = together(tmp_path)
    assert not any(isinstance(event, Noted) for event in events), "none begins anew"
    for spec in SPECS:
        assert digests(tmp_path, spec) == digests(whole[0], spec)


def test_a_kill_between_the_last_checkpoint_and_its_record_loses_nothing(whole, tmp_path):
    together(tmp_path)
    store = Store(tmp_path)
    (store.checkpoint(SPECS[1]).parent / "record.json").unlink()
    together(tmp_path)
    assert digests(tmp_path, SPECS[1]) == digests(whole[0], SPECS[1])


def test_groups_that_were_begun_apart_go_on_apart(tmp_path):
    """Two and two runs: four of them fused would not be what their records say."""
    specs = [dataclasses.replace(SPECS[0], seed=seed) for seed in range(4)]
    apart, both = tmp_path / "apart", tmp_path / "both"
    for pair in (specs[:2], specs[2:]):
        together(apart, pair)
        together(both, pair, epochs=1)
    together(both, specs)
    for spec in specs:
        assert Store(both).load(spec).environment.accelerator == "cpu, 2 runs fused"
        assert digests(both, spec) == digests(apart, spec)


def test_a_killed_group_with_momentum_goes_on_to_the_same_bits(tmp_path):
    recipe = Recipe(architecture="net", momentum=0.9)
    specs = [
        RunSpec(recipe=recipe, seed=seed, engine="torch", dataset="synthetic") for seed in (0, 1)
    ]
    together(tmp_path / "whole", specs)
    for order in (specs, specs[::-1]):
        folder = tmp_path / order[0].name
        together(folder, specs, stop_after=3)
        together(folder, order)
        for spec in specs:
            assert digests(folder, spec) == digests(tmp_path / "whole", spec)


def test_a_run_that_diverges_is_named_once_the_others_are_done(tmp_path, monkeypatch):
    add = Trainer.add_epoch

    def poisoned(self, losses, logits, duration_s):
        if self.spec == SPECS[1] and self.epoch == 1:
            losses = losses * float("nan")
        return add(self, losses, logits, duration_s)

    monkeypatch.setattr(Trainer, "add_epoch", poisoned)
    for _ in range(2):  # also when the same command comes again
        with pytest.raises(TrainingError, match=rf"^{SPECS[1].name}: the loss is no longer finite"):
            together(tmp_path)
        assert [len(digests(tmp_path, spec)) for spec in SPECS] == [3, 1, 3, 3]


def test_what_is_complete_is_not_trained_again(whole):
    assert together(whole[0]) == []


def test_readings_come_at_the_reports_epochs(tmp_path):
    events = together(tmp_path, SPECS[:2], epochs=10)
    read = [(e.run, e.reading.epoch) for e in events if isinstance(e, ReadingDone)]
    assert sorted(read) == sorted((spec.name, 10) for spec in SPECS[:2])
    assert Store(tmp_path).checkpoint(SPECS[0], 10).exists()


def task(model, seed, device, epochs=100):
    spec = RunSpec(recipe=REPORT_RECIPES[model], seed=seed, device=device, engine="torch")
    return Task(spec=spec, epochs=epochs)


def test_only_cuda_runs_are_fused_and_only_with_their_like():
    models = ["net-relu", "net-leaky_relu", "net-swish", "improved", "resnet"]
    on_cpu = [task(model, seed, "cpu") for model in models for seed in (0, 1)]
    assert _groups(on_cpu) == [[each] for each in on_cpu]
    on_gpu = [task(model, seed, "cuda") for model in models for seed in (0, 1)]
    assert [len(group) for group in _groups(on_gpu)] == [6, 2, 2]
    longer = [task("improved", 0, "cuda", epochs) for epochs in (10, 20)]
    assert [len(group) for group in _groups(longer)] == [1, 1]


def test_no_more_are_fused_than_the_limit():
    tasks = [task("resnet", seed, "cuda") for seed in range(25)]
    groups = _groups(tasks)
    assert [len(group) for group in groups] == [FUSED_RUNS["resnet"]] * 2 + [5]
    assert [each for group in groups for each in group] == tasks
