"""What is found of the report's claims, as tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from repro.reporting.language import Language, choose, translate
from repro.reporting.markup import latex, latex_table, markdown_table
from repro.shell_words import train_commands
from repro.spec import REPORT_DROPOUT_AT_PREDICTION
from repro.verdicts.claim_file import Claim
from repro.verdicts.claims import EQUIVALENCE, ClaimResult, Finding

_HEADINGS = (
    "The report says", "Place", "Holds in", "Next", "Difference", "Report's", "Finding",
)  # fmt: skip

_FINDING_STYLES = {
    Finding.SUPPORTED: "bold green",
    Finding.COMPATIBLE: "green",
    Finding.EQUIVALENT: "cyan",
    Finding.CONTRADICTED: "bold red",
    Finding.OPEN: "yellow",
    Finding.NOT_RUN: "dim",
}


def claims_to_rich(
    judgements: Iterable[ClaimResult], lang: Language = "en", *, wide: bool = False
) -> RenderableType:
    """The report's claims and what the seeds say, for a terminal of 80 columns or, `wide` and with
    the intervals, of 110."""
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column(translate("The report says", lang), ratio=1, overflow="fold")
    grid.add_column(translate("Holds in", lang), justify="right", no_wrap=True)
    if wide:
        grid.add_column(translate("Next", lang), justify="right", no_wrap=True)
    grid.add_column(translate("Difference", lang), justify="right", no_wrap=True)
    if wide:
        grid.add_column(translate("Report's", lang), justify="right", no_wrap=True)
    # Notes may be folded, so that the sentences keep their room.
    grid.add_column(
        translate("Finding", lang), min_width=14, max_width=24 if wide else 16, overflow="fold"
    )
    for each in judgements:
        finding = Text(translate(each.finding, lang), style=_FINDING_STYLES[each.finding])
        if note := secondary_note(each, lang):
            finding.append(f"\n{note}", style="not bold dim")
        numbers: tuple[str, ...] = (_least(each),)
        if wide:
            numbers = _chance(each), least(each, lang), reported(each)
        grid.add_row(_claimed(each, lang), _holds_in(each, lang), *numbers, finding)
    return grid


def claims_to_text(
    judgements: Sequence[ClaimResult], form: Literal["md", "latex", "json"], lang: Language = "en"
) -> str:
    """The same as Markdown or LaTeX, or with all that is known of each claim as JSON."""
    if form == "json":
        return json.dumps([claim_to_dict(each) for each in judgements], indent=1)
    headings = [translate(each, lang) for each in _HEADINGS]
    rows = []
    for each in judgements:
        note = secondary_note(each, lang)
        in_brackets = choose(lang, en=f" ({note})", zh=f"（{note}）") if note else ""
        finding = f"{translate(each.finding, lang)}{in_brackets}"
        numbers = _holds_in(each, lang), _chance(each), least(each, lang), reported(each)
        rows.append([_claimed(each, lang), _place(each, lang), *numbers, finding])
    foot = claims_foot(judgements, lang).replace("\n", "\n\n")
    if form == "latex":
        widths = r"p{0.23\linewidth}p{0.16\linewidth}rrrrp{0.14\linewidth}"
        return f"{latex_table(headings, rows, widths)}\n\n{latex(foot)}"
    return f"{markdown_table(headings, rows, right=range(2, 6))}\n\n{foot}"


def claim_to_dict(judged: ClaimResult, lang: Language = "en") -> dict[str, Any]:
    """One claim for other programs, its words in `lang`; None where there is no value."""
    other = judged.secondary
    return {
        "claim": judged.claim.name,
        "says": _claimed(judged, lang),
        "place": _place(judged, lang),
        "n": judged.n,
        "k": judged.k,
        "finding": translate(judged.finding.value, lang),
        "chance": judged.chance,
        "margin": judged.claim.margin,
        "pairs": judged.claim.greater,
        "differences": judged.differences,
        "intervals": judged.intervals,
        "reported_differences": judged.reported,
        "stated_difference": judged.claim.by,
        "stated_could_be_ours": judged.stated,
        "switched": other
        and {"n": other.n, "k": other.k, "finding": translate(other.finding.value, lang)},
    }


def _place(judged: ClaimResult, lang: Language) -> str:
    return (lang == "zh" and judged.claim.place_zh) or judged.claim.place


def _claimed(judged: ClaimResult, lang: Language) -> str:
    return (lang == "zh" and judged.claim.says_zh) or judged.claim.says


def _holds_in(judged: ClaimResult, lang: Language) -> str:
    return f"{judged.k}/{judged.n}" if lang == "zh" else f"{judged.k} of {judged.n}"


def _chance(judged: ClaimResult) -> str:
    return "–" if judged.chance is None else f"{judged.chance:.2f}"


def least(judged: ClaimResult, lang: Language) -> str:
    """The smallest mean difference that a claim needs to be large, with its 95% interval."""
    if judged.least_interval is None:
        return _least(judged)
    low, high = judged.least_interval
    to = " to " if lang == "en" else " 至 "
    text = f"{_least(judged)} ({low:+.3f}{to}{high:+.3f})"
    if not judged.claim.margin:
        return text
    needs = "; needs " if lang == "en" else "；须超过 "
    return f"{text}{needs}{judged.claim.margin:g}"


def _least(judged: ClaimResult) -> str:
    return "–" if judged.least is None else f"{judged.least:+.4f}"


def reported(judged: ClaimResult) -> str:
    """The same difference in the report's tables."""
    return "–" if judged.least_reported is None else f"{judged.least_reported:+.4f}"


def secondary_note(judged: ClaimResult, lang: Language) -> str:
    """What is found with dropout off, where verdicts use it on; nothing where it is the same."""
    other = judged.secondary
    if other is None or (other.finding, other.k) == (judged.finding, judged.k):
        return ""
    off = REPORT_DROPOUT_AT_PREDICTION
    how = choose(
        lang,
        en=f"dropout {'off' if off else 'on'}: ",
        zh=f"Dropout {'关闭' if off else '开启'}：",
    )
    comma = ", " if lang == "en" else "，"
    return f"{how}{translate(other.finding, lang)}{comma}{_holds_in(other, lang)}"


def claims_foot(judgements: Iterable[ClaimResult], lang: Language = "en") -> str:
    """How many claims hold, what the columns mean, and what else is known of some."""
    judged = list(judgements)
    counts = [(sum(each.finding is f for each in judged), translate(f, lang)) for f in Finding]
    lines = [
        choose(
            lang,
            en=f"{len(judged)} claims: {', '.join(f'{count} {word}' for count, word in counts)}",
            zh=f"{len(judged)} 条论断：{'，'.join(f'{word} {count}' for count, word in counts)}",
        ),
        choose(
            lang,
            en="models are compared within a seed; Difference: the mean difference with its 95% "
            "interval, the smallest where a claim makes several comparisons; Report's: the same "
            "difference in its tables; Next: the probability that one more seed shows it",
            zh="各模型在同一种子内比较；差值：平均差值及其 95% 区间，一条论断含多组比较时，"
            "取最小的平均差值；报告差值：报告各表中同一项的差值；下一次：再训练一个种子时论断成立的概率",
        ),
        choose(
            lang,
            en=f"EQUIVALENT: no difference beyond {EQUIVALENCE:g}; OPEN: more seeds may decide",
            zh=f"没有差别：差值不超过 {EQUIVALENCE:g}；尚无定论：更多种子或可判定",
        ),
    ]
    if any(each.claim.margin for each in judged):
        lines.append(
            choose(
                lang,
                en='a strong word, such as "clearly", needs more than a difference above 0: the '
                "needed margin is shown",
                zh="措辞强烈的论断（如“明显”）不仅要求差值大于 0：所需幅度一并列出",
            )
        )
    lines += [_stated_line(each, lang) for each in judged if each.stated is not None]
    not_run = [each.claim for each in judged if each.finding is Finding.NOT_RUN]
    if not_run:
        lines.append(_not_run_line(not_run, lang))
    if any(each.secondary for each in judged):
        lines.append(_dropout_line(lang))
    return "\n".join(lines)


def _stated_line(judged: ClaimResult, lang: Language) -> str:
    """Whether one more seed could show the difference that the report states."""
    quoted = _claimed(judged, lang)
    return choose(
        lang,
        en=f"the stated difference of {judged.claim.by:.4f} is "
        f"{'' if judged.stated else 'not '}within the range of one more seed "
        f'("{quoted}")',
        zh=f"报告给出的 {judged.claim.by:.4f} 换一个种子"
        f"{'也' if judged.stated else '不'}可能得到（“{quoted}”）",
    )


def _not_run_line(claims: Iterable[Claim], lang: Language) -> str:
    """What trains the runs that claims lack."""
    commands = train_commands(figure for claim in claims for figure in claim.figures)
    listed = choose(lang, en=", ", zh="、").join(f"`{command}`" for command in commands)
    return choose(
        lang,
        en=f"NOT RUN: no seed has all values of the claim; each of these trains one: {listed}",
        zh=f"未运行：没有一个种子具备论断所需的全部数值；下列命令各训练其中一项：{listed}",
    )


def _dropout_line(lang: Language) -> str:
    """Which of ImprovedNet's two evaluations the findings use."""
    off = REPORT_DROPOUT_AT_PREDICTION
    shown, other = ("on", "off") if off else ("off", "on")
    return choose(
        lang,
        en=f"ImprovedNet's figures are those with dropout {shown}; the finding with "
        f"dropout {other} is added where it differs",
        zh=f"改进后模型的数值以 Dropout {'开启' if off else '关闭'}为准；"
        f"若{'关闭' if off else '开启'}时判定不同，则一并列出",
    )
