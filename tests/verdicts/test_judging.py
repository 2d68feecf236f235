from __future__ import annotations

import dataclasses
import math
import os
import re
from statistics import stdev

import numpy as np
import pytest
from scipy import stats

from repro.errors import DataError, UsageError
from repro.paths import packaged
from repro.runs.selection import accuracies_by_cell, primary_dropout_on
from repro.spec import REPORT_RECIPES, Recipe
from repro.verdicts.cells import Cell, load_cells, select_cells
from repro.verdicts.judging import (
    VerdictKind,
    judge,
    judge_all,
    judge_records,
    significant_cells,
)
from repro.verdicts.statistics import holm, p_value, pool, prediction_interval
from tests.examples import record

# Transcribed a second time, from the report and not from the CSV files.
TABLE_3_1 = {10: 0.5744, 30: 0.6324, 60: 0.5765, 100: 0.5797}
TABLE_3_2 = {
    10: (0.61, 0.5787), 30: (0.6292, 0.6193), 60: (0.5917, 0.5872), 100: (0.5915, 0.5985),
}  # fmt: skip
TABLE_3_3 = {10: 0.6856, 30: 0.7344, 60: 0.7369, 100: 0.7509}
TABLE_3_4 = 0.7088


def cell(expected=0.5744, tolerance=0.05, row=10, model="net-relu"):
    return Cell(
        table="3-1", row=row, column="Net (ReLU)", model=model, expected=expected,
        tolerance=tolerance, place="here",
    )  # fmt: skip


@pytest.fixture
def cells():
    return load_cells(packaged("expected_results"))


def test_every_figure_of_the_four_tables_is_there_and_no_other(cells):
    expected = {("3-1", f"net-relu@{row}"): value for row, value in TABLE_3_1.items()}
    for row, (leaky, swish) in TABLE_3_2.items():
        expected |= {("3-2", f"net-leaky_relu@{row}"): leaky, ("3-2", f"net-swish@{row}"): swish}
    for row, value in TABLE_3_3.items():
        expected |= {("3-3", f"net-relu@{row}"): TABLE_3_1[row], ("3-3", f"improved@{row}"): value}
    expected |= {("3-4", "net-relu@10"): TABLE_3_1[10], ("3-4", "resnet@10"): TABLE_3_4}
    assert {(each.table, each.name): each.expected for each in cells} == expected
    assert len(cells) == len(expected) == 22
    assert len({each.name for each in cells}) == 17


def test_every_cell_has_the_heading_of_its_column(cells):
    assert {(each.table, each.model, each.column) for each in cells} == {
        ("3-1", "net-relu", "Net (ReLU)"),
        ("3-2", "net-leaky_relu", "Net (Leaky ReLU)"),
        ("3-2", "net-swish", "Net (Swish)"),
        ("3-3", "net-relu", "Net (ReLU)"),
        ("3-3", "improved", "ImprovedNet"),
        ("3-4", "net-relu", "Net (ReLU)"),
        ("3-4", "resnet", "ResNet"),
    }


@pytest.mark.parametrize(
    "limits", [{"row": 1}, {"expected": 0}, {"expected": 1}, {"tolerance": 1e-9}, {"tolerance": 1}]
)
def test_a_cell_may_have_the_figures_at_the_limits(limits):
    assert cell(**limits)


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"row": 0}, r"expected epochs from 1, .* got 0, 0.5744, 0.05"),
        ({"expected": -0.01}, r"an accuracy in \[0, 1\] .* got 10, -0.01, 0.05"),
        ({"expected": 1.01}, r"an accuracy in \[0, 1\] .* got 10, 1.01, 0.05"),
        ({"expected": 57.44}, r"an accuracy in \[0, 1\] .* got 10, 57.44, 0.05"),
        ({"tolerance": 0}, r"a tolerance in \(0, 1\]; got 10, 0.5744, 0$"),
        ({"tolerance": 1.01}, r"a tolerance in \(0, 1\]; got 10, 0.5744, 1.01"),
    ],
)
def test_impossible_figures_are_refused_with_what_came(figures, message):
    with pytest.raises(ValueError, match=message):
        cell(**figures)


def test_the_tolerance_is_the_same_for_every_cell_and_never_widened(cells):
    assert {each.tolerance for each in cells} == {0.05}


def test_every_cell_says_where_it_stands(cells):
    assert all(f"table {each.table}, row" in each.place for each in cells)


def test_the_interval_is_the_one_computed_by_hand():
    # n = 5, mean 0.60, s = 0.01; t(4, 0.975) = 2.7764451; sqrt(1.2) = 1.0954451
    step = 0.01 * math.sqrt(4 / 10)
    low, high = prediction_interval([0.60 + k * step for k in (-2, -1, 0, 1, 2)])
    assert low == pytest.approx(0.60 - 0.030414, abs=1e-6)
    assert high == pytest.approx(0.60 + 0.030414, abs=1e-6)


def test_two_seeds_give_no_false_comfort():
    # t(1, 0.975) = 12.7062: half a point of spread is an interval of eleven.
    low, high = prediction_interval([0.595, 0.605])
    assert (high - low) / 2 == pytest.approx(12.7062 * 0.0070711 * 1.2247449, rel=1e-5)
    assert high - low > 0.2


def test_one_seed_has_no_interval():
    assert prediction_interval([0.6]) is None
    assert prediction_interval([]) is None


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_the_interval_covers_one_more_run_in_95_of_100(n):
    random = np.random.default_rng(n)
    trials = 4000
    draws = random.normal(0.6, 0.01, (trials, n + 1))
    covered = 0
    for *ours, theirs in draws:
        low, high = prediction_interval(ours)
        covered += low <= theirs <= high
    # 99.9% bounds of a binomial count with p = 0.95: fails once in a thousand if it is right.
    low, high = stats.binom.interval(0.999, trials, 0.95)
    assert low <= covered <= high


SPREAD = (-0.01, -0.005, 0, 0.005, 0.01)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        # Half the interval: t(4) = 2.776 times 0.0079 times sqrt(1.2), 0.0240.
        ([0.5744 + d for d in SPREAD], VerdictKind.REPRODUCED),
        ([0.5983 + d for d in SPREAD], VerdictKind.REPRODUCED),
        ([0.5505 + d for d in SPREAD], VerdictKind.REPRODUCED),
        ([0.5985 + d for d in SPREAD], VerdictKind.CLOSE),
        ([0.6243 + d for d in SPREAD], VerdictKind.CLOSE),
        ([0.6245 + d for d in SPREAD], VerdictKind.DIFFERS),
        ([0.5243 + d for d in SPREAD], VerdictKind.DIFFERS),
        # More noise must not earn a better verdict.
        ([0.60, 0.66], VerdictKind.INCONCLUSIVE),
        ([0.57, 0.58], VerdictKind.INCONCLUSIVE),
        ([0.26, 1.00], VerdictKind.INCONCLUSIVE),
        ([0.5744], VerdictKind.ONE_RUN),
        ([0.6244], VerdictKind.ONE_RUN),
        ([0.5244], VerdictKind.ONE_RUN),
        ([0.6245], VerdictKind.INCONCLUSIVE),
        ([0.62, 0.62], VerdictKind.CLOSE),
        ([0.5744, 0.5744], VerdictKind.REPRODUCED),
        ([0.7, 0.7], VerdictKind.DIFFERS),
        ([], VerdictKind.NOT_RUN),
    ],
)
def test_verdicts_by_tolerance_and_interval(values, kind):
    assert judge(cell(), values).kind == kind


def test_a_kind_is_a_success_where_the_figure_is_within_the_tolerance():
    success = {VerdictKind.REPRODUCED, VerdictKind.CLOSE, VerdictKind.ONE_RUN}
    assert {kind for kind in VerdictKind if kind.is_success} == success


def test_made_up_images_are_not_judged():
    verdict = judge(cell(), [0.1, 0.2, 0.1], made_up=True)
    assert (verdict.kind, verdict.n) == (VerdictKind.MADE_UP, 3)
    assert verdict.mean == pytest.approx(0.4 / 3)
    assert {verdict.difference, verdict.p, verdict.low, verdict.high, verdict.margin} == {None}
    assert judge(cell(), [], made_up=True).kind is VerdictKind.NOT_RUN


def test_the_pooled_spread_by_hand():
    """Squares about their means: 0.0002 with one degree and 0.0002 with two."""
    spread = pool([[0.60, 0.62], [0.50, 0.51, 0.52], [0.9]])
    assert (spread.sd, spread.degrees) == (pytest.approx(math.sqrt(0.0004 / 3)), 3)
    assert pool([[0.6], []]) is None
    assert pool([]) is None


def test_all_cells_of_a_network_share_a_spread_and_no_other_network_does(cells):
    accuracies = {
        "net-relu@10": [0.57, 0.59], "net-swish@60": [0.58, 0.60, 0.62], "net-relu@150": [0.5, 0.52],
        "improved@10": [0.68, 0.70], "resnet@10": [0.70],
    }  # fmt: skip
    verdicts = {v.cell.name: v for v in judge_all(cells, accuracies)}
    net = pool([accuracies["net-relu@10"], accuracies["net-swish@60"], accuracies["net-relu@150"]])
    assert verdicts["net-relu@10"].spread == verdicts["net-swish@60"].spread == net
    assert net.degrees == 4
    assert verdicts["improved@10"].spread == pool([accuracies["improved@10"]])
    assert verdicts["resnet@10"].spread is None
    assert verdicts["net-relu@10"].sd == pytest.approx(0.02 / math.sqrt(2)), "its own"


def test_what_stands_beside_has_a_spread_of_its_own(cells):
    usual, aside = {"improved@10": [0.68, 0.70]}, {"improved@10": [0.68, 0.74]}
    spreads = [v.spread for v in judge_all(cells, usual, aside) if v.cell.name == "improved@10"]
    assert spreads == [pool(usual.values()), pool(aside.values())]


def test_what_stands_beside_shares_the_spread_of_all_cells_beside(cells):
    usual = {"improved@10": [0.68, 0.70], "improved@30": [0.70, 0.71]}
    aside = {"improved@10": [0.68, 0.74], "improved@30": [0.70, 0.77]}
    verdicts = [v for v in judge_all(cells, usual, aside) if not v.is_primary]
    assert [v.cell.name for v in verdicts] == ["improved@10", "improved@30"]
    assert [v.spread for v in verdicts] == [pool(aside.values())] * 2


def test_a_table_is_followed_by_what_stands_beside_it(cells):
    records = [record("improved", seed, {10: 0.7, 30: 0.71}) for seed in (0, 1)]
    told = [(v.cell.table, v.is_primary) for v in judge_records(cells, records)]
    tables = {table: [on for each, on in told if each == table] for table, _ in told}
    assert [table for table, _ in told] == sorted(table for table, _ in told)
    assert tables["3-3"] == [True] * 8 + [False] * 2
    assert all(all(primary) for table, primary in tables.items() if table != "3-3")


def test_a_network_without_dropout_is_read_one_way(cells):
    verdicts = judge_records(cells, [record("net-relu"), record("improved")])
    assert {v.cell.model: v.dropout_on for v in verdicts if v.is_primary} == {
        "net-relu": None, "net-leaky_relu": None, "net-swish": None, "improved": True,
        "resnet": None,
    }  # fmt: skip


def test_a_verdict_on_made_up_images_says_so_both_ways_of_reading(cells):
    records = [record("improved", seed, dataset="synthetic") for seed in (0, 1)]
    verdicts = [v for v in judge_records(cells, records) if v.n]
    assert [(v.kind, v.is_primary) for v in verdicts] == [
        (VerdictKind.MADE_UP, True), (VerdictKind.MADE_UP, False),
    ]  # fmt: skip


def test_one_run_has_no_interval_whatever_is_known_of_others(cells):
    accuracies = {"net-relu@10": [0.5744], "net-relu@30": [0.60, 0.61, 0.62]}
    verdict = judge_all(cells, accuracies)[0]
    assert (verdict.kind, verdict.low, verdict.margin) == (VerdictKind.ONE_RUN, None, None)


def test_the_interval_ends_where_accuracies_do():
    verdict = judge(cell(0.99), [0.97, 0.99, 0.995])
    assert verdict.high == 1
    assert verdict.low < 0.97
    assert verdict.half_width > 1 - verdict.mean
    assert judge(cell(0.01), [0.0, 0.02, 0.005]).low == 0


def test_the_margin_of_equivalence_is_that_of_two_one_sided_tests():
    """By hand: at the margin the one-sided p is 5%."""
    values = [0.58 + d for d in SPREAD]
    verdict = judge(cell(), values)
    standard_error = stdev(values) * math.sqrt(1 + 1 / 5)
    t = (verdict.margin - 0.0056) / standard_error
    assert stats.t.sf(t, 4) == pytest.approx(0.05)
    assert judge(cell(), [0.58]).margin is None


def test_equivalence_is_claimed_wrongly_in_at_most_5_of_100():
    """The true difference is just the margin of 0.05: 3,000 simulations of 5 seeds."""
    drawn = np.random.default_rng(5).normal(0.6, 0.01, (3000, 6))
    wrong = sum(judge(cell(one - 0.05), values).margin <= 0.05 for *values, one in drawn.tolist())
    assert wrong / 3000 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 3000)
    assert wrong / 3000 >= 0.05 - 3 * math.sqrt(0.05 * 0.95 / 3000)


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_the_pooled_interval_covers_one_more_run_where_the_rows_of_a_run_go_together(correlation):
    """Four rows of three models, five seeds: the rows of a run share a part of their chance, so
    that there is less to know than the degrees of freedom say."""
    random = np.random.default_rng(7)
    trials, inside = 1500, 0
    shared = random.normal(0, 1, (trials, 3, 1, 6))
    own = random.normal(0, 1, (trials, 3, 4, 6))
    runs = 0.6 + 0.01 * (math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own)
    for models in runs:
        spread = pool(models[..., :5].reshape(12, 5).tolist())
        *ours, theirs = models[0, 0].tolist()
        inside += judge(cell(theirs), ours, spread=spread).kind is VerdictKind.REPRODUCED
    low, high = stats.binom.interval(0.999, trials, 0.95)
    assert low <= inside <= high


@pytest.mark.slow
@pytest.mark.parametrize(("network", "cells"), [("Net", 12), ("ImprovedNet", 4), ("ResNet", 1)])
def test_a_real_difference_shows_as_often_as_the_docs_say(network, cells):
    """Whole reproductions of one network: its cells share a pooled spread."""
    docs = (packaged("expected_results").parent / "docs" / "verdicts.md").read_text()
    row = re.search(rf"^\| {network} \|(.*)\|$", docs, re.MULTILINE)
    sd, *rates = map(float, row[1].split("|"))
    rng, times, n = np.random.default_rng(1), 2000, 10
    for farther, rate in zip((0.01, 0.02, 0.03), rates, strict=True):
        shown = 0
        for _ in range(times):
            ours = rng.normal(0.5, sd, (cells, n)).tolist()
            theirs = cell(expected=rng.normal(0.5 + farther, sd))
            shown += judge(theirs, ours[0], spread=pool(ours)).kind is not VerdictKind.REPRODUCED
        low, high = stats.binom.interval(0.999, times, rate)
        assert low - 0.005 * times <= shown <= high + 0.005 * times, "the table rounds to 0.01"


def test_a_verdict_carries_its_numbers():
    verdict = judge(cell(0.59), [0.58, 0.60, 0.62])
    assert (verdict.n, verdict.mean, verdict.sd) == (3, pytest.approx(0.6), pytest.approx(0.02))
    assert verdict.difference == pytest.approx(0.01)
    assert (verdict.low + verdict.high) / 2 == pytest.approx(0.6)
    assert judge(cell(), [0.59, 0.61]).sd == pytest.approx(0.02 / math.sqrt(2))
    lone = judge(cell(), [0.6])
    assert (lone.n, lone.mean, lone.sd, lone.low, lone.high) == (1, 0.6, None, None, None)
    none = judge(cell(), [])
    assert (none.n, none.mean, none.difference) == (0, None, None)


def test_the_p_value_by_hand_and_the_interval_agree():
    """t = (0.65 - 0.6) / (0.01 * sqrt(4/3)) = 4.3301 with 2 degrees of freedom, where p = 1 - t / sqrt(t² + 2)."""
    values = [0.59, 0.60, 0.61]
    assert p_value(values, 0.65) == pytest.approx(1 - 4.3301270 / math.sqrt(20.75), abs=1e-7)
    assert p_value(values, 0.60) == pytest.approx(1)
    low, high = prediction_interval(values)
    assert p_value(values, high) == pytest.approx(0.05)
    assert p_value(values, low) == pytest.approx(0.05)
    assert p_value([0.6], 0.6) is None
    assert (p_value([0.6, 0.6], 0.6), p_value([0.6, 0.6], 0.7)) == (1, 0)
    assert judge(cell(), values).p == p_value(values, 0.5744)


def test_the_smallest_difference_that_can_be_told_from_chance():
    verdict = judge(cell(), [0.59, 0.60, 0.61])
    t = 4.302653
    assert verdict.half_width == pytest.approx(t * 0.01 * math.sqrt(4 / 3), abs=1e-6)
    assert judge(cell(), [0.59]).half_width is None


def test_holm_by_hand():
    """Of p = 0.001, 0.02, 0.03, 0.5 the first falls (below 0.05/4); 0.02 is above 0.05/3: stop."""
    verdicts = [
        dataclasses.replace(judge(cell(row=row), [0.574, 0.575]), p=p)
        for row, p in [(10, 0.02), (30, 0.001), (60, 0.5), (100, 0.03)]
    ]
    assert significant_cells(verdicts) == ["net-relu@30"]
    assert significant_cells([*verdicts, verdicts[1]]) == ["net-relu@30"], (
        "a repeated cell counts once"
    )
    assert significant_cells(verdicts[:1]) == ["net-relu@10"]
    assert significant_cells([]) == []


def test_an_interval_a_little_wider_than_the_tolerance_decides_nothing():
    """Two runs 0.0064 apart: 12.706 * 0.0045 * sqrt(1.5) is 0.07."""
    assert judge(cell(), [0.5712, 0.5776]).kind is VerdictKind.INCONCLUSIVE
    assert judge(cell(), [0.5724, 0.5764]).kind is VerdictKind.REPRODUCED, "0.044"


def test_holm_is_less_strict_with_each_that_falls_and_stops_at_the_first_that_does_not():
    assert holm({"a": 0.01, "b": 0.02, "c": 0.04}) == ["a", "b", "c"]
    # 0.02 and 0.04 would fall, had 0.018 not been above 0.05/3.
    assert holm({"a": 0.018, "b": 0.02, "c": 0.04}) == []


def test_improved_net_is_judged_by_the_readings_with_dropout_on():
    """The report's recipe predicts with it off, and its figures were read with it on."""
    improved = REPORT_RECIPES["improved"]
    assert (improved.dropout_at_prediction, primary_dropout_on(improved)) == (False, True)
    left_on = dataclasses.replace(REPORT_RECIPES["improved"], learning_rate=0.5)
    left_on = dataclasses.replace(left_on, dropout_at_prediction=True)
    assert primary_dropout_on(left_on), "of another report the recipe says it"


def test_holm_names_a_cell_in_at_most_5_of_100_faithful_reproductions():
    """17 cells, 5 seeds, 600 simulations without any real difference."""
    drawn = np.random.default_rng(3).normal(0.6, 0.01, (600, 17, 6))
    named = 0
    for simulation in drawn.tolist():
        verdicts = [
            judge(cell(one, row=row), values) for row, (*values, one) in enumerate(simulation, 1)
        ]
        named += bool(significant_cells(verdicts))
    assert named / 600 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)


def test_improved_net_is_judged_as_the_report_read_it_and_the_other_way_beside(cells):
    records = [record("improved", seed, {10: 0.70 + seed / 100}) for seed in (0, 1)]
    verdicts = [v for v in judge_records(cells, records) if v.cell.name == "improved@10"]
    assert [v.is_primary for v in verdicts] == [True, False]
    means = {v.dropout_on: v.mean for v in verdicts}
    assert means == pytest.approx({False: 0.705, True: 0.685})
    everything = judge_records(cells, records)
    assert sum(v.is_primary for v in everything) == 22, (
        "cells without a run have nothing beside them"
    )
    assert len(everything) == 23
    assert [v.cell.table for v in everything] == sorted(v.cell.table for v in everything)


def test_what_stands_beside_decides_nothing():
    beside = judge(cell(), [0.7, 0.7], True, is_primary=False)
    assert beside.kind is VerdictKind.DIFFERS
    assert significant_cells([dataclasses.replace(beside, p=0.0)]) == []


def test_records_reach_their_cells_by_recipe_and_epoch(cells):
    records = [
        record("net-relu", 0, {10: 0.57, 30: 0.63}),
        record("net-relu", 1, {10: 0.58}),
        record("resnet", 0, {10: 0.70}),
    ]
    verdicts = {(v.cell.table, v.cell.name): v for v in judge_records(cells, records)}
    assert verdicts["3-1", "net-relu@10"].mean == pytest.approx(0.575)
    assert verdicts["3-4", "net-relu@10"].mean == pytest.approx(0.575)
    assert verdicts["3-1", "net-relu@30"].n == 1
    assert verdicts["3-4", "resnet@10"].mean == 0.70
    assert verdicts["3-2", "net-swish@10"].kind == VerdictKind.NOT_RUN


def test_runs_of_another_recipe_count_for_no_cell(monkeypatch):
    other = record("net-relu", 0, {10: 0.57})
    monkeypatch.setitem(REPORT_RECIPES, "net-relu", Recipe(architecture="net", batch_size=64))
    assert accuracies_by_cell([other, record("resnet", 0, {10: 0.70})]) == {"resnet@10": [0.70]}


def test_one_seed_counts_once():
    records = [record(seed=0), record(seed=0, device="cuda", engine="torch")]
    with pytest.raises(ValueError, match="net-relu: expected one record a seed; got two of 0"):
        accuracies_by_cell(records)


def test_cells_are_selected_by_table_and_row(cells):
    assert [c.name for c in select_cells(cells, "3-1", 30)] == ["net-relu@10", "net-relu@30"]
    assert len(select_cells(cells, "all", None)) == 22
    assert len(select_cells(cells, "3-4", 100)) == 2
    with pytest.raises(UsageError, match="table '3-5': expected 3-1, 3-2, 3-3, 3-4 or all"):
        select_cells(cells, "3-5", None)
    with pytest.raises(UsageError, match="--epochs 9: table 3-1 begins with the row of 10 epochs"):
        select_cells(cells, "3-1", 9)


def write(tmp_path, text, table="3-1"):
    for each in ("3-1", "3-2", "3-3", "3-4"):
        source = packaged("expected_results") / f"table-{each}.csv"
        (tmp_path / f"table-{each}.csv").write_text(text if each == table else source.read_text())
    return tmp_path


HEADER = "epochs,column,model,accuracy,tolerance,place\n"


COLUMNS = ": expected the columns epochs,column,model,accuracy,tolerance,place$"
GOOD = "10,Net,net-relu,0.5744,0.05,p\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", COLUMNS),
        ("a,b\n1,2\n", COLUMNS),
        (HEADER, ": expected each cell once; got none$"),
        (HEADER + GOOD * 2, ": expected each cell once; got net-relu@10, net-relu@10$"),
        (
            HEADER + "10,Net,net-relu,57.44,0.05,p\n",
            ", line 2: cannot be read .*got 10, 57.44, 0.05",
        ),
        (
            HEADER + "10,Net,net-relu,nan,0.05,p\n",
            ", line 2: cannot be read .*decimal fraction .*'nan'",
        ),
        (HEADER + "10,Net,net-relu,0.5744,0,p\n", ", line 2: cannot be read .*got 10, 0.5744, 0.0"),
        (HEADER + "10,Net,lenet,0.5,0.05,p\n", ", line 2: cannot be read .*got 'lenet'"),
        (HEADER + "ten,Net,net-relu,0.5,0.05,p\n", ", line 2: cannot be read .*'ten'"),
        (HEADER + "１０,Net,net-relu,0.5,0.05,p\n", ", line 2: cannot be read .*'１０'"),
        (HEADER + "1_0,Net,net-relu,0.5,0.05,p\n", ", line 2: cannot be read .*'1_0'"),
        (HEADER + "9999999,Net,net-relu,0.5,0.05,p\n", ", line 2: cannot be read .*'9999999'"),
        (HEADER + "10,Net,net-relu\n", ", line 2: expected 6 values a row"),
        (HEADER + "10,Net,net-relu,57.4%,0.05,p\n", ", line 2: .*'57.4%'"),
        (HEADER + "10,Net,net-relu,0.5_744,0.05,p\n", ", line 2: .*'0.5_744'"),
        (HEADER + GOOD + "30,Net,net-relu,0.6,٠.٠٥,p\n", ", line 3: .*'٠.٠٥'"),
        (HEADER + "10,Net,net-relu,0.5744,0.05,p,q\n", ", line 2: expected 6 values a row"),
        (HEADER + '10,Net,net-relu,0.5744,0.05,"p"q\n', ": cannot be read"),
    ],
)
def test_a_table_of_another_form_is_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=rf"table-3-1\.csv{message}"):
        load_cells(write(tmp_path, text))


@pytest.mark.posix
def test_a_table_saved_by_excel_and_one_that_would_be_waited_for(tmp_path):
    path = write(tmp_path, HEADER + GOOD) / "table-3-1.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [cell.name for cell in load_cells(tmp_path, tables=["3-1"])] == ["net-relu@10"]
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DataError, match="expected a regular file"):
        load_cells(tmp_path)


def test_a_repeated_figure_has_one_value(tmp_path):
    text = (packaged("expected_results") / "table-3-4.csv").read_text().replace("0.5744", "0.5745")
    folder = write(tmp_path, text, "3-4")
    with pytest.raises(DataError) as refused:
        load_cells(folder)
    assert str(refused.value).startswith(f"{folder}: net-relu@10 has two values: ")
    assert "0.5744" in str(refused.value)
    assert "0.5745" in str(refused.value)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(DataError, match="table-3-1.csv: cannot be read"):
        load_cells(tmp_path)


def test_cells_of_several_tables_are_in_the_reports_order():
    cells = load_cells(packaged("expected_results"))
    both = select_cells(cells, ["3-4", "3-1"], None)
    assert [cell.table for cell in both] == ["3-1"] * 4 + ["3-4"] * 2
    assert select_cells(cells, ["3-1", "all"], None) == cells
    with pytest.raises(UsageError, match="^table '3-5': expected 3-1, 3-2, 3-3, 3-4 or all$"):
        select_cells(cells, ["3-1", "3-5"], None)
    with pytest.raises(UsageError, match="^expected a table; got none of 3-1, 3-2, 3-3, 3-4$"):
        select_cells(cells, [], None)
    first = select_cells(cells, ["3-1"], 10)
    assert [cell.name for cell in first] == ["net-relu@10"]
    with pytest.raises(
        UsageError, match="^--epochs 9: table 3-1 begins with the row of 10 epochs$"
    ):
        select_cells(cells, ["3-1"], 9)
