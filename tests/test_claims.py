from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console
from scipy import stats

from repro.claims import (
    FEWEST_THAT_DECIDE,
    Claim,
    Finding,
    figures_by_seed,
    holds_in_report,
    judge_claim,
    load_claims,
    reported,
)
from repro.errors import DataError
from repro.tables import claims_foot, claims_to_rich, claims_to_text, latex, switched_note
from repro.verdicts import load_cells
from tests.examples import record

EXPECTED = Path(__file__).parent.parent / "expected_results"
ABOVE = Claim(name="a", says="", place="", greater=(("improved@10", "net-relu@10"),))


def seeds(*differences, base=0.5):
    return [{"improved@10": base + d, "net-relu@10": base} for d in differences]


def test_the_reports_claims_are_there_and_its_own_figures_bear_them_out():
    """All that can be read off the tables does hold in them: the sentences are transcribed right."""
    claims = load_claims(EXPECTED / "claims.toml")
    figures = reported(load_cells(EXPECTED))
    assert {claim.name: holds_in_report(claim, figures) for claim in claims} == {
        "net-best-at-30": True,
        "twelve-images": None,
        "leaky-early": True,
        "leaky-overall": True,
        "decline-stays": True,
        "improved-ahead": True,
        "improved-rises": True,
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
        ((), Finding.CANNOT_BE_TOLD, 0),
        ((0.1,), Finding.CANNOT_BE_TOLD, 1),
        ((0.1, 0.2, 0.3, 0.1), Finding.CANNOT_BE_TOLD, 4),
        ((-0.1, -0.2, -0.3, -0.1), Finding.CANNOT_BE_TOLD, 0),
        ((0.1, 0.2, 0.1, 0.2, 0.1), Finding.HOLDS, 5),
        ((-0.1, -0.2, -0.1, -0.2, -0.1), Finding.DOES_NOT_HOLD, 0),
        ((0.1, -0.2, 0.3), Finding.HOLDS_IN_SOME, 2),
        ((0.1, 0.0), Finding.HOLDS_IN_SOME, 1),
    ],
)
def test_a_claim_is_judged_seed_by_seed(differences, finding, k):
    judged = judge_claim(ABOVE, seeds(*differences))
    assert (judged.finding, judged.k, judged.n) == (finding, k, len(differences))


def test_so_few_seeds_that_agree_by_chance_too_often_decide_nothing():
    """Two figures with no real difference: the first is above in each of n seeds in 1 of 2^n."""
    chance = stats.binomtest(FEWEST_THAT_DECIDE, FEWEST_THAT_DECIDE, 0.5, "greater").pvalue
    with_one_less = FEWEST_THAT_DECIDE - 1
    assert chance < 0.05 < stats.binomtest(with_one_less, with_one_less, 0.5, "greater").pvalue


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
                         figures_by_seed(records, switched=True).values())  # fmt: skip
    assert (judged.finding, judged.k) == (Finding.DOES_NOT_HOLD, 0)
    assert judged.switched
    assert (judged.switched.finding, judged.switched.k) == (Finding.HOLDS, 5)
    markdown = claims_to_text([judged], "md")
    assert "DOES NOT HOLD (dropout off: HOLDS, 5 of 5)" in markdown
    assert "with dropout off" in claims_foot([judged])
    (row,) = json.loads(claims_to_text([judged], "json"))
    assert row["switched"] == {"n": 5, "k": 5, "finding": "HOLDS"}


def test_a_claim_without_dropout_is_judged_once():
    claim = Claim(name="a", says="", place="", greater=(("net-relu@30", "net-relu@10"),))
    figures = figures_by_seed([record("net-relu", 0, {10: 0.59, 30: 0.6})]).values()
    judged = judge_claim(claim, figures, figures)
    assert judged.switched is None
    assert "dropout" not in claims_foot([judged])


def test_two_runs_of_one_model_and_seed_are_refused():
    with pytest.raises(ValueError, match="one record a seed"):
        figures_by_seed([record("net-relu", 0, {10: 0.5}), record("net-relu", 0, {10: 0.6})])


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
    assert (judged.finding, judged.k, judged.n) == (Finding.HOLDS_IN_SOME, 1, 2)


def test_intervals_are_clopper_and_pearsons_and_students():
    differences = (0.1, -0.2, 0.3, 0.25)
    judged = judge_claim(ABOVE, seeds(*differences))
    exact = stats.binomtest(3, 4).proportion_ci(0.95, "exact")
    assert judged.share == pytest.approx((exact.low, exact.high))
    mean = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert judged.intervals == (pytest.approx((mean.low, mean.high)),)
    assert judged.differences == pytest.approx((sum(differences) / 4,))
    one = judge_claim(ABOVE, seeds(0.1))
    assert one.share == pytest.approx((0.025, 1))
    assert one.intervals == (None,)


def test_seeds_without_all_figures_do_not_count():
    judged = judge_claim(ABOVE, [*seeds(0.1, 0.2), {"improved@10": 0.1}, {}])
    assert (judged.n, judged.k) == (2, 2)


def test_all_pairs_have_to_hold_in_one_seed():
    claim = Claim(
        name="a", says="", place="",
        greater=(("net-relu@30", "net-relu@10"), ("net-relu@30", "net-relu@60")),
    )  # fmt: skip
    figures = [
        {"net-relu@10": 0.5, "net-relu@30": 0.6, "net-relu@60": 0.7},
        {"net-relu@10": 0.7, "net-relu@30": 0.6, "net-relu@60": 0.5},
    ]
    judged = judge_claim(claim, figures)
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


def test_a_stated_difference_is_held_to_one_more_seed():
    claim = Claim(name="a", says="", place="", greater=(("improved@10", "net-relu@10"),), by=0.15)
    assert judge_claim(claim, seeds(0.1, 0.2, 0.15)).stated is True
    assert judge_claim(claim, seeds(0.5, 0.51, 0.5)).stated is False
    assert judge_claim(claim, seeds(0.1)).stated is None
    assert "0.1500 could be one more seed's" in claims_foot([judge_claim(claim, seeds(0.1, 0.2))])
    assert "0.1500 could not be" in claims_foot([judge_claim(claim, seeds(0.5, 0.51, 0.5))])


@pytest.mark.parametrize(
    ("accuracy", "usual"), [(0.58, True), (0.67, True), (0.2, False), (0.99, False)]
)
def test_eight_of_twelve_is_what_such_a_network_gets(accuracy, usual):
    claim = Claim(name="a", says="", place="", cell="net-relu@60", right=8, images=12)
    judged = judge_claim(claim, [{"net-relu@60": accuracy}] * 5)
    assert judged.finding is (Finding.COMPATIBLE if usual else Finding.DOES_NOT_HOLD)
    assert judged.share is None, "seeds are no trials of one draw of twelve"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "claims"),
        ('[[claims]]\nname = "a"', "says"),
        ("[[claims]", "cannot be read"),
        ('[[claims]]\nname="a"\nsays="b"\nplace="c"', "expected either `greater` or"),
        ('[[claims]]\nname="a"\nsays="b"\nplace="c"\ngreater=[["net@10","net-relu@10"]]', "'net@10'"),
        ('[[claims]]\nname="a"\nsays="b"\nplace="c"\ngreater=[["net-relu@11","net-relu@10"]]', "net-relu@11"),
        ('[[claims]]\nname="a"\nsays="b"\nplace="c"\ngreater=[["net-relu@10","net-relu@30"]]\nright=3', "either"),
        ('[[claims]]\nname="a"\nsays="b"\nplace="c"\ncell="net-relu@10"\nright=9\nimages=3', "at most 3"),
        ('[[claims]]\nname="a"\nsays="b"\nplace="c"\ncolour=1', "colour"),
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
    with pytest.raises(DataError, match="expected each claim once"):
        load_claims(path)
    with pytest.raises(DataError, match="cannot be read"):
        load_claims(tmp_path / "none.toml")


def test_the_table_of_claims_fits_80_columns():
    judged = [judge_claim(c, SEEDS) for c in load_claims(EXPECTED / "claims.toml")]
    console = Console(width=80, file=io.StringIO())
    console.print(claims_to_rich(judged))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert "HOLDS IN SOME" in text
    assert "5 of 5" in text
    assert "2 HOLDS" in claims_foot([j for j in judged if j.finding is Finding.HOLDS][:2])


def test_claims_as_markdown_and_json_have_every_claim():
    judged = [judge_claim(c, SEEDS) for c in load_claims(EXPECTED / "claims.toml")]
    rows = json.loads(claims_to_text(judged, "json"))
    assert [row["claim"] for row in rows] == [each.claim.name for each in judged]
    assert next(row for row in rows if row["stated_difference"])["stated_could_be_ours"] is not None
    markdown = claims_to_text(judged, "md").splitlines()
    table = [line for line in markdown if line.startswith("|")]
    assert len(table) == 2 + len(judged)
    assert all(line.count("|") == 7 for line in table)
    assert "\n".join(markdown).endswith(claims_foot(judged).replace("\n", "\n\n"))
    assert re.search(r"\| \+0\.\d{4} \(\+0\.\d{3} to \+0\.\d{3}\) \|", "\n".join(table))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_claims_for_a_paper_are_the_same_in_latex(lang):
    judged = [judge_claim(c, SEEDS, SEEDS[:3]) for c in load_claims(EXPECTED / "claims.toml")]
    text = claims_to_text(judged, "latex", lang)
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 1 + len(judged)
    assert all(row.count(" & ") == 5 for row in rows)
    assert not re.search(r"(?<!\\)[%#_]", text.replace("p{0", ""))
    assert text.endswith(latex(claims_foot(judged, lang).replace("\n", "\n\n")))


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("width", [80, 110])
def test_no_note_of_a_claim_is_cut_off(lang, width):
    judged = [judge_claim(c, SEEDS, SEEDS[:3]) for c in load_claims(EXPECTED / "claims.toml")]
    console = Console(width=width, file=io.StringIO())
    console.print(claims_to_rich(judged, lang, wide=width >= 110))
    text = "".join(console.file.getvalue().split())
    notes = [note for each in judged if (note := switched_note(each, lang))]
    assert notes
    assert "…" not in text


def test_chinese_claims_are_chinese_throughout():
    judged = [judge_claim(c, SEEDS) for c in load_claims(EXPECTED / "claims.toml")]
    console = Console(file=io.StringIO(), width=100)
    console.print(claims_to_rich(judged, "zh"))
    told = console.file.getvalue() + claims_foot(judged, "zh") + claims_to_text(judged, "md", "zh")
    words = set(re.findall("[A-Za-z]+", told))
    assert words <= {"Net", "ReLU", "Leaky", "Swish", "ImprovedNet", "ResNet"}
    assert "成立" in told


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


@pytest.mark.parametrize("p", [0.0, 0.05, 0.58, 0.9, 1.0])
def test_a_count_is_usual_where_scipys_interval_says_so(p):
    low, high = stats.binom.interval(0.95, 12, p)
    for right in range(13):
        claim = Claim(name="a", says="", place="", cell="net-relu@60", right=right, images=12)
        assert judge_claim(claim, [{"net-relu@60": p}] * 2).k == (2 if low <= right <= high else 0)
