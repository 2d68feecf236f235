"""Runs that a worker trains together: on a CPU here that does as a GPU would."""

from __future__ import annotations

import dataclasses

import pytest

from repro.errors import TrainingError
from repro.execution import train_job
from repro.execution.messages import EpochDone, Job, Noted, ReadingDone, Started, Train
from repro.execution.scheduler import Task, _jobs
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES, Recipe, RunSpec
from repro.training.cuda_engine import Run

SPECS = [
    RunSpec(recipe=REPORT_RECIPES[model], seed=seed, dataset="synthetic")
    for seed in (0, 1)
    for model in ("net-relu", "net-swish")
]


@pytest.fixture(autouse=True)
def device(on_cpu, monkeypatch):
    monkeypatch.setattr(train_job, "gpu", lambda *_: on_cpu)


def together(folder, specs=SPECS, epochs=3, stop_after=None):
    """What is told; with `stop_after`, as if killed once so many epochs had been announced."""
    events = []

    def emit(event):
        events.append(event)
        announced = sum(isinstance(each, EpochDone) for each in events)
        if stop_after is not None and announced >= stop_after:
            raise KeyboardInterrupt

    (first, *others), most = specs, epochs
    action = Train(epochs=most, others=tuple((spec, most) for spec in others))
    job = Job(spec=first, action=action, store=str(folder), home="", device="cuda")
    try:
        train_job.train_together(job, emit)
    except KeyboardInterrupt:
        assert stop_after is not None
    return events


def digests(folder, spec):
    return [epoch.weights_sha256 for epoch in Store(folder).load(spec).epochs]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The same runs by the kernels on the CPU."""
    folder = tmp_path_factory.mktemp("alone")
    for spec in SPECS:
        job = Job(spec=spec, action=Train(epochs=3), store=str(folder), home="")
        train_job.train(job, 3, lambda event: None)
    return folder


@pytest.mark.slow
def test_every_run_is_recorded_told_of_and_that_of_a_cpu(alone, tmp_path):
    events = together(tmp_path)
    for spec in SPECS:
        mine = [e for e in events if e.run == spec.name]
        assert [type(e) for e in mine] == [Started, EpochDone, EpochDone, EpochDone]
        record = Store(tmp_path).load(spec)
        assert record.environment.kernels.endswith(", a CPU")
        assert digests(tmp_path, spec) == digests(alone, spec)


@pytest.mark.slow
@pytest.mark.parametrize("announced", [1, 5, 11])
def test_a_killed_group_goes_on_to_the_same_bits(alone, tmp_path, announced):
    """Also where the kill came between two runs' checkpoints, so that they are not equally far."""
    together(tmp_path, stop_after=announced)
    events = together(tmp_path)
    assert not any(isinstance(event, Noted) for event in events), "none begins anew"
    for spec in SPECS:
        assert digests(tmp_path, spec) == digests(alone, spec)


@pytest.mark.slow
def test_a_run_goes_from_a_cpu_to_a_gpu_and_back(alone, tmp_path):
    spec = SPECS[1]
    job = Job(spec=spec, action=Train(epochs=3), store=str(tmp_path), home="")
    train_job.train(job, 1, lambda event: None)
    together(tmp_path, epochs=2)
    train_job.train(job, 3, lambda event: None)
    assert digests(tmp_path, spec) == digests(alone, spec)


@pytest.mark.slow
def test_a_kill_between_the_last_checkpoint_and_its_record_loses_nothing(alone, tmp_path):
    together(tmp_path)
    store = Store(tmp_path)
    (store.checkpoint(SPECS[1]).parent / "record.json").unlink()
    together(tmp_path)
    assert digests(tmp_path, SPECS[1]) == digests(alone, SPECS[1])


@pytest.mark.slow
@pytest.mark.parametrize("optimiser", [{"momentum": 0.9}, {"optimiser": "adam"}])
def test_a_killed_group_takes_up_what_its_optimiser_kept(tmp_path, optimiser):
    recipe = Recipe(architecture="net", learning_rate=0.001, **optimiser)
    specs = [RunSpec(recipe=recipe, seed=seed, dataset="synthetic") for seed in (0, 1)]
    together(tmp_path / "whole", specs)
    together(tmp_path / "killed", specs, stop_after=3)
    together(tmp_path / "killed", specs)
    for spec in specs:
        assert digests(tmp_path / "killed", spec) == digests(tmp_path / "whole", spec)


@pytest.mark.slow
def test_a_run_that_diverges_is_named_once_the_others_are_done(tmp_path, monkeypatch):
    record_epoch = Run.record_epoch

    def poisoned(self, losses, *args, **more):
        if self.spec == SPECS[1] and self.epoch == 1:
            losses = losses * float("nan")
        return record_epoch(self, losses, *args, **more)

    monkeypatch.setattr(Run, "record_epoch", poisoned)
    for _ in range(2):  # also when the same command comes again
        with pytest.raises(TrainingError, match=rf"^{SPECS[1].name}: the loss is no longer finite"):
            together(tmp_path)
        assert [len(digests(tmp_path, spec)) for spec in SPECS] == [3, 1, 3, 3]


@pytest.mark.slow
def test_what_is_complete_is_not_trained_again(tmp_path):
    together(tmp_path, SPECS[:1])
    assert together(tmp_path, SPECS[:1]) == []


@pytest.mark.slow
def test_runs_of_two_kinds_are_trained_side_by_side_each_to_its_epochs(tmp_path):
    small = dataclasses.replace(SPECS[0].recipe, batch_size=50)
    other = dataclasses.replace(SPECS[0], recipe=small)
    action = Train(epochs=1, others=((other, 2),))
    job = Job(spec=SPECS[0], action=action, store=str(tmp_path), home="", device="cuda")
    train_job.train_together(job, lambda event: None)
    assert [len(digests(tmp_path, spec)) for spec in (SPECS[0], other)] == [1, 2]


@pytest.mark.slow
def test_readings_come_at_the_reports_epochs(tmp_path):
    events = together(tmp_path, SPECS[:2], epochs=10)
    read = [(e.run, e.reading.epoch) for e in events if isinstance(e, ReadingDone)]
    assert sorted(read) == sorted((spec.name, 10) for spec in SPECS[:2])
    assert Store(tmp_path).checkpoint(SPECS[0], 10).exists()


def test_a_gpu_has_its_share_of_what_the_kernels_compute():
    def task(model, seed, device, engine="kernels"):
        where = device if engine == "torch" else "cpu"
        spec = RunSpec(recipe=REPORT_RECIPES[model], seed=seed, device=where, engine=engine)
        return Task(spec=spec, epochs=100, device=device)

    on_cpu = [task(model, seed, "cpu") for model in REPORT_RECIPES for seed in (0, 1)]
    assert _jobs(on_cpu, 2) == [[each] for each in on_cpu]
    on_gpu = [task(model, seed, "cuda") for model in REPORT_RECIPES for seed in (0, 1)]
    of_torch = [task("net-relu", seed, "cuda", "torch") for seed in (0, 1)]
    assert _jobs([*of_torch, *on_gpu], 1) == [on_gpu, [of_torch[0]], [of_torch[1]]]
    assert _jobs(on_gpu, 3) == [on_gpu[0::3], on_gpu[1::3], on_gpu[2::3]]
