"""What `repro verify` does before it trains."""

from __future__ import annotations

import pytest
from rich.console import Console

from repro.commands import verify
from repro.commands.context import Session
from repro.errors import DataError


def test_an_unreadable_list_is_found_before_minutes_of_training(monkeypatch):
    def train(*_, **__):
        raise AssertionError("trained")

    def unreadable(folder):
        raise DataError(f"{folder}/verdicts.csv: cannot be read")

    monkeypatch.setattr(verify, "train_table", train)
    monkeypatch.setattr(verify, "load_listing", unreadable)
    session = Session(console=Console(quiet=True))
    with pytest.raises(DataError, match=r"verdicts\.csv: cannot be read"):
        verify.verify_fresh(
            session, "3-4", seeds=1, epochs=None, device="cpu", engine="auto"
        )  # fmt: skip
