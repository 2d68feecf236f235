"""Nothing that was finished is lost: kills at any moment, and two at once on one store."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from repro import runner
from repro.records import is_complete
from repro.runner import Task, run
from repro.spec import REPORT_RECIPES, RunSpec
from repro.store import Store
from tests.processes import of_group
from tests.saboteur import MOMENTS

pytestmark = pytest.mark.durability

ROOT = Path(__file__).parent.parent
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
    """The traces of the run that nobody disturbs, and the seconds that it takes."""
    root = tmp_path_factory.mktemp("whole")
    began = time.monotonic()
    assert not train(root)
    return traces(Store(root)), time.monotonic() - began


def survey(store):
    """Read all that there is, as a person would between two kills; return the epochs done."""
    records = Store(store.root).records()
    for record in records:
        store.predictions(record)
    return len(records[0].epochs) if records else 0


@pytest.mark.parametrize("series", range(3))
def test_a_run_killed_at_any_call_is_the_uninterrupted_run(
    tmp_path, uninterrupted, monkeypatch, series
):
    """Six kills within the worker: around writes and renames, and in the middle of an epoch."""
    store, chance = Store(tmp_path), random.Random(f"call {series}")
    plain = runner.worker_code("portable")
    killed = []
    for moment in chance.sample(MOMENTS * 2, 6):
        count = chance.randint(1, 9 if moment != "step" else 60)
        sabotage = f"from tests.saboteur import kill_at; kill_at({moment!r}, {count}); "
        code = plain.replace("from repro.worker", sabotage + "from repro.worker")
        monkeypatch.setattr(runner, "worker_code", lambda _, code=code: code)
        (failure,) = train(tmp_path)
        assert "its process was killed" in failure.message
        killed.append((moment, count, survey(store)))
    monkeypatch.setattr(runner, "worker_code", lambda _: plain)
    assert not train(tmp_path)
    print(*(f"killed {m} {n}: {done} epochs kept" for m, n, done in killed), sep="\n")
    assert traces(store) == uninterrupted[0]
    assert not list(tmp_path.rglob("*.tmp")), "the next process sweeps up"


def command(home, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "repro", *map(str, arguments)],
        env={**os.environ, "REPRO_HOME": str(home), "PYTHONPATH": str(ROOT)}, cwd=home,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        # Where this test runs in the background of a shell, SIGINT would be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )  # fmt: skip


@pytest.mark.parametrize("series", range(3))
def test_a_command_killed_by_the_clock_goes_on_and_ends_alike(tmp_path, uninterrupted, series):
    """Four kills of the command with its workers, the first of them in the first second."""
    chance = random.Random(f"clock {series}")
    arguments = ("train", "improved", "--dataset", "synthetic", "--epochs", EPOCHS)
    killed = []
    for attempt in range(4):
        seconds = chance.uniform(0, 1 if attempt == 0 else 0.8 * uninterrupted[1])
        process = command(tmp_path, *arguments)
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        while of_group(process.pid):
            time.sleep(0.01)
        killed.append((seconds, survey(Store(tmp_path / "store"))))
    _, errors = (process := command(tmp_path, *arguments)).communicate()
    assert process.returncode == 0, errors
    print(*(f"killed after {s:.2f} s: {done} epochs kept" for s, done in killed), sep="\n")
    assert traces(Store(tmp_path / "store")) == uninterrupted[0]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_stopped_by_a_signal_says_how_to_go_on_and_ends_alike(
    tmp_path, uninterrupted, number, code
):
    chance = random.Random(code)
    arguments = ("train", "improved", "--dataset", "synthetic", "--epochs", EPOCHS)
    for _ in range(3):
        process = command(tmp_path, *arguments)
        for line in process.stderr:
            if line.startswith("1 run"):
                break
        time.sleep(chance.uniform(0, 0.25 * uninterrupted[1]))
        os.killpg(process.pid, number)
        _, errors = process.communicate()
        assert process.returncode == code, errors
        assert errors.rstrip().endswith("the same command goes on from here")
        assert not of_group(process.pid), "no worker is left"
        survey(Store(tmp_path / "store"))
    _, errors = (process := command(tmp_path, *arguments)).communicate()
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
            assert "the disk is full; free some room, and the same command" in failure.message
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
        assert process.returncode == single.returncode == 1, errors
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
        "import sys, time; from pathlib import Path; from repro.store import Store\n"
        "from tests.test_durability import SPEC\n"
        "with Store(Path(sys.argv[1])).lock(SPEC, lambda: None): print('held', flush=True); time.sleep(600)"
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
