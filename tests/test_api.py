"""The Python interface, as the documentation shows it."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import repro
from repro import run, table
from repro.commands.context import evidence
from repro.errors import DataError, TrainingError, UsageError
from repro.reporting.cell_tables import cells_foot
from repro.runs.store import Store
from tests.examples import record

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "python.md"


def test_the_documentation_shows_what_comes_out(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    test = doctest.DocTestParser().get_doctest(
        PAGE.read_text(encoding="utf-8"), {}, PAGE.name, str(PAGE), 0
    )
    assert len(test.examples) == 6
    runner = doctest.DocTestRunner()
    runner.run(test, out=sys.stdout.write)
    assert runner.failures == 0


@pytest.mark.slow
def test_a_run_goes_on_and_has_a_history(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    one = run("net", epochs=1, dataset="synthetic", quiet=True)
    two = run("net", epochs=2, dataset="synthetic", quiet=True)
    assert two.epochs[:1] == one.epochs
    assert list(pd.DataFrame(two.epochs)["epoch"]) == [1, 2]


def test_a_table_is_a_frame_with_a_row_a_cell():
    frame = table(recorded=True)
    assert len(frame[frame["dropout_on"] != (not repro.spec.REPORT_DROPOUT_AT_PREDICTION)]) == 22
    assert frame["expected"].between(0, 1).all()
    assert list(table("3-4", epochs=10, recorded=True)["cell"]) == ["net-relu@10", "resnet@10"]


def test_a_frame_has_the_same_verdicts_as_the_foot_of_the_tables():
    frame = table(recorded=True)
    counted = frame[frame["counts"]].drop_duplicates("cell")
    foot = cells_foot(evidence(True).verdicts, "en")
    said = {words: int(count) for count, words in re.findall(r"(\d+) ([A-Z][A-Z ]+[A-Z])", foot)}
    assert dict(counted["verdict"].value_counts()) == said
    assert sum(said.values()) == 17


def test_tables_of_another_report_and_of_ones_own_runs(monkeypatch, tmp_path):
    example = ROOT / "examples" / "pytorch-tutorial"
    (row,) = table("1", report=example, recorded=True).to_dict("records")
    assert (row["cell"], row["n"], row["verdict"]) == ("tutorial@2", 5, "INCONCLUSIVE")
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    Store(tmp_path / "store").save(record(), {"10": np.zeros(10_000, np.uint8)})
    frame = table("3-1", trained=True, device="cpu")
    assert list(frame["n"]) == [1, 0, 0, 0]
    with pytest.raises(UsageError, match="expected one of them"):
        table(recorded=True, trained=True)


def test_what_is_wrong_is_raised(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="table '9-9'"):
        table("9-9", recorded=True)
    with pytest.raises(UsageError, match="epochs: expected an integer from 1"):
        run("net", epochs=0)
    monkeypatch.setattr("repro.api.train_one", lambda *_: (None, 4))
    with pytest.raises(TrainingError, match="could not be trained"):
        run("net", dataset="synthetic")


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"device": "tpu"}, "device: expected one of auto, cpu, cuda, mps; got 'tpu'"),
        (
            {"engine": "fast"},
            "engine: expected one of auto, kernels, torch, portable, native; got 'fast'",
        ),
        ({"dataset": "mnist"}, "dataset: expected one of cifar10, synthetic; got 'mnist'"),
        ({"seeds": 0}, "expected one seed or more"),
    ],
)
def test_a_word_that_means_nothing_is_refused(given, message, recorded, monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    with pytest.raises(UsageError, match=message):
        table("3-1", recorded=recorded, **given)


def test_data_that_cannot_be_had_are_not_a_trainings_fault(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    for user in ("table", "train"):
        monkeypatch.setattr(f"repro.commands.{user}.train_missing", lambda *_: DataError.exit_code)
    with pytest.raises(DataError, match="table 3-1"):
        table("3-1")
    with pytest.raises(DataError, match="could not be trained"):
        run("net")


def test_asking_for_the_package_alone_imports_nothing_slow():
    code = (
        "import repro, sys; repro.__version__;"
        "assert not {'numpy', 'rich', 'msgspec', 'repro.api'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        repro.nothing  # noqa: B018
