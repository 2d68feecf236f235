"""`repro train`, `predict` and `score`."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys

import pytest

from repro.runs.store import Store
from tests.command_line.shell import complains, environment, repro
from tests.processes import of_group


@pytest.mark.slow
def test_training_prints_epochs_or_the_record(home):
    arguments = ("train", "net", "--activation", "swish", "--dataset", "synthetic", "--epochs")
    done = repro(home, *arguments, "2")
    assert done.returncode == 0
    assert "epoch 1/2: train loss" in done.stderr
    assert "validation" in done.stderr
    assert "net-swish-seed0" in done.stdout
    longer = repro(home, *arguments, "3", "--format", "json")
    assert "resuming after epoch 2" in longer.stderr
    whole = json.loads(longer.stdout)
    assert [each["epoch"] for each in whole["epochs"]] == [1, 2, 3]
    assert whole["readings"] == [], "the test set is read at the tables' epochs only"


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(home):
    arguments = [
        sys.executable,
        "-m",
        "repro",
        "train",
        "net",
        "--epochs",
        "5000",
        "--dataset",
        "synthetic",
    ]
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = subprocess.Popen(
            arguments, env=environment(home), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True, cwd=home.parent,
            # Where this test runs in the background of a shell, SIGINT would be ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )  # fmt: skip
        for line in process.stderr:
            if line.startswith("epoch"):
                break
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == code
        assert "run the same command again to resume" in errors
        assert "Traceback" not in errors
        assert not of_group(process.pid), "no worker is left"
    (kept,) = Store(home / "store").records()
    assert len(kept.epochs) >= 2


def test_predictions_are_written_with_dropout_on_or_off(home):
    asked = ("predict", "improved-relu-seed0", "--recorded", "--epoch", "100", "--out")
    files = {}
    for dropout in ("on", "off"):
        done = repro(home, *asked, home / f"{dropout}.csv", "--dropout", dropout)
        assert f"after 100 epochs, dropout {dropout}\n" in done.stdout
        files[dropout] = (home / f"{dropout}.csv").read_bytes()
    assert "dropout off\n" in repro(home, *asked, home / "as-it-is.csv").stdout
    assert (home / "as-it-is.csv").read_bytes() == files["off"] != files["on"]
    other = repro(home, "predict", "resnet-relu-seed0", "--recorded", "--dropout", "on")
    complains(other, 2, "resnet-relu-seed0-1e5851e513d4 has no dropout; --dropout does not")


def test_predictions_replace_nothing_else_without_a_word(home):
    path = home.parent / "submission.csv"
    path.write_text("mine\n")
    asked = ("predict", "net-relu-seed0", "--recorded", "--epoch", "10")
    complains(repro(home, *asked), 2, "submission.csv: something else is there; --force replaces")
    assert path.read_text() == "mine\n"
    assert repro(home, *asked, "--force").returncode == 0
    assert path.read_text().startswith("Image,Category\n1,")
    assert repro(home, *asked).returncode == 0, "the same again replaces nothing"


def test_score_names_the_line_of_a_bad_file(home, tmp_path):
    (tmp_path / "a.csv").write_text("Image,Category\n1,cat\n")
    (tmp_path / "b.csv").write_text("id,label\n1,cat\n")
    assert complains(
        repro(home, "score", tmp_path / "a.csv", tmp_path / "b.csv"),
        3,
        "b.csv, line 1: expected the header",
    )
    done = repro(home, "score", tmp_path / "a.csv", tmp_path / "a.csv")
    assert done.stdout == "1 of 1 correct: accuracy 1.0000\n"


def test_the_recorded_predictions_can_be_written_and_have_the_recorded_accuracy(home, tmp_path):
    done = repro(
        home,
        "predict",
        "net-relu-seed0",
        "--recorded",
        "--epoch",
        "10",
        "--out",
        tmp_path / "s.csv",
    )
    assert done.returncode == 0, done.stderr
    with (tmp_path / "s.csv").open() as file:
        rows = list(csv.reader(file))
    assert (len(rows), rows[0]) == (10_001, ["Image", "Category"])
