"""The result in a few sentences."""

from __future__ import annotations

import dataclasses

from repro.paths import packaged
from repro.reporting.summary import summary
from repro.runs.store import Store
from repro.verdicts.claim_file import load_claims
from repro.verdicts.claims import Finding
from repro.verdicts.evidence import Evidence
from tests.examples import record

NEAR = {10: 0.5744, 30: 0.6324, 60: 0.5765, 100: 0.5797}


def evidence(tmp_path, records):
    return Evidence(Store(tmp_path), records)


def test_without_runs_it_says_so(tmp_path):
    nothing = evidence(tmp_path, [])
    first, *rest = summary(nothing.verdicts, nothing.judgements, "en")
    assert first == "None of the 17 accuracies has a run yet."
    assert [line.partition(":")[0] for line in rest] == ["Not decided yet"]
    assert summary(nothing.verdicts, nothing.judgements, "zh")[0] == "17 个精度都还没有训练记录。"


def test_accuracies_are_counted_by_tolerance_and_by_interval(tmp_path):
    far = {**NEAR, 100: 0.7}
    some = evidence(tmp_path, [record("net-relu", seed, far) for seed in (0, 1)])
    first, *_ = summary(some.verdicts, some.judgements, "en")
    assert first.startswith("3 of 17 accuracies come out within 0.05 of the report's; ")
    cells = [v for v in some.verdicts if v.cell.model == "net-relu" and v.cell.row != 100]
    first, *_ = summary(cells, [], "en")
    assert first.startswith("All 3 accuracies come out")


def test_claims_are_listed_by_their_finding_in_both_languages(tmp_path):
    """Each claim once, by its topic, whatever was found."""
    nothing = evidence(tmp_path, [])
    found = [
        dataclasses.replace(each, finding=finding)
        for each, finding in zip(
            nothing.judgements, [*list(Finding), *[Finding.SUPPORTED] * 20], strict=False
        )
    ]
    english, chinese = (summary([], found, lang)[1:] for lang in ("en", "zh"))
    assert len(english) == len(chinese) == 5
    assert english[0].startswith("What our runs support: ")
    for each in found:
        assert sum(each.claim.topic in line for line in english) == 1
        assert sum(each.claim.topic_zh in line for line in chinese) == 1


def test_every_claim_has_a_topic_in_both_languages():
    claims = load_claims(packaged("expected_results") / "claims.toml")
    assert all(claim.topic and claim.topic_zh for claim in claims)
    assert len({claim.topic for claim in claims}) == len(claims)
