from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from repro.commands import table
from repro.commands.context import Session
from repro.paths import packaged
from repro.reporting.live_table import live_table
from repro.runs.store import Store
from repro.verdicts.cells import load_cells, select_cells
from repro.verdicts.judging import judge_all, judge_records
from tests.chinese import HALF_WIDTH
from tests.recorded import recorded_runs

CELLS = select_cells(load_cells(packaged("expected_results")), ["3-1", "3-3"], None)
RECORDED = judge_records(CELLS, recorded_runs())


def shown(renderable):
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(renderable)
    return console.file.getvalue()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_recorded_values_are_there_before_anything_is_trained(lang):
    text = shown(live_table(judge_all(CELLS, {}), RECORDED, lang))
    assert max(map(cell_len, text.splitlines())) <= 80
    first = next(line.split() for line in text.splitlines() if line.split()[:2] == ["10", "0.5744"])
    mean = next(v for v in RECORDED if v.cell.name == "net-relu@10")
    interval = f"{mean.low:.3f}–{mean.high:.3f}"
    assert first[2:7] == [f"{mean.mean:.4f}", interval, "–", "0", "–"]
    assert first[7:] == ["…"], "no verdict before there is a run"
    if lang == "zh":
        assert not HALF_WIDTH.search(text)
        assert "随包均值" in text


def test_a_row_fills_as_soon_as_it_is_known():
    text = shown(live_table(judge_all(CELLS, {"net-relu@10": [0.5956]}), RECORDED, "en"))
    line = next(line for line in text.splitlines() if "ONE RUN" in line)
    assert re.search(r"0\.5744 .* 0\.5956 +1 +\+0\.0212 +ONE RUN", line)


def test_without_recorded_runs_it_is_the_table_of_the_end():
    text = shown(live_table(judge_all(CELLS, {}), judge_all(CELLS, {}), "en"))
    assert "Recorded" not in text
    assert "Margin" in text


@pytest.mark.parametrize(("dataset", "there"), [("cifar10", True), ("synthetic", False)])
def test_training_shows_it_above_the_bars(monkeypatch, tmp_path, dataset, there):
    seen = []

    def train(session, store, tasks, *, recorded, above, beside):
        seen.append(shown(above()))
        return []

    monkeypatch.setattr(table, "train_missing", train)
    table.train_table(
        Session(console=Console(file=io.StringIO())), CELLS[:1], seeds=range(1), device="cpu",
        engine="auto", dataset=dataset, store=Store(tmp_path),
    )  # fmt: skip
    assert ("Recorded" in seen[0]) == there
