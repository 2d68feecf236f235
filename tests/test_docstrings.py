"""The examples in docstrings are run, and print what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import repro

ROOT = Path(repro.__file__).parents[1]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def with_examples():
    """The modules that have some; the others are not imported: some need torch or Ray."""
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "repro").rglob("*.py"))
        if ">>> " in path.read_text(encoding="utf-8")
    ]


@pytest.mark.parametrize("name", with_examples())
def test_examples_print_what_they_say(name, monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    done = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert done.attempted
    assert not done.failed


def test_twelve_functions_that_are_used_most_have_one():
    found = set()
    for name in with_examples():
        tests = doctest.DocTestFinder().find(importlib.import_module(name))
        found |= {each.name.removeprefix("repro.") for each in tests if each.examples}
    assert found >= {
        "api.run", "api.table", "api.claims", "data.dataset.synthetic", "data.labels.accuracy",
        "determinism.guarantee", "streams.split", "streams.order", "verdicts.cells.select_cells",
        "verdicts.judging.judge", "verdicts.statistics.holm", "verdicts.statistics.prediction_interval",
    }  # fmt: skip
