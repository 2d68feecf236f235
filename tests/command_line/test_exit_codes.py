from __future__ import annotations

import re

import pytest

from repro.command_line import exit_codes
from repro.errors import (
    DataError,
    DiskError,
    EvidenceError,
    NoRunsError,
    ReproError,
    TrainingError,
    UsageError,
)
from repro.paths import packaged
from repro.verdicts.cells import load_cells
from repro.verdicts.judging import judge
from tests.command_line.shell import CLI, ROOT

CELL = load_cells(packaged("expected_results"))[0]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError, 2), (DataError, 3), (EvidenceError, 3), (DiskError, 3), (NoRunsError, 4),
        (TrainingError, 4), (ReproError, 1),
    ],
)  # fmt: skip
def test_an_error_has_the_code_of_its_kind(error, code):
    assert exit_codes.of_error(error("")) == code


def test_data_that_cannot_be_read_outweigh_a_run_that_failed():
    assert exit_codes.of_failures([]) == 0
    assert exit_codes.of_failures([TrainingError("")]) == 4
    assert exit_codes.of_failures([TrainingError(""), DataError(""), TrainingError("")]) == 3


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([[0.58], [0.574, 0.575]], 0),
        ([[0.58], [0.57, 0.58]], 1),
        ([[0.58], [0.7, 0.7]], 1),
        ([[0.58], [0.7]], 1),
        ([[0.58], []], 4),
        ([[], [0.7, 0.7]], 1),
    ],
)
def test_a_table_is_1_if_a_cell_differs_and_4_if_runs_are_missing(values, code):
    assert exit_codes.of_verdicts([judge(CELL, each) for each in values]) == code


def test_made_up_images_and_what_is_shown_for_comparison_decide_nothing():
    assert exit_codes.of_verdicts([judge(CELL, [0.1, 0.2, 0.1], made_up=True)]) == 0
    compared = judge(CELL, [0.7, 0.7], True, is_primary=False)
    assert exit_codes.of_verdicts([judge(CELL, [0.574, 0.575]), compared]) == 0


def test_the_command_lines_own_text_lists_every_code():
    said = {
        int(code) for code in re.findall(r"\b(\d{1,3}) [a-z]", CLI.__doc__.split("Exit codes:")[1])
    }
    numbers = {value for value in vars(exit_codes).values() if isinstance(value, int)}
    assert said == {0, *numbers} - {exit_codes.BROKEN_PIPE}


def test_exit_codes_are_made_in_the_command_line_alone():
    for path in (ROOT / "repro").rglob("*.py"):
        if "command_line" in path.parts or path.name == "__main__.py":
            continue
        text = path.read_text(encoding="utf-8")
        assert "exit_code" not in text, path
        assert "typer.Exit" not in text, path
