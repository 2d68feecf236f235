"""`--log-to`: the epochs of runs, for other programs."""

from __future__ import annotations

import csv

import pytest

from tests.command_line.shell import repro

TRAIN = ("train", "net", "--dataset", "synthetic", "--epochs")


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def rows(folder):
    (path,) = folder.glob("*.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_is_logged_where_it_goes_on_too(home):
    first = repro(home, *TRAIN, 1, "--log-to", "csv")
    assert first.returncode == 0, first.stderr
    assert f"logs: {home / 'logs'}" in first.stderr
    assert [row["epoch"] for row in rows(home / "logs")] == ["1"]
    repro(home, *TRAIN, 3, "--log-to", "csv")
    found = rows(home / "logs")
    assert [row["epoch"] for row in found] == ["1", "2", "3"]
    assert 0 < float(found[2]["train_loss"]) < 5


def test_the_folder_can_be_chosen_and_may_have_a_space(home):
    place = home.parent / "my logs"
    done = repro(home, *TRAIN, 1, "--log-to", "tensorboard", "--log-dir", place)
    assert done.returncode == 0, done.stderr
    assert f"tensorboard --logdir '{place}'" in done.stderr
    assert len(list(place.glob("net-relu-*/events.out.tfevents.*"))) == 1


def test_a_dry_run_writes_no_log(home):
    done = repro(
        home, "table", "3-4", "--dataset", "synthetic", "--epochs", 10, "--dry-run", "--log-to",
        "csv",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not (home / "logs").exists()


def test_a_log_that_cannot_be_written_is_said_once_and_training_goes_on(home):
    home.mkdir()
    (home / "logs").write_text("a file, where a folder is needed")
    done = repro(home, *TRAIN, 2, "--log-to", "csv")
    assert done.returncode == 0
    assert done.stderr.count("is a file; expected a folder") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*TRAIN, 1, "--log-dir", "logs"), "--log-dir requires --log-to"),
        ((*TRAIN, 1, "--log-to", "wandb"), "expected csv or tensorboard"),
        (("table", "3-1", "--recorded", "--log-to", "csv"), "cannot be combined with --recorded"),
    ],
)
def test_options_that_would_have_no_effect_are_refused(home, arguments, words):
    done = repro(home, *arguments)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
