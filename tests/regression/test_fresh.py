"""A fresh training on the real data, through the command line, against the record and the report."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from repro.data.dataset import default_folder
from repro.paths import home, packaged
from repro.records import parse, same_arithmetic
from repro.spec import REPORT_RECIPES, RunSpec
from repro.store import Store

pytestmark = pytest.mark.regression


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A new home with the verified data set, in which table 3-1 is trained to its first row."""
    folder = tmp_path_factory.mktemp("home")
    default_folder(folder).parent.mkdir(parents=True)
    shutil.copytree(default_folder(home()), default_folder(folder))
    done = subprocess.run(
        [sys.executable, "-m", "repro", "table", "3-1", "--epochs", "10", "--device", "cpu", "--format", "json"],
        env={**os.environ, "REPRO_HOME": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    print(done.stderr)
    (row,) = json.loads(done.stdout)
    (path,) = Path(folder).glob("store/runs/*/record.json")
    return done.returncode, row, parse(path.read_bytes(), path)


def test_ten_epochs_are_within_tolerance_of_the_reports_cell(fresh):
    code, row, _ = fresh
    assert row["cell"] == "net-relu@10"
    assert abs(row["mean"] - 0.5744) <= 0.05
    assert (code, row["verdict"]) == (0, "WITHIN TOLERANCE")


def test_they_are_the_recorded_run(fresh):
    """Bit for bit where the versions are the recorded ones; as good, where they are not."""
    _, _, now = fresh
    recorded = Store(packaged("results")).load(RunSpec(recipe=REPORT_RECIPES["net-relu"], seed=0))
    assert recorded is not None
    if not same_arithmetic(now.environment, recorded.environment, recorded.spec):
        assert abs(now.accuracy_at(10) - recorded.accuracy_at(10)) <= 0.03
        pytest.skip(f"recorded on {recorded.environment}, this is {now.environment}")
    assert [e.weights_sha256 for e in now.epochs] == [
        e.weights_sha256 for e in recorded.epochs[:10]
    ]
    assert now.readings == recorded.readings[:1]
    for one, other in zip(now.epochs, recorded.epochs, strict=False):
        assert (one.train_loss, one.validation_accuracy) == (
            other.train_loss,
            other.validation_accuracy,
        )
