"""Nothing that was finished is lost: kills at any moment, and two at once on one store."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from repro.execution import processes
from repro.execution.scheduler import Task, run
from repro.runs.records import is_complete
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES, RunSpec
from tests.processes import of_group
from tests.saboteur import MOMENTS

pytestmark = pytest.mark.durability

ROOT = Path(__file__).parents[2]
SPEC = RunSpec(recipe=REPORT_RECIPES["improved"], seed=0, dataset="synthetic")
EPOCHS = 11


def train(store, spec=SPEC, epochs=EPOCHS):
    return run(
        [Task(spec=spec, epochs=epochs)], store=store, home=store, workers=1,
        on_event=lambda _: None,
    )  # fmt: skip


def traces(store, spec=SPEC):
    """All that a run leaves behind but its seconds: history, readings, predictions, weights."""
    record = store.load(spec)
    timeless = [dataclasses.replace(each, duration_s=0.0) for each in record.epochs]
    predictions = {epoch: classes.tolist() for epoch, classes in store.predictions(record).items()}
    return timeless, record.readings, predictions, store.checkpoint_epochs(spec)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The traces of the run that nobody disturbs, and the seconds that one of its epochs takes."""
    root = tmp_path_factory.mktemp("whole")
    assert not train(root)
    seconds = min(each.duration_s for each in Store(root).load(SPEC).epochs)
    return traces(Store(root)), seconds


def survey(store):
    """Read all that there is, as a person would between two kills; return the epochs done."""
    records = Store(store.root).records()
    for record in records:
        store.predictions(record)
    return len(records[0].epochs) if records else 0


def kill_within(monkeypatch, root, moment, number):
    """Let the worker kill itself; return the epochs that are kept, after reading all there is."""
    plain = processes.worker_code("kernels")
    sabotage = f"from tests.saboteur import kill_at; kill_at({moment!r}, {number}); "
    with monkeypatch.context() as patch:
        code = plain.replace(
            "from repro.execution.worker", sabotage + "from repro.execution.worker"
        )
        patch.setattr(processes, "worker_code", lambda _: code)
        (failure,) = train(root)
    assert "its process was killed" in failure.message
    kept = survey(Store(root))
    print(f"killed {moment} {number}: {kept} epochs kept")
    return kept


CHANCE = random.Random(0)
SERIES = {
    # The first files of a store: checkpoint, store.json, predictions, record.
    "beginning": [("half written", n) for n in (1, 2, 3)] + [("after replace", n) for n in (1, 2, 3)],
    "chance": [
        (moment, CHANCE.randint(1, 3 if moment == "step" else 9))
        for moment in CHANCE.sample(MOMENTS * 2, 6)
    ],
}  # fmt: skip


@pytest.mark.parametrize("series", list(SERIES))
def test_a_run_killed_at_any_call_is_the_uninterrupted_run(
    tmp_path, uninterrupted, monkeypatch, series
):
    for moment, number in SERIES[series]:
        kill_within(monkeypatch, tmp_path, moment, number)
    assert not train(tmp_path)
    assert traces(Store(tmp_path)) == uninterrupted[0]
    assert not list(tmp_path.rglob("*.tmp")), "the next process sweeps up"


@pytest.fixture(scope="module")
def nine_epochs(tmp_path_factory):
    root = tmp_path_factory.mktemp("nine")
    assert not train(root, epochs=9)
    return root


@pytest.mark.parametrize(
    ("moment", "number"),
    # Three files are written as the run is taken up, then the kept checkpoint, the last one, the
    # predictions and the record.
    [("half written", 4), ("half written", 6), *(("after replace", n) for n in (4, 5, 6)), ("before replace", 7)],
)  # fmt: skip
def test_a_run_killed_while_a_reading_is_saved_is_the_uninterrupted_run(
    nine_epochs, tmp_path, uninterrupted, monkeypatch, moment, number
):
    root = shutil.copytree(nine_epochs, tmp_path / "store")
    assert kill_within(monkeypatch, root, moment, number) == 9
    assert not train(root)
    assert traces(Store(root)) == uninterrupted[0]


def command(home, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "repro", *map(str, arguments)],
        env={**os.environ, "REPRO_HOME": str(home), "PYTHONPATH": str(ROOT)}, cwd=home,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        # Where this test runs in the background of a shell, SIGINT would be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )  # fmt: skip


def wait_for(process, begins):
    for line in process.stderr:
        if line.startswith(begins):
            return
    pytest.fail(f"no line begins with {begins!r}")


TRAIN = ("train", "improved", "--dataset", "synthetic", "--epochs", EPOCHS)


@pytest.mark.parametrize("series", range(3))
def test_a_command_killed_by_the_clock_goes_on_and_ends_alike(tmp_path, uninterrupted, series):
    """Four kills of the command with its workers: in its first second, and within three epochs."""
    chance, store = random.Random(f"clock {series}"), Store(tmp_path / "store")
    killed = []
    for epoch in (0, *sorted(chance.sample((1, 3, 5, 7), 3))):
        process = command(tmp_path, *TRAIN)
        if epoch:
            wait_for(process, f"epoch {epoch}/" if epoch > survey(store) else "epoch ")
        seconds = chance.uniform(0, uninterrupted[1]) if epoch else chance.uniform(0, 1)
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it was still at work"
        while of_group(process.pid):
            time.sleep(0.01)
        kept = survey(store)
        assert kept >= epoch, "what was announced is kept"
        killed.append(f"killed {seconds:.2f} s after epoch {epoch}: {kept} epochs kept")
    _, errors = (process := command(tmp_path, *TRAIN)).communicate()
    assert process.returncode == 0, errors
    print(*killed, sep="\n")
    assert traces(store) == uninterrupted[0]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_stopped_by_a_signal_says_how_to_go_on_and_ends_alike(
    tmp_path, uninterrupted, number, code
):
    chance = random.Random(code)
    for begins in ("1 run", "epoch ", "epoch "):
        process = command(tmp_path, *TRAIN)
        wait_for(process, begins)
        time.sleep(chance.uniform(0, uninterrupted[1]))
        os.killpg(process.pid, number)
        _, errors = process.communicate()
        assert process.returncode == code, errors
        assert errors.rstrip().endswith("run the same command again to resume")
        assert not of_group(process.pid), "no worker is left"
        survey(Store(tmp_path / "store"))
    _, errors = (process := command(tmp_path, *TRAIN)).communicate()
    assert process.returncode == 0, errors
    assert traces(Store(tmp_path / "store")) == uninterrupted[0]


def test_a_run_that_meets_a_full_disk_ends_alike_once_there_is_room(tmp_path, uninterrupted):
    disk = tmp_path / "disk"
    disk.mkdir()
    size = ["-o", "size=30m"]  # ImprovedNet's checkpoints have 5 MB, three of them at once
    mount = ["mount", "-t", "tmpfs", *size, "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        for megabytes in (29, 22, 18):
            (disk / "filler").write_bytes(bytes(megabytes * 1_000_000))
            (failure,) = train(disk / "store")
            assert "the disk is full; free some space and run the same command" in failure.message
            survey(Store(disk / "store"))
        (disk / "filler").unlink()
        assert not train(disk / "store")
        assert traces(Store(disk / "store")) == uninterrupted[0]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_two_tables_on_one_store_train_each_run_once_and_end_as_one(tmp_path):
    arguments = (
        "table", "all", "--dataset", "synthetic", "--epochs", 10, "--workers", 2, "--format", "json",
    )  # fmt: skip
    shared, alone = tmp_path / "shared", tmp_path / "alone"
    shared.mkdir()
    alone.mkdir()
    both = [command(shared, *arguments) for _ in range(2)]
    outputs = [process.communicate() for process in both]
    single = command(alone, *arguments)
    expected, _ = single.communicate()
    for process, (output, errors) in zip(both, outputs, strict=True):
        assert process.returncode == single.returncode == 0, errors
        assert json.loads(output) == json.loads(expected)
    one, other = Store(shared / "store"), Store(alone / "store")
    assert one.names() == other.names()
    assert len(one.names()) == 5
    for record in other.records():
        assert traces(one, record.spec) == traces(other, record.spec)
        assert is_complete(one.load(record.spec), 10)
    trained = [
        run for _, errors in outputs for run in re.findall(r"(?m)^(.*): test accuracy", errors)
    ]
    assert len(trained) == len(set(trained)) == 5, "each run is read at 10 epochs by one of the two"
    assert not list(shared.rglob("before-*"))


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from repro.runs.store import Store\n"
        "from tests.execution.test_durability import SPEC\n"
        "with Store(Path(sys.argv[1])).lock(SPEC, lambda _: None): print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        process.kill()
    assert (Store(tmp_path).folder(SPEC) / "lock").exists(), "a stale lock lies there"
    waited = []
    with Store(tmp_path).lock(SPEC, lambda: waited.append(1)):
        assert not waited


def test_everything_to_go_on_is_in_the_checkpoint_alone(tmp_path, uninterrupted):
    """Record and predictions may be lost with a kill; the checkpoint gives them back."""
    assert not train(tmp_path, epochs=10)
    folder = Store(tmp_path).folder(SPEC)
    for name in ("record.json", "predictions.safetensors"):
        (folder / name).unlink()
    assert not train(tmp_path)
    assert traces(Store(tmp_path)) == uninterrupted[0]


def test_momentum_is_in_the_checkpoint(tmp_path):
    recipe = dataclasses.replace(REPORT_RECIPES["net-relu"], momentum=0.9)
    spec = dataclasses.replace(SPEC, recipe=recipe)
    assert not train(tmp_path / "whole", spec, 4)
    for epochs in (1, 2, 4):
        assert not train(tmp_path / "parts", spec, epochs)
    one, other = traces(Store(tmp_path / "whole"), spec), traces(Store(tmp_path / "parts"), spec)
    assert one == other
    assert np.isfinite(one[0][-1].train_loss)
