from __future__ import annotations

import csv
import dataclasses
import io
import json
import unicodedata

import pytest
from rich.console import Console

from repro.paths import packaged
from repro.reporting.cell_tables import cells_foot, cells_to_rich, cells_to_text
from repro.reporting.language import translate
from repro.runs.selection import primary_dropout_on
from repro.spec import REPORT_RECIPES
from repro.verdicts.cells import load_cells, select_cells
from repro.verdicts.judging import VerdictKind, judge_all


@pytest.fixture(scope="module")
def cells():
    return load_cells(packaged("expected_results"))


@pytest.fixture(scope="module")
def verdicts(cells):
    accuracies = {
        "net-relu@10": [0.60, 0.59, 0.58], "net-relu@30": [0.6324], "net-relu@60": [0.70, 0.71, 0.69],
        "improved@10": [0.70, 0.704], "improved@100": [0.74, 0.745],
    }  # fmt: skip
    return judge_all(cells, accuracies)


def printed(renderable, width=80):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(renderable)
    return console.file.getvalue()


def cells_wide(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_terminal_of_80_columns_shows_every_number_and_verdict(cells, verdicts, lang):
    text = printed(cells_to_rich(verdicts, lang))
    assert all(cells_wide(line) <= 80 for line in text.splitlines())
    assert "…" not in text
    for cell in cells:
        assert f"{cell.expected:.4f}" in text
    rows = [line.split() for line in text.splitlines() if line.strip()[:1].isdigit()]
    assert len(rows) == 22


def test_the_verdict_and_the_numbers_stand_in_the_cells_row(verdicts):
    text = printed(cells_to_rich([v for v in verdicts if v.cell.table == "3-3"], "en"))
    net, improved = text.split("Table 3-3, ImprovedNet")
    first = next(line for line in net.splitlines() if line.strip().startswith("10"))
    assert first.split() == [
        "10",
        "0.5744",
        "0.5900",
        "0.0100",
        "3",
        "+0.0156",
        "0.558–0.622",
        "0.040",
        "REPRODUCED",
    ]
    last = next(line for line in improved.splitlines() if line.strip().startswith("100"))
    assert last.split()[-1] == "REPRODUCED"
    missing = next(line for line in improved.splitlines() if line.strip().startswith("30"))
    assert missing.split() == ["30", "0.7344", "–", "–", "0", "–", "–", "–", "NOT", "RUN"]


def test_json_has_one_object_a_cell_with_the_promised_keys(verdicts):
    rows = json.loads(cells_to_text(verdicts, "json", "zh"))
    assert len(rows) == 22
    assert list(rows[0]) == [
        "cell", "table", "row", "column", "expected", "tolerance", "n", "mean", "sd",
        "pooled_sd", "degrees", "low", "high", "p", "detectable", "margin", "dropout_on", "difference", "verdict", "counts",
    ]  # fmt: skip
    assert rows[0] == {
        "cell": "net-relu@10", "table": "3-1", "row": 10, "column": "Net (ReLU)", "expected": 0.5744,
        "tolerance": 0.05, "n": 3, "mean": pytest.approx(0.59), "sd": pytest.approx(0.01),
        "pooled_sd": pytest.approx(0.01), "degrees": 4,
        "low": pytest.approx(0.59 - 2.776445 * 0.01 * (4 / 3) ** 0.5),
        "high": pytest.approx(0.59 + 2.776445 * 0.01 * (4 / 3) ** 0.5),
        "p": pytest.approx(0.248058, abs=1e-6),
        "detectable": pytest.approx(2.776445 * 0.01 * (4 / 3) ** 0.5),
        "margin": pytest.approx(0.0156 + 2.131847 * 0.01 * (4 / 3) ** 0.5), "dropout_on": None,
        "difference": pytest.approx(0.0156), "verdict": "REPRODUCED", "counts": True,
    }  # fmt: skip
    repeated = [row for row in rows if row["cell"] == "net-relu@10"]
    assert [row["table"] for row in repeated] == ["3-1", "3-3", "3-4"]
    assert len({row["mean"] for row in repeated}) == 1


def test_csv_has_the_same_values_as_json(verdicts):
    rows = list(csv.DictReader(io.StringIO(cells_to_text(verdicts, "csv", "en"))))
    for row, wanted in zip(rows, json.loads(cells_to_text(verdicts, "json", "en")), strict=True):
        for key, value in wanted.items():
            assert row[key] == ("" if value is None else str(value))


@pytest.mark.parametrize(
    ("form", "lang", "wanted"),
    [
        ("md", "en", ["**Table 3-1**", "| Net (ReLU)", "| REPRODUCED", "0.558–0.622"]),
        ("md", "zh", ["**表 3-2**", "| 模型", "原模型（Swish）", "已复现"]),
        (
            "latex",
            "en",
            [r"\caption{Table 3-4}", r"95\% interval", r"0.558--0.622", r"\bottomrule"],
        ),
        ("latex", "zh", [r"\caption{表 3-1}", "改进后模型", r"95\% 预测区间"]),
    ],
)
def test_text_formats(verdicts, form, lang, wanted):
    text = cells_to_text(verdicts, form, lang)
    for each in wanted:
        assert each in text
    assert "nan" not in text


def test_the_summary_counts_a_repeated_cell_once(verdicts):
    text = cells_foot(verdicts, "en")
    assert text.startswith("17 cells: ")
    assert "12 NOT RUN" in text
    assert "1 DIFFERS" in text
    assert "largest 0.1235 (net-relu@60)" in text
    assert "--seeds 5" in text, "one cell has one seed"
    assert cells_foot(verdicts, "zh").startswith("17 个数值：")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_summary_of_one_cell_has_nothing_to_average_or_to_look_at_together(cells, lang):
    one = judge_all(select_cells(cells, "3-1", 10), {"net-relu@10": [0.60, 0.59, 0.58]})
    text = cells_foot(one, lang)
    assert "0.0156" in text
    assert "0.050" in text  # 4.303 * 0.01 * sqrt(1 + 1/3), half the interval
    assert not any(word in text for word in ("Holm", "average", "平均", "median", "中位数"))


def test_the_summary_of_nothing_trained_has_no_average(cells):
    verdicts = judge_all(select_cells(cells, "3-4", None), {})
    assert cells_foot(verdicts, "en").splitlines() == [
        "2 cells: 2 NOT RUN",
        "NOT RUN: no run of the cell is here; `repro table` without --trained trains it, --recorded "
        "shows the bundled ones",
    ]
    assert "--recorded" in cells_foot(verdicts, "zh")


@pytest.mark.parametrize("kind", list(VerdictKind))
def test_every_kind_is_translated(verdicts, kind):
    one = dataclasses.replace(verdicts[0], kind=kind)
    assert kind.value in cells_foot([one], "en")
    assert kind.value not in cells_foot([one], "zh")
    assert kind.value in printed(cells_to_rich([one], "en"))
    assert translate(kind, "zh") in printed(cells_to_rich([one], "zh"))


@pytest.mark.parametrize("form", ["rich", "csv", "json", "md", "latex"])
def test_made_up_images_are_marked_in_every_format_and_compared_with_nothing(cells, form):
    one = judge_all(cells[:2], {"net-relu@10": [0.1, 0.2, 0.3]}, made_up=True)
    text = (
        printed(cells_to_rich(one, "en")) + cells_foot(one, "en")
        if form == "rich"
        else cells_to_text(one, form, "en")
    )
    assert "MADE UP" in text
    assert "REPRODUCED" not in text
    assert "0.3744" not in text, "no difference to the report"
    if form in {"rich", "md", "latex"}:
        assert "made-up images: these numbers say nothing about the report" in text


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_improved_net_is_shown_both_ways_and_counted_once(cells, lang):
    way = {"improved@10": [0.68, 0.69]}, {"improved@10": [0.70, 0.71]}
    both = judge_all(cells, *way)
    text = printed(cells_to_rich(both, lang))
    labels = {"en": ("ImprovedNet, dropout off", "ImprovedNet, dropout on")}.get(
        lang, ("改进后模型（Dropout 关闭）", "改进后模型（Dropout 开启）")
    )
    assert all(label in text for label in labels)
    assert all(cells_wide(line) <= 80 for line in text.splitlines())
    assert "0.6850" in text
    assert "0.7050" in text
    assert cells_foot(both, lang).startswith("17 ")
    assert primary_dropout_on(REPORT_RECIPES["improved"])
    primary = {
        "en": "verdicts use dropout on, off is",
        "zh": "判定以 Dropout 开启为准，关闭仅供对照",
    }[lang]
    assert primary in cells_foot(both, lang)
    assert primary not in cells_foot(judge_all(cells, way[0]), lang)
    assert labels[1] in cells_to_text(both, "md", lang)


def test_the_foot_says_what_n_seeds_can_tell_and_corrects_for_many_cells(cells):
    told = cells_foot(
        judge_all(cells, {"net-relu@10": [0.60, 0.60001], "net-relu@30": [0.63, 0.64]}), "en"
    )
    # Pooled over both with two degrees: 4.302653 * sqrt(0.00005 / 2) * sqrt(1.5) = 0.0263.
    assert "difference of a single cell: 0.026 (median), at most 0.026;" in told
    assert "Holm correction (5%), of 2 cells with two seeds or more: none" in told
    # Margins: 2.919986 * 0.005 * sqrt(1.5), 0.0179, and the differences 0.0256 and 0.0026.
    assert "two one-sided tests, 5%): 2 of 2;" in told
    assert "at most 0.043" in told
    far = cells_foot(judge_all(cells, {"net-relu@30": [0.70, 0.71, 0.70, 0.71]}), "en")
    assert "two seeds or more: net-relu@30" in far
    alike = cells_foot(judge_all(cells, {"net-relu@30": [0.63, 0.64]}), "en")
    assert "two seeds or more: none" in alike
