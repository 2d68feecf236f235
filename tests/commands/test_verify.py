"""What `repro verify` does before it trains."""

from __future__ import annotations

import io
import re
import shutil

import pytest
from rich.console import Console
from typer.testing import CliRunner

from repro import paths
from repro.__main__ import load_cli
from repro.commands import verify
from repro.commands.context import Session
from repro.errors import DataError, UsageError
from repro.paths import packaged
from repro.runs.store import Store

QUIET = Session(console=Console(quiet=True))


def test_an_installation_keeps_its_evidence(monkeypatch, tmp_path):
    """Whatever `--accept` wrote there would hold against itself for ever."""
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(paths, "PACKAGE_ROOT", tmp_path)
    with pytest.raises(UsageError, match="^--accept: expected a clone of the repository, whose"):
        verify.verify_recorded(QUIET, accept=True)
    done = CliRunner().invoke(
        load_cli().app, ["figure", "calibration", "--recorded", "--calibrate"]
    )  # fmt: skip
    assert done.exit_code == 2


def test_what_changes_is_said_before_it_is_accepted(monkeypatch, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(packaged("results"), results, ignore=shutil.ignore_patterns("checkpoint*"))
    lost = next(results.glob("runs/resnet-relu-seed3-*"))
    shutil.rmtree(lost)
    monkeypatch.setattr(verify, "recorded_store", lambda: Store(results))
    monkeypatch.setattr(verify, "default_folder", lambda _: tmp_path / "none")
    monkeypatch.setattr(
        verify, "packaged", lambda name: results if name == "results" else packaged(name)
    )
    said = io.StringIO()
    session = Session(console=Console(file=said, width=200))
    verify.verify_recorded(session, accept=True)
    assert re.search(
        r"^table 3-4, resnet@10: CLOSE, n = 10 becomes [A-Z]+, n = 9$", said.getvalue(), re.M
    )
    verify.verify_recorded(session, accept=True)
    assert said.getvalue().rstrip().endswith("nothing changes")


def test_an_unreadable_list_is_found_before_minutes_of_training(monkeypatch):
    def train(*_, **__):
        raise AssertionError("trained")

    def unreadable(folder):
        raise DataError(f"{folder}/verdicts.csv: cannot be read")

    monkeypatch.setattr(verify, "train_table", train)
    monkeypatch.setattr(verify, "load_listing", unreadable)
    with pytest.raises(DataError, match=r"verdicts\.csv: cannot be read"):
        verify.verify_fresh(
            QUIET, "3-4", seeds=1, epochs=None, device="cpu", engine="auto"
        )  # fmt: skip
