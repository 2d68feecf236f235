"""`repro verify`, `audit` and `doctor`."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest
from rich.console import Console

from repro.commands.context import Session
from repro.commands.verify import verify_recorded
from repro.data.dataset import synthetic
from repro.paths import packaged
from repro.runs.store import Store
from tests.command_line.shell import complains, repro, repro_process
from tests.examples import record


@pytest.mark.slow
def test_an_audit_says_what_it_proved_and_a_changed_digit_is_exit_code_1(home):
    assert repro_process(home, "train", "net", "--dataset", "synthetic").returncode == 0
    done = repro_process(home, "audit", "--seed", "1", "--minutes", "0.2", "--workers", "1")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "2 checkpoints to predict with and 3 of 10 epochs to train again" in done.stderr
    assert "record proved 10 epochs, as sealed" in said
    assert "predictions proved predicted again with the stored weights at 10" in said
    assert "training proved trained again, the same weights bit for bit: 1 to 3" in said
    assert "3 epochs trained again; nothing refuted" in said
    assert "3 of 10 epochs drawn; to repeat: --seed 1 --minutes 0.2 --workers" in said
    assert max(map(len, done.stdout.splitlines()[:-3])) <= 80

    (path,) = home.glob("store/runs/*/record.json")
    path.write_bytes(path.read_bytes().replace(b'"accuracy": 0.', b'"accuracy": 0.9', 1))
    done = repro_process(home, "audit", "net-relu", "--quiet", "--format", "json")
    assert done.returncode == 1
    (finding,) = json.loads(done.stdout)["findings"]
    assert (finding["check"], finding["outcome"]) == ("record", "refuted")
    assert "record.json: not a run record: changed after it was written" in finding["text"]


def test_the_recorded_runs_are_audited_without_training_or_data_where_none_is_asked_for(home):
    complains(repro(home, "audit"), 4, "no runs in", "add --recorded")
    complains(repro(home, "audit", "x", "--recorded"), 2, "no run matches")


@pytest.mark.slow
def test_the_doctor_says_which_level_this_machine_gets_and_why(home):
    done = repro(home, "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert "cpu kernels L4" in said
    assert "cpu torch L3" in said
    assert not home.exists()


def test_recorded_runs_need_no_home_and_no_data(home):
    done = repro(home, "table", "3-1", "--recorded", "--format", "json")
    rows = json.loads(done.stdout)
    assert [row["cell"] for row in rows] == [
        "net-relu@10",
        "net-relu@30",
        "net-relu@60",
        "net-relu@100",
    ]
    assert all(row["n"] >= 1 for row in rows)
    within = {"REPRODUCED", "CLOSE"}
    assert (done.returncode == 0) == all(row["verdict"] in within for row in rows)
    assert not home.exists()


def test_the_recorded_evidence_is_as_listed_also_without_the_data_set(home):
    done = repro(home, "verify")
    assert done.returncode == 0, done.stdout
    assert "checks: all hold" in done.stdout
    assert "accuracies are not counted again: `repro data fetch`" in done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    rows = json.loads(repro(home, "verify", "--format", "json", "--quiet").stdout)
    assert sum(row["what"].startswith("table ") for row in rows) == 22
    assert "| ok | table 3-4, resnet@10" in " ".join(
        repro(home, "verify", "--format", "md").stdout.split()
    )


def test_verify_refuses_what_has_no_meaning(home):
    complains(repro(home, "verify", "3-1"), 2, "table 3-1 requires --fresh")
    complains(repro(home, "verify", "--seeds", "2"), 2, "--seeds requires --fresh")
    complains(repro(home, "verify", "--fresh", "--accept"), 2, "cannot be combined with --fresh")


def test_a_run_whose_predictions_are_refuted_counts_for_no_cell_and_is_not_accepted(
    monkeypatch, tmp_path
):
    """Sealed as its own: only counting its predictions again shows it."""
    results = tmp_path / "results"
    shutil.copytree(packaged("results"), results, ignore=shutil.ignore_patterns("checkpoint*"))
    run = next(
        each for each in Store(results).records() if each.spec.recipe.architecture == "resnet"
    )
    others = [each for each in Store(results).names() if "resnet" in each and each != run.spec.name]
    for name in others:
        shutil.rmtree(results / "runs" / name)
    reading = dataclasses.replace(run.readings[0], accuracy=0.7088)
    claimed = dataclasses.replace(run, readings=(reading,))
    Store(results).save(claimed, Store(results).predictions(run))
    monkeypatch.setattr("repro.commands.verify.recorded_store", lambda: Store(results))
    monkeypatch.setattr(
        "repro.execution.audit.load_test_labels", lambda *_: np.zeros(10_000, np.uint8)
    )
    monkeypatch.setattr("repro.commands.verify.default_folder", lambda _: tmp_path)
    here = {"results": results}
    monkeypatch.setattr(
        "repro.commands.verify.packaged", lambda name: here.get(name) or packaged(name)
    )
    before = (results / "verdicts.csv").read_bytes()
    checks, _ = verify_recorded(Session(console=Console(quiet=True)), accept=True)
    cell = next(check for check in checks if check.what == "table 3-4, resnet@10")
    assert cell.obtained == "NOT RUN, n = 0"
    assert (results / "verdicts.csv").read_bytes() == before


@pytest.mark.slow
def test_runs_that_were_given_are_audited_where_they_lie(home, tmp_path):
    given = tmp_path / "given"
    Store(given).save(record(), {"10": synthetic().test_labels})
    done = repro(home, "audit", "--store", given, "--minutes", "0", "--format", "json")
    assert {each["run"] for each in json.loads(done.stdout)["findings"]} == {record().spec.name}
    complains(repro(home, "audit", "--store", tmp_path), 2, "expected a folder that contains runs/")
    complains(repro(home, "audit", "--store", given, "--recorded"), 2, "cannot be combined")
