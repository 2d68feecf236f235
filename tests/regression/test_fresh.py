"""A fresh training on the real data, through the command line, against the record and the report."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from repro.data.dataset import default_folder
from repro.execution.devices import default_workers
from repro.execution.messages import Job, Train, encode_job
from repro.execution.processes import worker_code
from repro.paths import home, packaged
from repro.runs.environments import same_arithmetic
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES, RunSpec
from repro.verdicts.statistics import prediction_interval

pytestmark = pytest.mark.regression

SLICE = {"net-relu": 10, "net-leaky_relu": 10, "net-swish": 10, "improved": 1, "resnet": 1}
"""How many epochs of each model: about four minutes on two cores."""


def repro(folder, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "repro", *arguments, "--device", "cpu"],
        env={**os.environ, "REPRO_HOME": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    print(done.stderr)
    return done


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A new home with the verified data set, the slice trained in it; and `repro table`'s answer."""
    folder = tmp_path_factory.mktemp("home")
    default_folder(folder).parent.mkdir(parents=True)
    shutil.copytree(default_folder(home()), default_folder(folder))
    commands = [
        *(("train", model, "--epochs", "1", "--quiet") for model in ("resnet", "improved")),
        ("table", "3-1", "--epochs", "10", "--format", "json"),
        ("verify", "--fresh", "3-2", "--epochs", "10", "--format", "json", "--workers", "1"),
    ]
    with ThreadPoolExecutor(default_workers("cpu")) as pool:
        *trained, one, other = pool.map(lambda command: repro(folder, *command), commands)
    assert [done.returncode for done in trained] == [0, 0]
    return folder, one, other


def test_ten_epochs_are_within_tolerance_of_the_reports_cell(fresh):
    _, table, _ = fresh
    (row,) = json.loads(table.stdout)
    assert row["cell"] == "net-relu@10"
    assert abs(row["mean"] - row["expected"]) <= 0.05, pd.DataFrame([row]).to_string(index=False)
    assert (table.returncode, row["verdict"]) == (0, "ONE RUN")
    assert "the weights of the recorded run, bit for bit" in table.stderr


def test_verify_trains_anew_and_finds_the_listed_verdicts_and_the_recorded_bits(fresh):
    folder, _, verified = fresh
    assert verified.returncode == 0, verified.stdout
    checks = pd.DataFrame(json.loads(verified.stdout))
    assert list(checks["what"][:2]) == ["table 3-2, net-leaky_relu@10", "table 3-2, net-swish@10"]
    assert checks["holds"].all(), checks.to_string(index=False)
    trained = {record.spec.recipe.activation for record in Store(folder / "verify").records()}
    assert trained == {"leaky_relu", "swish"}, "in a store of its own"


@pytest.mark.parametrize("model", SLICE)
def test_they_are_the_recorded_runs(fresh, model):
    """Bit for bit where the versions are the recorded ones; as good, where they are not."""
    recorded = Store(packaged("results")).records()
    spec = RunSpec(recipe=REPORT_RECIPES[model], seed=0)
    then = next(record for record in recorded if record.spec == spec)
    both = (Store(fresh[0] / name).load(spec) for name in ("store", "verify"))
    now = next(record for record in both if record)
    assert len(now.epochs) == SLICE[model]
    if not same_arithmetic(now.environment, then.environment, spec):
        alike = [record for record in recorded if record.spec.recipe == spec.recipe]
        low, high = prediction_interval(
            [record.epochs[len(now.epochs) - 1].validation_accuracy for record in alike]
        ) or (0, 1)
        assert low <= now.epochs[-1].validation_accuracy <= high
        pytest.skip(f"recorded on {then.environment}, this is {now.environment}")
    rows = [
        (
            one.epoch, one.train_loss, other.train_loss, one.validation_accuracy,
            other.validation_accuracy, one.weights_sha256 == other.weights_sha256,
        )
        for one, other in zip(now.epochs, then.epochs, strict=False)
    ]  # fmt: skip
    table = pd.DataFrame(
        rows, columns=["epoch", "loss", "recorded", "validation", "recorded", "same weights"]
    )
    assert table["same weights"].all(), "\n" + table.to_string(index=False)
    assert [(row[1], row[3]) for row in rows] == [(row[2], row[4]) for row in rows]
    assert now.readings == then.readings[: len(now.readings)]


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
@pytest.mark.parametrize(("model", "most"), [("net-relu", 60), ("improved", 70), ("resnet", 120)])
def test_a_run_takes_little_memory_beside_the_shared_data_set(tmp_path, model, most):
    """In MB, while it trains. ResNet has 45 MB of weights; torch alone would take 300."""
    job = Job(
        spec=RunSpec(recipe=REPORT_RECIPES[model], seed=0), action=Train(epochs=1),
        store=str(tmp_path), home=str(home()),
    )  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-c", worker_code("kernels")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        process.stdin.write(encode_job(job))
        process.stdin.close()
        for _ in range(3):  # it has begun, and some hundred steps are done
            process.stdout.readline()
        memory = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        process.kill()
    own = int(re.search(r"Anonymous: +(\d+) kB", memory)[1]) / 1000
    print(f"{model}: {own:.0f} MB")
    assert own < most
