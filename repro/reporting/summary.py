"""The result in a few sentences, made from the findings."""

from __future__ import annotations

from collections.abc import Sequence

from repro.reporting.language import Language, choose
from repro.verdicts.claims import ClaimResult, Finding
from repro.verdicts.judging import Verdict, VerdictKind, unique_primary

_OPENINGS: tuple[tuple[frozenset[Finding], str, str], ...] = (
    (frozenset({Finding.SUPPORTED}), "What our runs support", "得到支持"),
    (frozenset({Finding.EQUIVALENT}), "Where our runs show no difference", "没有差别"),
    (frozenset({Finding.CONTRADICTED}), "What our runs contradict", "不成立"),
    (frozenset({Finding.OPEN, Finding.NOT_RUN}), "Not decided yet", "尚无定论"),
    (frozenset({Finding.COMPATIBLE}), "Too vague to be tested", "无法检验（说法过于宽泛）"),
)
"""How a list of claims begins, by their finding, in the order of the lists."""


def summary(
    verdicts: Sequence[Verdict], judgements: Sequence[ClaimResult], lang: Language
) -> list[str]:
    """One sentence on the accuracies, and one on the claims of each kind of finding that occurs."""
    lines = [_accuracies(unique_primary(verdicts), lang)]
    for findings, english, chinese in _OPENINGS:
        topics = [_topic(each, lang) for each in judgements if each.finding in findings]
        if topics:
            lines.append(choose(
                lang, en=f"{english}: {'; '.join(topics)}.", zh=f"{chinese}：{'；'.join(topics)}。"
            ))  # fmt: skip
    return lines


def _accuracies(cells: Sequence[Verdict], lang: Language) -> str:
    trained = [each for each in cells if each.difference is not None]
    if not trained:
        return choose(
            lang, en=f"None of the {len(cells)} accuracies has a run yet.",
            zh=f"{len(cells)} 个精度都还没有训练记录。",
        )  # fmt: skip
    within = sum(abs(each.difference or 0) <= each.cell.tolerance for each in trained)
    inside = sum(each.kind is VerdictKind.REPRODUCED for each in trained)
    tolerance = max(each.cell.tolerance for each in cells)
    return choose(
        lang,
        en=f"{_of(within, len(cells))} accuracies come out within {tolerance} of the report's; "
        f"{'all' if inside == len(cells) else inside} lie where one more of our own runs would "
        "fall (95% prediction interval).",
        zh=f"报告的 {len(cells)} 个精度中，{'全部' if within == len(cells) else f'{within} 个'}"
        f"复现到 {tolerance} 以内，{'全部' if inside == len(cells) else f'{inside} 个'}"
        "落在再训练一次的 95% 预测区间内。",
    )  # fmt: skip


def _of(number: int, total: int) -> str:
    return f"All {total}" if number == total else f"{number} of {total}"


def _topic(judged: ClaimResult, lang: Language) -> str:
    claim = judged.claim
    return choose(
        lang, en=claim.topic or claim.says, zh=claim.topic_zh or claim.says_zh or claim.says
    )
