from __future__ import annotations

import io
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from repro.errors import DataError
from repro.paths import packaged
from repro.reporting.claim_tables import claims_foot, claims_to_rich, claims_to_text, secondary_note
from repro.reporting.markup import latex
from repro.verdicts.cells import load_cells
from repro.verdicts.claim_file import Claim, load_claims
from repro.verdicts.claims import EQUIVALENCE, Finding, figures_by_seed, judge_claim
from tests.examples import record

EXPECTED = Path(__file__).parents[2] / "expected_results"

# What each sentence says, transcribed a second time: pairs, margin, difference, cell with its
# accuracy or its right answers among images.
SENTENCES = {
    "net-best-at-30": ("net-relu@30 > net-relu@10, net-relu@60, net-relu@100", 0),
    "twelve-images": ("net-relu@60: 8 of 12", 0),
    "swish-over-relu": ("net-swish > net-relu", 0.02),
    "relu-faster-than-sigmoid": ("net-relu@10 > net-sigmoid@10", 0),
    "leaky-early": ("net-leaky_relu@10: 0.61", 0),
    "leaky-overall": ("net-leaky_relu > net-relu", 0),
    "decline-stays": (
        "net-relu@30 > net-relu@100; net-leaky_relu@30 > net-leaky_relu@100; "
        "net-swish@30 > net-swish@100", 0,
    ),
    "improved-ahead": (
        "improved@10 > net-relu@10; improved@30 > net-relu@30; improved@60 > net-relu@60; "
        "improved@100 > net-relu@100", 0.02,
    ),
    "improved-rises": (
        "improved@30 > improved@10; improved@60 > improved@30; improved@100 > improved@60", 0,
    ),
    "dropout-ends-overfitting": (
        "improved-no_dropout@30 > improved-no_dropout@100; improved@100 > improved-no_dropout@100",
        0,
    ),
    "improved-rises-on": ("improved@200 > improved@100", 0),
    "best-of-all": (
        "improved@100 > net-relu@30, net-leaky_relu@30, net-swish@30, improved@60, resnet@10", 0,
    ),
    "resnet-over-net": ("resnet@10 > net-relu@10", 0.05),
    "resnet-over-improved": ("resnet@10 > improved@10 by 0.0232", 0),
}  # fmt: skip

ABOVE = Claim(name="a", says="", place="", greater=(("improved@10", "net-relu@10"),))


def seeds(*differences, base=0.5):
    return [{"improved@10": base + d, "net-relu@10": base} for d in differences]


def sentence(claim):
    """A claim as :data:`SENTENCES` writes it."""
    if claim.cell:
        count = f"{claim.right} of {claim.images}" if claim.images else f"{claim.accuracy}"
        return f"{claim.cell}: {count}"
    parts = {}
    for first, second in claim.greater:
        parts.setdefault(first, []).append(second)
    by = f" by {claim.by}" if claim.by is not None else ""
    return "; ".join(f"{first} > {', '.join(rest)}" for first, rest in parts.items()) + by


def holds_in_report(claim, figures):
    """Whether the report's own figures bear the sentence out; None where they do not say."""
    if claim.images is not None or not all(
        figure in figures or f"{figure}@100" in figures for figure in claim.figures
    ):
        return None
    if claim.accuracy is not None:
        return figures[claim.cell] == claim.accuracy

    def value(figure):
        rows = [figures[f"{figure}@{epochs}"] for epochs in (10, 30, 60, 100) if "@" not in figure]
        return figures[figure] if "@" in figure else sum(rows) / 4

    return all(value(a) - value(b) > claim.margin + 1e-9 for a, b in claim.greater)


def test_each_claim_says_what_its_sentence_does():
    claims = load_claims(EXPECTED / "claims.toml")
    assert {claim.name: (sentence(claim), claim.margin) for claim in claims} == SENTENCES


def test_the_reports_claims_are_there_and_its_own_figures_bear_them_out():
    """All that is said of the tables does hold in them: the sentences are transcribed right. What
    is said of Swish is said of image tasks in general."""
    claims = load_claims(EXPECTED / "claims.toml")
    figures = {cell.name: cell.expected for cell in load_cells(EXPECTED)}
    assert {claim.name: holds_in_report(claim, figures) for claim in claims} == {
        "net-best-at-30": True,
        "twelve-images": None,
        "swish-over-relu": False,
        "relu-faster-than-sigmoid": None,
        "leaky-early": True,
        "leaky-overall": True,
        "decline-stays": True,
        "improved-ahead": True,
        "improved-rises": True,
        "dropout-ends-overfitting": None,
        "improved-rises-on": None,
        "best-of-all": True,
        "resnet-over-net": True,
        "resnet-over-improved": True,
    }
    stated = next(claim for claim in claims if claim.by is not None)
    (a, b) = stated.greater[0]
    assert figures[a] - figures[b] == pytest.approx(stated.by)


@pytest.mark.parametrize(
    ("differences", "finding", "k"),
    [
        ((), Finding.NOT_RUN, 0),
        ((0.1,), Finding.OPEN, 1),
        # Mean 0.015, t(1) = 12.7 times 0.005: two that agree may do so by chance.
        ((0.01, 0.02), Finding.OPEN, 2),
        ((0.1, 0.2, 0.1, 0.2, 0.1), Finding.SUPPORTED, 5),
        # One seed against it does not outweigh nine.
        ((0.01, 0.02, 0.01, 0.02, 0.01, 0.02, 0.01, 0.02, 0.01, -0.001), Finding.SUPPORTED, 9),
        ((-0.1, -0.2, -0.1, -0.2, -0.1), Finding.CONTRADICTED, 0),
        ((0.1, -0.2, 0.3), Finding.OPEN, 2),
        ((0.001, -0.002, 0.003, -0.001, 0.0), Finding.EQUIVALENT, 2),
        ((0.02, -0.02, 0.02, -0.02), Finding.OPEN, 2),
    ],
)
def test_a_claim_is_judged_by_the_interval_of_its_difference(differences, finding, k):
    judged = judge_claim(ABOVE, seeds(*differences))
    assert (judged.finding, judged.k, judged.n) == (finding, k, len(differences))


@pytest.mark.parametrize(
    ("shift", "finding"),
    [(0.03, Finding.SUPPORTED), (0.02, Finding.OPEN), (0.01, Finding.CONTRADICTED)],
)
def test_a_strong_word_needs_its_margin(shift, finding):
    """Ahead by 0.01, surely, is not "clearly" ahead."""
    clearly = Claim(name="a", says="", place="", greater=ABOVE.greater, margin=0.02)
    spread = (-0.002, -0.001, 0, 0.001, 0.002)
    judged = judge_claim(clearly, seeds(*(shift + each for each in spread)))
    assert (judged.finding, judged.k) == (finding, 5)
    assert holds_in_report(clearly, {"improved@10": 0.515, "net-relu@10": 0.5}) is False
    assert "needs 0.02" in claims_to_text([judged], "md")
    assert "margin" in claims_foot([judged])


TWO = Claim(
    name="a", says="", place="",
    greater=(("net-relu@30", "net-relu@10"), ("net-relu@30", "net-relu@60")),
)  # fmt: skip


def two(first, second):
    """Seeds in which the first figure is ahead of the two others by so much."""
    return [
        {"net-relu@30": 0.6, "net-relu@10": 0.6 - a, "net-relu@60": 0.6 - b}
        for a, b in zip(first, second, strict=True)
    ]


SURE, NONE, AGAINST, UNSURE = (
    (0.03, 0.031, 0.029, 0.03), (0.001, -0.001, 0.001, -0.001),
    (-0.03, -0.031, -0.029, -0.03), (0.03, -0.03, 0.03, -0.03),
)  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "finding"),
    [
        (SURE, SURE, Finding.SUPPORTED),
        (SURE, NONE, Finding.EQUIVALENT),
        (NONE, SURE, Finding.EQUIVALENT),
        (SURE, AGAINST, Finding.CONTRADICTED),
        (AGAINST, NONE, Finding.CONTRADICTED),
        (SURE, UNSURE, Finding.OPEN),
        (NONE, UNSURE, Finding.OPEN),
    ],
)
def test_the_pair_that_binds_decides(first, second, finding):
    assert judge_claim(TWO, two(first, second)).finding is finding


def test_one_pair_of_several_contradicts_by_a_wider_interval():
    """Student's t with three degrees is 3.18 at 5%, and 4.18 at 2.5%, for one of two pairs."""
    spread = (-0.02, 0.02, -0.02, 0.02)  # a standard error of 0.01155
    values = tuple(-0.04 + each for each in spread)  # t = -3.46
    far = tuple(-0.05 + each for each in spread)  # t = -4.33
    alone = Claim(name="a", says="", place="", greater=TWO.greater[:1])
    assert judge_claim(alone, two(values, SURE)).finding is Finding.CONTRADICTED
    assert judge_claim(TWO, two(values, SURE)).finding is Finding.OPEN
    assert judge_claim(TWO, two(far, SURE)).finding is Finding.CONTRADICTED


def drawn(trials, n, mean, pairs=1, sd=0.01):
    """Seeds by the trial, whose differences have this mean and standard deviation."""
    random = np.random.default_rng(11).normal(mean, sd, (trials, pairs, n))
    return [two(trial[0], trial[-1]) for trial in random.tolist()]


@pytest.mark.slow
def test_with_no_difference_support_and_contradiction_are_as_rare_as_they_should_be():
    """Each in 2.5% of 3,000 simulations of five seeds: five agreeing seeds are 2 in 32, not 1."""
    alone = Claim(name="a", says="", place="", greater=TWO.greater[:1])
    found = Counter(judge_claim(alone, each).finding for each in drawn(3000, 5, 0.0))
    for finding in (Finding.SUPPORTED, Finding.CONTRADICTED):
        low, high = stats.binom.interval(0.999, 3000, 0.025)
        assert low <= found[finding] <= high
    both = Counter(judge_claim(TWO, each).finding for each in drawn(3000, 5, 0.0, pairs=2))
    assert both[Finding.CONTRADICTED] <= stats.binom.interval(0.999, 3000, 0.05)[1]
    assert both[Finding.SUPPORTED] < found[Finding.SUPPORTED]


@pytest.mark.slow
def test_a_difference_as_large_as_the_margin_passes_as_none_in_at_most_5_of_100():
    alone = Claim(name="a", says="", place="", greater=TWO.greater[:1])
    found = Counter(judge_claim(alone, each).finding for each in drawn(3000, 10, -EQUIVALENCE))
    assert found[Finding.EQUIVALENT] <= stats.binom.interval(0.999, 3000, 0.05)[1]
    none = Counter(judge_claim(alone, each).finding for each in drawn(1000, 10, 0.0))
    assert none[Finding.EQUIVALENT] > 600, "ten seeds do see that there is no difference"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sd", "difference", "rate"),
    [(0.01, 0.01, 0.80), (0.01, 0.02, 1.0), (0.015, 0.01, 0.47), (0.015, 0.02, 0.96)],
)
def test_ten_seeds_support_a_real_difference_as_often_as_the_docs_say(sd, difference, rate):
    alone = Claim(name="a", says="", place="", greater=TWO.greater[:1])
    found = Counter(judge_claim(alone, each).finding for each in drawn(2000, 10, difference, sd=sd))
    low, high = stats.binom.interval(0.999, 2000, rate)
    assert low - 10 <= found[Finding.SUPPORTED] <= high + 10, "the rate is rounded to 0.01"


def test_equal_means_are_no_difference_whatever_their_sums_round_to():
    claim = Claim(name="a", says="", place="", greater=(("net-swish", "net-relu"),))
    rows = dict(zip((10, 30, 60, 100), (0.5611, 0.5692, 0.5651, 0.5690), strict=True))
    other = dict(zip((10, 30, 60, 100), (0.5700, 0.5685, 0.5680, 0.5579), strict=True))
    figures = {f"net-swish@{e}": v for e, v in rows.items()}
    figures |= {f"net-relu@{e}": v for e, v in other.items()}
    assert judge_claim(claim, [figures]).k == 0
    assert holds_in_report(claim, figures) is False
    stated = Claim(name="a", says="", place="", greater=(("improved@10", "net-relu@10"),), by=0.1)
    assert judge_claim(stated, seeds(0.1, 0.1, base=0.7)).stated is True


def test_a_claim_is_judged_with_dropout_the_other_way_about_too():
    """In the examples dropout on takes 0.02 away, so ImprovedNet is ahead of this Net with it off
    alone."""
    records = [record("improved", seed, {10: 0.60}) for seed in range(5)]
    records += [record("net-relu", seed, {10: 0.59}) for seed in range(5)]
    judged = judge_claim(ABOVE, figures_by_seed(records).values(),
                         figures_by_seed(records, primary=False).values())  # fmt: skip
    assert (judged.finding, judged.k) == (Finding.CONTRADICTED, 0)
    assert judged.secondary
    assert (judged.secondary.finding, judged.secondary.k) == (Finding.SUPPORTED, 5)
    markdown = claims_to_text([judged], "md")
    assert "CONTRADICTED (dropout off: SUPPORTED, 5 of 5)" in markdown
    assert "with dropout off" in claims_foot([judged])
    (row,) = json.loads(claims_to_text([judged], "json"))
    assert row["switched"] == {"n": 5, "k": 5, "finding": "SUPPORTED"}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_claim_that_was_not_run_says_what_runs_it(lang):
    claims = {claim.name: claim for claim in load_claims(EXPECTED / "claims.toml")}
    judged = [judge_claim(claims["dropout-ends-overfitting"], [])]
    assert "`repro train improved --dropout 0 --epochs 100`" in claims_foot(judged, lang)
    assert "`repro train improved --epochs 100`" in claims_foot(judged, lang)
    beyond = claims_foot([judge_claim(claims["improved-rises-on"], [])], lang)
    assert "`repro train improved --epochs 200`" in beyond
    assert "repro train" not in claims_foot([judge_claim(TWO, [two([0.1], [0.2])[0]])], lang)


def test_a_claim_without_dropout_is_judged_once():
    claim = Claim(name="a", says="", place="", greater=(("net-relu@30", "net-relu@10"),))
    figures = figures_by_seed([record("net-relu", 0, {10: 0.59, 30: 0.6})]).values()
    judged = judge_claim(claim, figures, figures)
    assert judged.secondary is None
    assert "dropout" not in claims_foot([judged])


def test_two_runs_of_one_model_and_seed_are_refused():
    with pytest.raises(ValueError, match="one record a seed"):
        figures_by_seed([record("net-relu", 0, {10: 0.5}), record("net-relu", 0, {10: 0.6})])


def test_claims_compare_with_models_that_the_tables_do_not_have():
    claims = {claim.name: claim for claim in load_claims(EXPECTED / "claims.toml")}
    runs = [record("net-relu", seed, {10: 0.6}) for seed in range(3)]
    runs += [record("net-sigmoid", seed, {10: 0.3 + seed / 100}) for seed in range(3)]
    judged = judge_claim(claims["relu-faster-than-sigmoid"], figures_by_seed(runs).values())
    assert (judged.finding, judged.k, judged.n) == (Finding.SUPPORTED, 3, 3)


def test_a_network_without_dropout_has_one_reading_whichever_is_asked_for():
    runs = [
        record("improved-no_dropout", 0, {30: 0.7, 100: 0.6}),
        record("improved", 0, {100: 0.7}),
    ]
    on, off = (figures_by_seed(runs, primary=primary)[0] for primary in (True, False))
    assert on["improved-no_dropout@100"] == off["improved-no_dropout@100"] == 0.6
    assert on["improved@100"] < off["improved@100"]


def test_the_claim_beyond_the_tables_is_told_by_runs_that_go_on_as_the_report_read_them():
    """With dropout on, 0.02 lower: both readings alike, so the claim does not depend on it."""
    claims = {claim.name: claim for claim in load_claims(EXPECTED / "claims.toml")}
    rising = [
        record("improved", seed, {10: 0.6, 30: 0.7, 60: 0.7, 100: 0.74, 150: 0.75, 200: later})
        for seed, later in ((0, 0.76), (1, 0.73))
    ]
    figures = figures_by_seed(rising)
    assert figures[0]["improved@200"] == pytest.approx(0.74)
    judged = judge_claim(claims["improved-rises-on"], figures.values())
    assert (judged.finding, judged.k, judged.n) == (Finding.OPEN, 1, 2)


def test_intervals_are_students_and_so_is_the_chance_of_one_more_seed():
    differences = (0.1, -0.2, 0.3, 0.25)
    judged = judge_claim(ABOVE, seeds(*differences))
    mean = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert judged.intervals == (pytest.approx((mean.low, mean.high)),)
    assert judged.differences == pytest.approx((sum(differences) / 4,))
    deviation = np.std(differences, ddof=1) * np.sqrt(1 + 1 / 4)
    assert judged.chance == pytest.approx(stats.t.sf(-np.mean(differences) / deviation, 3))
    one = judge_claim(ABOVE, seeds(0.1))
    assert (one.intervals, one.chance) == ((None,), None)
    assert judge_claim(ABOVE, seeds(0.25, 0.25, base=0.5)).chance == 1
    assert judge_claim(ABOVE, seeds(0.0, 0.0)).chance == 0


def test_seeds_without_all_figures_do_not_count():
    judged = judge_claim(ABOVE, [*seeds(0.1, 0.2), {"improved@10": 0.1}, {}])
    assert (judged.n, judged.k) == (2, 2)


def test_all_pairs_have_to_hold_in_one_seed():
    figures = [
        {"net-relu@10": 0.5, "net-relu@30": 0.6, "net-relu@60": 0.7},
        {"net-relu@10": 0.7, "net-relu@30": 0.6, "net-relu@60": 0.5},
    ]
    judged = judge_claim(TWO, figures)
    assert judged.k == 0
    assert judged.differences == pytest.approx((0.0, 0.0))


def test_a_model_alone_is_its_mean_over_the_rows():
    claim = Claim(name="a", says="", place="", greater=(("net-swish", "net-relu"),))
    rows = (10, 30, 60, 100)
    one = {f"net-swish@{e}": 0.5 for e in rows} | {f"net-relu@{e}": 0.4 for e in rows}
    other = {**one, "net-relu@10": 0.9}
    judged = judge_claim(claim, [one, other])
    assert judged.k == 1
    assert judged.differences == pytest.approx((0.1 - 0.125 / 2,))


def test_the_chance_is_that_of_the_pair_that_binds():
    claim = Claim(
        name="a", says="", place="", greater=(("improved@10", "net-relu@10"), ("improved@10", "net-swish@10"))
    )  # fmt: skip
    figures = [
        {"improved@10": 0.6 + d, "net-relu@10": 0.3, "net-swish@10": 0.6}
        for d in (-0.01, 0.01, -0.005, 0.005, 0.001)
    ]
    chance = judge_claim(claim, figures).chance
    assert chance is not None
    assert 0.4 < chance < 0.6


def test_a_stated_difference_is_held_to_one_more_seed():
    claim = Claim(name="a", says="", place="", greater=(("improved@10", "net-relu@10"),), by=0.15)
    assert judge_claim(claim, seeds(0.1, 0.2, 0.15)).stated is True
    assert judge_claim(claim, seeds(0.5, 0.51, 0.5)).stated is False
    assert judge_claim(claim, seeds(0.1)).stated is None
    # Outside the interval of the mean, and well inside that of one more seed.
    near = judge_claim(claim, seeds(0.115, 0.125, 0.13, 0.135, 0.145))
    ((_, high),) = near.intervals
    assert high < 0.145
    assert near.stated is True
    assert "0.1500 is within the range of one more seed" in claims_foot(
        [judge_claim(claim, seeds(0.1, 0.2))]
    )
    assert "0.1500 is not within the range" in claims_foot(
        [judge_claim(claim, seeds(0.5, 0.51, 0.5))]
    )


@pytest.mark.parametrize(
    ("accuracy", "usual"), [(0.58, True), (0.67, True), (0.2, False), (0.99, False)]
)
def test_eight_of_twelve_is_what_such_a_network_gets(accuracy, usual):
    claim = Claim(name="a", says="", place="", cell="net-relu@60", right=8, images=12)
    judged = judge_claim(claim, [{"net-relu@60": accuracy}] * 5)
    assert judged.finding is (Finding.COMPATIBLE if usual else Finding.CONTRADICTED)
    assert judged.chance is None, "seeds are no trials of one draw of twelve"


@pytest.mark.parametrize(
    ("accuracies", "finding", "k"),
    [
        ((0.60, 0.61, 0.62), Finding.COMPATIBLE, 2),
        ((0.50, 0.51, 0.52), Finding.CONTRADICTED, 0),
        ((0.61,), Finding.OPEN, 1),
        ((), Finding.NOT_RUN, 0),
    ],
)
def test_a_figure_that_a_sentence_names_could_be_one_of_ours_or_not(accuracies, finding, k):
    claim = Claim(name="a", says="", place="", cell="net-relu@60", accuracy=0.61)
    judged = judge_claim(claim, [{"net-relu@60": each} for each in accuracies])
    assert (judged.finding, judged.k, judged.n) == (finding, k, len(accuracies))
    assert holds_in_report(claim, {"net-relu@60": 0.61}) is True
    assert holds_in_report(claim, {"net-relu@60": 0.6}) is False


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "claims"),
        ('[[claims]]\nname = "a"', "says"),
        ("[[claims]", "cannot be read"),
        ('[[claims]]\nname="a"\nsays="b"\nplace="c"', ": expected `greater`, or `cell` with `accuracy`, or `cell` with `right` and `images`"),
        ('[[claims]]\nname="a"\nsays="b"\nplace="c"\ngreater=[["net@10","net-relu@10"]]', ": expected a model that is known, at epochs that are read; got 'net@10'"),
        ('[[claims]]\nname="a"\nsays="b"\nplace="c"\ngreater=[["net-relu@11","net-relu@10"]]', "net-relu@11"),
        ('[[claims]]\nname="a"\nsays="b"\nplace="c"\ngreater=[["net-relu@10","net-relu@30"]]\nright=3', "expected `greater`, or"),
        ('[[claims]]\nname="a"\nsays="b"\nplace="c"\ncell="net-relu@10"\nright=3', "expected `greater`, or"),
        ('[[claims]]\nname="a"\nsays="b"\nplace="c"\ncell="net-relu@10"\naccuracy=0.5\nmargin=0.1', ": margin: expected a number in [0, 1) of pairs; got 0.1"),
        ('[[claims]]\nname="a"\nsays="b"\nplace="c"\ngreater=[["net-relu@10","net-relu@30"]]\nmargin=1.0', ": margin: expected a number in [0, 1) of pairs; got 1.0"),
        ('[[claims]]\nname="a"\nsays="b"\nplace="c"\ngreater=[["net-relu@10","net-relu@30"],["net-relu@10","net-relu@60"]]\nby=0.1', ": by: expected one pair that differs so much; got 2"),
        ('[[claims]]\nname="a"\nsays="b"\nplace="c"\ncell="net-relu@10"\nright=9\nimages=3', ": right: expected at most 3; got 9"),
        ('[[claims]]\nname="a"\nsays="b"\nplace="c"\ncell="net-relu@10"\nright=1\nimages=0', ": right: expected at most 0; got 1"),
        ('[[claims]]\nname="a"\nsays="b"\nplace="c"\ncolour=1', "colour"),
        ('colour=1\n[[claims]]\nname="a"\nsays="b"\nplace="c"\ngreater=[["net-relu@10","net-relu@30"]]', "colour"),
        ('claims = []', ": expected each claim once; got none"),
    ],
)  # fmt: skip
def test_claims_of_another_form_are_refused(tmp_path, body, message):
    path = tmp_path / "claims.toml"
    path.write_text(body)
    with pytest.raises(DataError, match=r"claims\.toml") as error:
        load_claims(path)
    assert message in str(error.value)


def test_a_name_stands_once(tmp_path):
    text = (EXPECTED / "claims.toml").read_text()
    path = tmp_path / "claims.toml"
    path.write_text(text.replace('"leaky-early"', '"net-best-at-30"'))
    with pytest.raises(DataError) as refused:
        load_claims(path)
    assert str(refused.value).startswith(f"{path}: expected each claim once; got net-best-at-30, ")
    with pytest.raises(DataError, match="cannot be read"):
        load_claims(tmp_path / "none.toml")


def test_an_editor_may_leave_a_byte_order_mark_and_other_line_ends(tmp_path):
    """As in the tables and in report.toml."""
    data = (EXPECTED / "claims.toml").read_bytes()
    path = tmp_path / "claims.toml"
    path.write_bytes(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))
    assert load_claims(path) == load_claims(EXPECTED / "claims.toml")


def test_the_table_of_claims_fits_80_columns():
    judged = [judge_claim(c, SEEDS) for c in load_claims(EXPECTED / "claims.toml")]
    console = Console(width=80, file=io.StringIO())
    console.print(claims_to_rich(judged))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert "CONTRADICTED" in text
    assert "5 of 5" in text
    supported = [each for each in judged if each.finding is Finding.SUPPORTED]
    assert "2 SUPPORTED" in claims_foot(supported[:2])


def test_claims_as_markdown_and_json_have_every_claim():
    judged = [judge_claim(c, SEEDS) for c in load_claims(EXPECTED / "claims.toml")]
    rows = json.loads(claims_to_text(judged, "json"))
    assert [row["claim"] for row in rows] == [each.claim.name for each in judged]
    assert next(row for row in rows if row["stated_difference"])["stated_could_be_ours"] is not None
    markdown = claims_to_text(judged, "md").splitlines()
    table = [line for line in markdown if line.startswith("|")]
    assert len(table) == 2 + len(judged)
    assert all(line.count("|") == 8 for line in table)
    assert "\n".join(markdown).endswith(claims_foot(judged).replace("\n", "\n\n"))
    assert re.search(r"\| \+0\.\d{4} \(\+0\.\d{3} to \+0\.\d{3}\) \|", "\n".join(table))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_claims_for_a_paper_are_the_same_in_latex(lang):
    judged = [judge_claim(c, SEEDS, SEEDS[:3]) for c in load_claims(EXPECTED / "claims.toml")]
    text = claims_to_text(judged, "latex", lang)
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 1 + len(judged)
    assert all(row.count(" & ") == 6 for row in rows)
    assert not re.search(r"(?<!\\)[%#_]", text.replace("p{0", ""))
    assert text.endswith(latex(claims_foot(judged, lang).replace("\n", "\n\n")))


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("width", [80, 110])
def test_no_note_of_a_claim_is_cut_off(lang, width):
    judged = [judge_claim(c, SEEDS, SEEDS[:3]) for c in load_claims(EXPECTED / "claims.toml")]
    console = Console(width=width, file=io.StringIO())
    console.print(claims_to_rich(judged, lang, wide=width >= 110))
    text = "".join(console.file.getvalue().split())
    notes = [note for each in judged if (note := secondary_note(each, lang))]
    assert notes
    assert "…" not in text


def test_chinese_claims_are_chinese_throughout():
    judged = [judge_claim(c, SEEDS) for c in load_claims(EXPECTED / "claims.toml")]
    console = Console(file=io.StringIO(), width=100)
    console.print(claims_to_rich(judged, "zh"))
    told = console.file.getvalue() + claims_foot(judged, "zh") + claims_to_text(judged, "md", "zh")
    words = set(re.findall("[A-Za-z]+", re.sub("`[^`]*`", "", told)))  # but for commands
    assert words <= {"Net", "ReLU", "Leaky", "Swish", "Sigmoid", "Dropout", "ImprovedNet", "ResNet"}
    assert "得到支持" in told


SEEDS = [
    {
        f"{model}@{epochs}": base + rise * number + luck * (-1) ** (number + epochs)
        for model, base, rise in (
            ("net-relu", 0.6, -0.01), ("net-leaky_relu", 0.61, -0.01), ("net-swish", 0.59, -0.01),
            ("improved", 0.7, 0.02), ("resnet", 0.72, 0.0),
        )
        for number, epochs in enumerate((10, 30, 60, 100))
    }
    for luck in (0.002, -0.02, 0.003, 0.001, 0.002)
]  # fmt: skip


def test_the_reports_own_difference_is_that_of_the_pair_that_binds():
    claim = Claim(
        name="x",
        says="x",
        place="x",
        greater=(("net-swish", "net-relu"), ("improved@10", "resnet@10")),
    )
    report = {cell.name: cell.expected for cell in load_cells(packaged("expected_results"))}
    ours = {**dict.fromkeys(report, 0.6), "resnet@10": 0.7}
    judged = judge_claim(claim, [ours, ours], None, report)
    assert judged.reported == pytest.approx((0.005175, 0.6856 - 0.7088)), (
        "means of four rows; cells"
    )
    assert judged.least_reported == judged.reported[1]
    assert judge_claim(claim, [ours, ours]).least_reported is None
    unknown = Claim(name="x", says="x", place="x", greater=(("net-relu@10", "net-sigmoid@10"),))
    more = {**ours, "net-sigmoid@10": 0.1}
    assert judge_claim(unknown, [more, more], None, report).reported == (None,)


@pytest.mark.parametrize("p", [0.0, 0.05, 0.58, 0.9, 1.0])
def test_a_count_is_usual_where_scipys_interval_says_so(p):
    low, high = stats.binom.interval(0.95, 12, p)
    for right in range(13):
        claim = Claim(name="a", says="", place="", cell="net-relu@60", right=right, images=12)
        assert judge_claim(claim, [{"net-relu@60": p}] * 2).k == (2 if low <= right <= high else 0)
