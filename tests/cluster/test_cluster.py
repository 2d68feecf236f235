"""Real Ray, real workers, a node that is killed; the store is the caller's alone."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections import Counter

import msgspec
import pytest

from repro.data.dataset import default_folder
from repro.errors import UsageError
from repro.execution.messages import EpochDone, Failed, Finished, Noted, Started
from repro.execution.scheduler import Task, run
from repro.paths import home
from repro.runs import checkpoints
from repro.runs.locations import recorded_store
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES, RunSpec
from tests.cluster.conftest import ROOT

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("ignore::ResourceWarning")]


def task_of(model="net-relu", seed=0, epochs=3, dataset="synthetic"):
    spec = RunSpec(recipe=REPORT_RECIPES[model], seed=seed, dataset=dataset)
    return Task(spec=spec, epochs=epochs)


def do(store, tasks, executor=None, on_event=None):
    """Do tasks, two at a time; return the failures and the events."""
    events = []

    def keep(event):
        events.append(event)
        if on_event:
            on_event(event)

    failures = run(
        tasks, store=store, home=home(), workers=2, on_event=keep, executor=executor
    )  # fmt: skip
    return failures, events


def digests(store, task):
    return [each.weights_sha256 for each in Store(store).load(task.spec).epochs]


def epochs_told(events, task):
    return [
        each.record.epoch
        for each in events
        if isinstance(each, EpochDone) and each.run == task.spec.name
    ]


def test_a_run_has_the_bits_that_it_has_here(connect, tmp_path):
    tasks = [task_of(epochs=10), task_of("net-swish"), task_of("improved"), task_of(seed=1)]
    failures, events = do(tmp_path / "far", tasks, connect())
    assert not failures
    assert not do(tmp_path / "near", tasks)[0]
    far, near = Store(tmp_path / "far"), Store(tmp_path / "near")
    for task in tasks:
        assert digests(far.root, task) == digests(near.root, task)
        one, other = far.load(task.spec), near.load(task.spec)
        assert one.readings == other.readings
        assert far.predictions(one).keys() == near.predictions(other).keys()
        assert checkpoints.read(far.checkpoint(task.spec), task.spec)[0] == one
        assert epochs_told(events, task) == list(range(1, task.epochs + 1))
    ended = Counter(each.run for each in events if isinstance(each, (Finished, Failed)))
    assert ended == {task.spec.name: 1 for task in tasks}


def test_each_node_fetches_and_verifies_the_data_once(connect, nodes, tmp_path):
    """Real CIFAR-10, and the bits of the recorded runs."""
    tasks = [task_of(seed=seed, epochs=1, dataset="cifar10") for seed in (0, 1)]
    executor = connect(source=str(default_folder(home())))
    failures, events = do(tmp_path, tasks, executor)
    assert not failures
    fetched = [e for e in events if isinstance(e, Noted) and "downloaded and verified" in e.message]
    there = [name for name in "ab" if default_folder(nodes.folder / name).exists()]
    assert len(fetched) == len(there) == 2
    for task in tasks:
        recorded = recorded_store().load(task.spec).epochs[0]
        assert digests(tmp_path, task) == [recorded.weights_sha256]
    again, events = do(tmp_path, [dataclasses.replace(tasks[0], epochs=2)], executor)
    assert not again
    assert not [e for e in events if isinstance(e, Noted)], "it is there already"
    assert (
        digests(tmp_path, tasks[0])[1]
        == recorded_store().load(tasks[0].spec).epochs[1].weights_sha256
    )


def test_what_a_lost_node_did_goes_on_elsewhere(connect, nodes, tmp_path):
    tasks = [task_of(seed=seed, epochs=100) for seed in (0, 1)]
    lost = nodes.add("lost")
    killed = threading.Event()
    reached = {}

    def kill(event):
        if isinstance(event, EpochDone):
            reached[event.run] = event.record.epoch
        # Once each run has come so far: on a busy machine one begins later than the others.
        if len(reached) == 3 and min(reached.values()) >= 12 and not killed.is_set():
            killed.set()
            nodes.kill(lost)

    # Three nodes and three runs: one of the runs is on the node that is killed.
    tasks.append(task_of(seed=2, epochs=100))
    events = []
    failures = run(
        tasks, store=tmp_path / "far", home=home(), workers=3, executor=connect(),
        on_event=lambda event: (events.append(event), kill(event)),
    )  # fmt: skip
    assert not failures
    assert killed.is_set()
    notes = [event for event in events if isinstance(event, Noted)]
    assert len(notes) == 1
    assert "its node was lost" in notes[0].message
    started = [e.epoch for e in events if isinstance(e, Started) and e.run == notes[0].run]
    assert started[0] == 0
    assert started[1] >= 5, "it went on, and did not begin anew"
    do(tmp_path / "near", tasks)
    for task in tasks:
        assert digests(tmp_path / "far", task) == digests(tmp_path / "near", task)
        told = epochs_told(events, task)
        assert told[-1] == 100
        again = len(told) - 100
        assert again <= (1 if task.spec.name == notes[0].run else 0), "no epoch is done twice"
        assert not list(Store(tmp_path / "far").folder(task.spec).glob("before-*"))


def test_a_run_goes_on_between_here_and_the_cluster(connect, tmp_path):
    task = task_of(epochs=2)
    do(tmp_path, [task])
    executor = connect()
    failures, events = do(tmp_path, [dataclasses.replace(task, epochs=4)], executor)
    assert not failures
    assert [e.epoch for e in events if isinstance(e, Started)] == [2]
    failures, events = do(tmp_path, [dataclasses.replace(task, epochs=6)])
    assert not failures
    assert [e.epoch for e in events if isinstance(e, Started)] == [4]
    do(tmp_path / "whole", [dataclasses.replace(task, epochs=6)])
    assert digests(tmp_path, task) == digests(tmp_path / "whole", task)


def test_ctrl_c_leaves_a_store_that_goes_on(nodes, tmp_path):
    arguments = [
        sys.executable, "-m", "repro", "table", "3-1", "--dataset", "synthetic", "--seeds", "2",
        "--executor", "ray", "--address", nodes.address,
    ]  # fmt: skip
    env = {**os.environ, "REPRO_HOME": str(tmp_path)}
    process = subprocess.Popen(
        arguments, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    said = []
    for line in process.stdout:
        said.append(line)
        if "after 10 epochs" in line:
            break
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 130, "".join(said) + rest
    assert "run the same command again to resume" in rest
    assert "a Ray cluster of 3 nodes" in "".join(said)
    kept = Store(tmp_path / "store").records()
    assert any(len(record.epochs) >= 10 for record in kept)
    here = [*arguments[:-4], "--epochs", "30"]
    done = subprocess.run(here, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert "resuming after epoch" in done.stderr, done.stderr
    assert len(Store(tmp_path / "store").records()) == 2


def test_a_run_that_another_process_has_is_waited_for(connect, tmp_path):
    task = task_of(epochs=1)
    held = Store(tmp_path).lock(task.spec, lambda _: None)
    held.__enter__()
    freed = []

    def free(event):
        if isinstance(event, Noted):
            freed.append(event.message)
            held.__exit__(None, None, None)

    failures, _ = do(tmp_path, [task], connect(), free)
    assert not failures
    assert freed == ["waiting for another process that is training this run"]


def test_a_stop_ends_what_waits(connect, tmp_path):
    task, executor = task_of(epochs=10_000), connect()
    with Store(tmp_path).lock(task.spec, lambda _: None):
        threading.Timer(1, executor.stop).start()
        failures, _ = do(tmp_path, [task], executor)
    assert "stopped" in failures[0].message


def test_another_version_on_a_node_is_one_line(connect, tmp_path):
    executor = connect()
    executor._code = "0" * 64
    failures, _ = do(tmp_path, [task_of()], executor)
    assert "expected the caller's version of repro" in failures[0].message
    assert failures[0].problem == "training"


def test_data_that_a_node_cannot_have_is_a_data_error(connect, nodes, tmp_path):
    empty = nodes.add("empty")
    try:
        executor = connect(source="http://127.0.0.1:9/cifar.tar.gz")
        tasks = [task_of(seed=seed, epochs=1, dataset="cifar10") for seed in range(3)]
        failures = run(
            tasks, store=tmp_path, home=home(), workers=3, on_event=lambda _: None, executor=executor
        )  # fmt: skip
    finally:
        nodes.kill(empty)
    assert {failure.problem for failure in failures} == {"data"}
    assert all("could not be had" in failure.message for failure in failures)


def test_a_store_that_cannot_be_written_is_a_data_error(connect, tmp_path):
    task = task_of()
    Store(tmp_path).folder(task.spec).mkdir(parents=True)
    (Store(tmp_path).folder(task.spec) / "record.json").mkdir()
    failures, _ = do(tmp_path, [task], connect())
    assert [failure.problem for failure in failures] == ["data"]


def test_nodes_lost_again_and_again_are_a_failure(connect, tmp_path, monkeypatch):
    import ray

    executor, lost = connect(), []

    def lose(job, store, put):
        lost.append(job.spec.name)
        raise ray.exceptions.WorkerCrashedError

    monkeypatch.setattr(executor, "_attempt", lose)
    failures, events = do(tmp_path, [task_of()], executor)
    assert len(lost) == 3
    assert failures[0].message.startswith("3 nodes in a row were lost")
    assert sum(isinstance(event, Noted) for event in events) == 2


def test_a_node_that_is_lost_after_the_end_is_nothing_to_the_job(connect, tmp_path, monkeypatch):
    """Else the job would end twice, and another job's end would not be heard."""
    import ray

    executor = connect()

    def messages(job, store):
        yield msgspec.json.encode(Finished(run=job.spec.name))
        raise ray.exceptions.WorkerCrashedError

    monkeypatch.setattr(executor, "_messages", messages)
    failures, events = do(tmp_path, [task_of(), task_of(seed=1)], executor)
    assert not failures
    assert sorted(each.run for each in events if isinstance(each, Finished)) == sorted(
        task_of(seed=seed).spec.name for seed in (0, 1)
    )
    assert len(events) == 2


def test_what_the_cluster_lacks_is_refused(connect):
    executor = connect()
    assert not executor.has_gpu()
    assert executor.slots("cpu") >= 2
    with pytest.raises(UsageError, match="--device cuda: the Ray cluster has none"):
        executor.slots("cuda")


@pytest.mark.parametrize("address", ["127.0.0.1:9", "nowhere", "127.0.0.1:many"])
def test_no_cluster_is_one_line(nodes, address):
    done = subprocess.run(
        [sys.executable, "-m", "repro", "train", "net", "--executor", "ray", "--address", address],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert f"--address {address}: expected a Ray cluster that runs" in done.stderr
