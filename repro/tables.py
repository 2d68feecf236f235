"""Verdicts as tables: for the terminal, a paper, a pull request or another program."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from statistics import fmean, median
from typing import Any, Literal

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from repro.claims import EQUIVALENCE, Finding, Judgement
from repro.patterns import Pattern
from repro.spec import REPORT_DROPOUT_AT_PREDICTION
from repro.verdicts import CONFIDENCE, ROUNDING, Kind, Verdict, distinct, told_apart

Format = Literal["rich", "csv", "md", "json", "latex"]
Language = Literal["en", "zh"]

_WORDS: dict[str, dict[Language, str]] = {
    "table": {"en": "Table", "zh": "表"},
    "Model": {"en": "Model", "zh": "模型"},
    "Epochs": {"en": "Epochs", "zh": "轮数"},
    "Report": {"en": "Report", "zh": "报告"},
    "Ours": {"en": "Ours", "zh": "复现"},
    "SD": {"en": "SD", "zh": "标准差"},
    "n": {"en": "n", "zh": "n"},
    "Difference": {"en": "Diff.", "zh": "差值"},
    "Interval": {"en": "95% interval", "zh": "95% 预测区间"},
    "Margin": {"en": "Margin", "zh": "等效界"},
    "Verdict": {"en": "Verdict", "zh": "结论"},
    "Net (ReLU)": {"en": "Net (ReLU)", "zh": "原模型（ReLU）"},
    "Net (Leaky ReLU)": {"en": "Net (Leaky ReLU)", "zh": "原模型（Leaky ReLU）"},
    "Net (Swish)": {"en": "Net (Swish)", "zh": "原模型（Swish）"},
    "ImprovedNet": {"en": "ImprovedNet", "zh": "改进后模型"},
    "Net (Sigmoid)": {"en": "Net (Sigmoid)", "zh": "原模型（Sigmoid）"},
    "ImprovedNet without dropout": {
        "en": "ImprovedNet without dropout",
        "zh": "改进后模型（去掉 Dropout）",
    },
    "ResNet": {"en": "ResNet", "zh": "ResNet"},
    "dropout off": {"en": ", dropout off", "zh": "（Dropout 关闭）"},
    "dropout on": {"en": ", dropout on", "zh": "（Dropout 开启）"},
    "no cell": {"en": "none", "zh": "无"},
    "on counts": {
        "en": " is read with dropout off and on; on counts, the other stands by",
        "zh": "分别在 Dropout 关闭和开启时读取；计入结论的是开启，另一种仅供对照",
    },
    "off counts": {
        "en": " is read with dropout off and on; off counts, the other stands by",
        "zh": "分别在 Dropout 关闭和开启时读取；计入结论的是关闭，另一种仅供对照",
    },
    "off": {"en": "dropout off: ", "zh": "Dropout 关闭："},
    "on": {"en": "dropout on: ", "zh": "Dropout 开启："},
    "off beside": {
        "en": "ImprovedNet is read with dropout on; what it says with dropout off stands beside, "
        "where that is something else",
        "zh": "改进后模型在 Dropout 开启时读取；若关闭时判断不同，则列在旁边",
    },
    "on beside": {
        "en": "ImprovedNet is read with dropout off; what it says with dropout on stands beside, "
        "where that is something else",
        "zh": "改进后模型在 Dropout 关闭时读取；若开启时判断不同，则列在旁边",
    },
    "made-up images": {
        "en": "made-up images: these numbers say nothing about the report",
        "zh": "使用的是合成图像：这些数值与报告无关",
    },
    Kind.REPRODUCED: {"en": "REPRODUCED", "zh": "已复现"},
    Kind.CLOSE: {"en": "CLOSE", "zh": "接近"},
    Kind.ONE_RUN: {"en": "ONE RUN", "zh": "仅一次训练"},
    Kind.DIFFERS: {"en": "DIFFERS", "zh": "不一致"},
    Kind.INCONCLUSIVE: {"en": "INCONCLUSIVE", "zh": "无法判定"},
    Kind.NOT_RUN: {"en": "NOT RUN", "zh": "未运行"},
    Kind.MADE_UP: {"en": "MADE UP", "zh": "合成图像"},
    "The report says": {"en": "The report says", "zh": "报告称"},
    "Place": {"en": "Place", "zh": "出处"},
    "Holds in": {"en": "Holds in", "zh": "成立"},
    "Chance": {"en": "Next", "zh": "下一次"},
    "Least": {"en": "Difference", "zh": "差值"},
    "Finding": {"en": "Finding", "zh": "判断"},
    "Figures": {"en": "Figures together", "zh": "一组数值"},
    "p, one run": {"en": "p, one run", "zh": "p（同次）"},
    "p, own runs": {"en": "p, own runs", "zh": "p（各自）"},
    Finding.SUPPORTED: {"en": "SUPPORTED", "zh": "得到支持"},
    Finding.COMPATIBLE: {"en": "COMPATIBLE", "zh": "相符"},
    Finding.EQUIVALENT: {"en": "EQUIVALENT", "zh": "没有差别"},
    Finding.CONTRADICTED: {"en": "CONTRADICTED", "zh": "不成立"},
    Finding.OPEN: {"en": "OPEN", "zh": "尚无定论"},
    Finding.NOT_RUN: {"en": "NOT RUN", "zh": "未运行"},
}
_STYLES = {
    Kind.REPRODUCED: "bold green",
    Kind.CLOSE: "green",
    Kind.ONE_RUN: "green",
    Kind.DIFFERS: "bold red",
    Kind.INCONCLUSIVE: "yellow",
    Kind.NOT_RUN: "dim",
    Kind.MADE_UP: "dim",
}
_HEADINGS = ("Epochs", "Report", "Ours", "SD", "n", "Difference", "Interval", "Margin", "Verdict")
_WIDTHS = (6, 6, 6, 6, 2, 7, 12, 6, 12)


def say(word: str, lang: Language) -> str:
    """A heading, a model or a verdict in `lang`; what has no translation stays as it is."""
    return _WORDS.get(word, {}).get(lang, word)


def to_dict(verdict: Verdict) -> dict[str, Any]:
    """One cell for other programs; accuracies in [0, 1], None where there is no value."""
    cell = verdict.cell
    return {
        "cell": cell.name,
        "table": cell.table,
        "row": cell.row,
        "column": cell.column,
        "expected": cell.expected,
        "tolerance": cell.tolerance,
        "n": verdict.n,
        "mean": verdict.mean,
        "sd": verdict.sd,
        "pooled_sd": verdict.spread and verdict.spread.sd,
        "degrees": verdict.spread and verdict.spread.degrees,
        "low": verdict.low,
        "high": verdict.high,
        "p": verdict.p,
        "detectable": verdict.detectable,
        "margin": verdict.margin,
        "dropout_on": verdict.dropout_on,
        "difference": verdict.difference,
        "verdict": verdict.kind.value,
        "counts": verdict.counts,
    }


def _texts(verdict: Verdict, lang: Language) -> list[str]:
    """One cell for a reader, by the order of the headings."""

    def number(value: float | None, form: str) -> str:
        return "–" if value is None else format(value, form)

    interval = "–"
    if verdict.low is not None and verdict.high is not None:
        interval = f"{verdict.low:.3f}–{verdict.high:.3f}"
    return [
        str(verdict.cell.row),
        f"{verdict.cell.expected:.4f}",
        number(verdict.mean, ".4f"),
        number(verdict.sd, ".4f"),
        str(verdict.n),
        number(verdict.difference, "+.4f"),
        interval,
        number(verdict.margin, ".3f"),
        say(verdict.kind, lang),
    ]


def by_table_and_column(
    verdicts: Iterable[Verdict], lang: Language
) -> list[tuple[str, str, list[Verdict]]]:
    """Verdicts grouped as the report's tables and columns, in the report's order."""
    out = []
    for table, of_table in groupby(verdicts, key=lambda v: v.cell.table):
        columns: dict[tuple[str, bool | None], list[Verdict]] = {}
        for verdict in of_table:
            columns.setdefault((verdict.cell.column, verdict.dropout_on), []).append(verdict)
        out += [
            (table, _label(column, dropout_on, lang), rows)
            for (column, dropout_on), rows in columns.items()
        ]
    return out


def _label(column: str, dropout_on: bool | None, lang: Language) -> str:
    """A column's heading; where there is dropout, it says how the test set was read."""
    if dropout_on is None:
        return say(column, lang)
    return say(column, lang) + say("dropout on" if dropout_on else "dropout off", lang)


def to_rich(verdicts: Sequence[Verdict], lang: Language) -> RenderableType:
    """For a terminal of 80 columns or more."""
    comma = ", " if lang == "en" else "，"
    parts: list[RenderableType] = []
    for table, column, rows in by_table_and_column(verdicts, lang):
        grid = Table(
            title=escape(f"{say('table', lang)} {table}{comma}{column}"),
            title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False,
            padding=(0, 1, 0, 0),
        )  # fmt: skip
        for heading, width in zip(_HEADINGS, _WIDTHS, strict=True):
            justify: Literal["left", "right"] = "left" if heading == "Verdict" else "right"
            grid.add_column(say(heading, lang), justify=justify, min_width=width, no_wrap=True)
        for verdict in rows:
            *numbers, word = _texts(verdict, lang)
            grid.add_row(*numbers, Text(word, _STYLES[verdict.kind]))
        parts.append(grid)
    return Group(*parts)


def summary(verdicts: Sequence[Verdict], lang: Language) -> str:
    """How many cells hold and how close, in a line or two; a repeated cell counts once."""
    unique = distinct(verdicts)
    counts = [(kind, sum(v.kind == kind for v in unique)) for kind in Kind]
    counted = ", ".join(f"{count} {say(kind, lang)}" for kind, count in counts if count)
    cells = f"{len(unique)} cell{'s' * (len(unique) > 1)}"
    text = f"{cells}: {counted}" if lang == "en" else f"{len(unique)} 个数值：{counted}"
    if any(v.kind is Kind.MADE_UP for v in unique):
        return f"{text}\n{say('made-up images', lang)}"
    text += _closeness(unique, lang) + _told_apart(unique, lang)
    aside = {v.cell.column: v.dropout_on for v in verdicts if not v.counts}
    for column, on in aside.items():
        text += f"\n{say(column, lang)}{say('off counts' if on else 'on counts', lang)}"
    if any(v.n == 1 for v in unique):
        text += (
            "\none run has no interval, so it reproduces nothing: --seeds 5 gives each cell one"
            if lang == "en"
            else "\n单次训练没有预测区间，不能判为已复现：用 --seeds 5 可得到预测区间"
        )
    return text


def _closeness(unique: Sequence[Verdict], lang: Language) -> str:
    """How far ours are from the report's, for the end of a line."""
    known = [(abs(v.difference), v.cell.name) for v in unique if v.difference is not None]
    if not known:
        return ""
    largest, where = max(known)
    if len(unique) == 1:
        return f"; |difference| {largest:.4f}" if lang == "en" else f"；差值绝对值 {largest:.4f}"
    mean = fmean(difference for difference, _ in known)
    return (
        f"; |difference| {mean:.4f} on average, {largest:.4f} at most ({where})"
        if lang == "en"
        else f"；差值绝对值平均 {mean:.4f}，最大 {largest:.4f}（{where}）"
    )


def _told_apart(unique: Sequence[Verdict], lang: Language) -> str:
    """Lines of what the seeds could show: for each cell by itself, and for all together."""
    ranges = [v.detectable for v in unique if v.detectable is not None]
    margins = [v.margin for v in unique if v.margin is not None]
    if not ranges:
        return ""
    middle, most = f"{median(ranges):.3f}", f"{max(ranges):.3f}"
    if len(unique) == 1:
        return (
            f"\nthe cell lies outside its interval from a difference of {middle} on; it is "
            f"equivalent to ours within {margins[0]:.3f}"
            if lang == "en"
            else f"\n该数值落在预测区间之外所需的差值：{middle}；等效界：{margins[0]:.3f}"
        )
    apart = ", ".join(told_apart(unique)) or say("no cell", lang)
    inside = sum(v.margin is not None and v.margin <= v.cell.tolerance + ROUNDING for v in unique)
    return (
        f"\na cell by itself lies outside its interval from a difference of {middle} on (median; "
        f"at most {most}); told apart among the {len(ranges)} cells with two seeds or more "
        f"(Holm, 5%): {apart}\n"
        f"equivalent within the tolerance (two one-sided tests, 5%): {inside} of {len(margins)}; "
        f"Margin: the smallest tolerance that a cell passes so, at most {max(margins):.3f}"
        if lang == "en"
        else f"\n单个数值落在预测区间之外所需的差值：中位数 {middle}，最大 {most}；"
        f"在有两个以上种子的 {len(ranges)} 个数值中经 Holm 校正（5%）仍有差异：{apart}\n"
        f"在容差之内等效（双单侧检验，5%）：{len(margins)} 个中的 {inside} 个；"
        f"等效界：数值按此检验所能通过的最小容差，最大 {max(margins):.3f}"
    )


def to_text(
    verdicts: Sequence[Verdict], form: Literal["csv", "md", "json", "latex"], lang: Language
) -> str:
    """A table as text. CSV and JSON are for programs and are the same in every language."""
    if form == "json":
        return json.dumps([to_dict(v) for v in verdicts], indent=1, allow_nan=False)
    import pandas as pd  # noqa: PLC0415 - takes longer to import than all the rest to print

    if form == "csv":
        return (
            pd.DataFrame([to_dict(v) for v in verdicts], dtype=object)
            .to_csv(index=False)
            .rstrip("\n")
        )
    headings = [say(each, lang) for each in ("Model", *_HEADINGS)]
    blocks = []
    for table, groups in groupby(by_table_and_column(verdicts, lang), key=lambda group: group[0]):
        rows = [
            [column, *_texts(verdict, lang)] for _, column, members in groups for verdict in members
        ]
        frame, title = pd.DataFrame(rows, columns=headings), f"{say('table', lang)} {table}"
        if form == "md":
            body = frame.to_markdown(index=False, disable_numparse=True)
            blocks.append(f"**{title}**\n\n{body}")
        else:
            frame = frame.map(latex)
            frame.columns = pd.Index([latex(each) for each in headings])
            body = frame.to_latex(index=False, column_format="l" + "r" * 8 + "l", caption=title)
            blocks.append(body.rstrip("\n"))
    foot = summary(verdicts, lang).replace("\n", "\n\n")
    blocks.append(foot if form == "md" else latex(foot))
    return "\n\n".join(blocks)


_LATEX: dict[str, str | int | None] = {
    **{each: f"\\{each}" for each in "&%$#_{}"},
    **{
        "–": "--",
        "|": r"\textbar{}",
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    },
}


def latex(text: str) -> str:
    """Text of anybody's report for LaTeX."""
    return text.translate(str.maketrans(_LATEX))


_FINDING_STYLES = {
    Finding.SUPPORTED: "bold green",
    Finding.COMPATIBLE: "green",
    Finding.EQUIVALENT: "cyan",
    Finding.CONTRADICTED: "bold red",
    Finding.OPEN: "yellow",
    Finding.NOT_RUN: "dim",
}


def claims_to_rich(
    judgements: Iterable[Judgement], lang: Language = "en", *, wide: bool = False
) -> RenderableType:
    """The report's claims and what the seeds say, for a terminal of 80 columns or, `wide` and with
    the intervals, of 110."""
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column(say("The report says", lang), ratio=1, overflow="fold")
    grid.add_column(say("Holds in", lang), justify="right", no_wrap=True)
    if wide:
        grid.add_column(say("Chance", lang), justify="right", no_wrap=True)
    grid.add_column(say("Least", lang), justify="right", no_wrap=True)
    # Notes may be folded, so that the sentences keep their room.
    grid.add_column(
        say("Finding", lang), min_width=14, max_width=24 if wide else 16, overflow="fold"
    )
    for each in judgements:
        finding = Text(say(each.finding, lang), style=_FINDING_STYLES[each.finding])
        if note := switched_note(each, lang):
            finding.append(f"\n{note}", style="not bold dim")
        numbers = (_chance(each), least(each, lang)) if wide else (_least(each),)
        grid.add_row(_claimed(each, lang), _holds_in(each, lang), *numbers, finding)
    return grid


def claims_to_text(
    judgements: Sequence[Judgement], form: Literal["md", "latex", "json"], lang: Language = "en"
) -> str:
    """The same as Markdown or LaTeX, or with all that is known of each claim as JSON."""
    if form == "json":
        return json.dumps(
            [
                {
                    "claim": each.claim.name, "says": each.claim.says, "place": each.claim.place,
                    "n": each.n, "k": each.k, "finding": each.finding.value, "chance": each.chance,
                    "margin": each.claim.margin,
                    "pairs": each.claim.greater, "differences": each.differences,
                    "intervals": each.intervals, "stated_difference": each.claim.by,
                    "stated_could_be_ours": each.stated,
                    "switched": (s := each.switched)
                    and {"n": s.n, "k": s.k, "finding": s.finding.value},
                }
                for each in judgements
            ],
            indent=1,
        )  # fmt: skip
    headings = [
        say(each, lang)
        for each in ("The report says", "Place", "Holds in", "Chance", "Least", "Finding")
    ]
    rows = []
    for each in judgements:
        place = (lang == "zh" and each.claim.place_zh) or each.claim.place
        note = switched_note(each, lang)
        finding = say(each.finding, lang) + (f" ({note})" if note else "")
        numbers = _holds_in(each, lang), _chance(each), least(each, lang)
        rows.append([_claimed(each, lang), place, *numbers, finding])
    foot = claims_foot(judgements, lang).replace("\n", "\n\n")
    if form == "latex":
        import pandas as pd  # noqa: PLC0415 - slow to import

        frame = pd.DataFrame(rows, columns=headings).map(latex)
        frame.columns = pd.Index([latex(each) for each in headings])
        widths = r"p{0.25\linewidth}p{0.18\linewidth}rrrp{0.15\linewidth}"
        body = frame.to_latex(index=False, column_format=widths).rstrip("\n")
        return f"{body}\n\n{latex(foot)}"
    lines = ["| " + " | ".join(cells) + " |" for cells in (headings, *rows)]
    lines.insert(1, "| --- | --- | ---: | ---: | ---: | --- |")
    return "\n".join([*lines, "", foot])


def _claimed(judged: Judgement, lang: Language) -> str:
    return (lang == "zh" and judged.claim.says_zh) or judged.claim.says


def _holds_in(judged: Judgement, lang: Language) -> str:
    return f"{judged.k}/{judged.n}" if lang == "zh" else f"{judged.k} of {judged.n}"


def _chance(judged: Judgement) -> str:
    return "–" if judged.chance is None else f"{judged.chance:.2f}"


def least(judged: Judgement, lang: Language) -> str:
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


def _least(judged: Judgement) -> str:
    return "–" if judged.least is None else f"{judged.least:+.4f}"


def switched_note(judged: Judgement, lang: Language) -> str:
    """What is found with dropout the other way about; nothing where it is the same."""
    other = judged.switched
    if other is None or (other.finding, other.k) == (judged.finding, judged.k):
        return ""
    how = say("off" if REPORT_DROPOUT_AT_PREDICTION else "on", lang)
    comma = ", " if lang == "en" else "，"
    return f"{how}{say(other.finding, lang)}{comma}{_holds_in(other, lang)}"


def patterns_to_rich(
    patterns: Sequence[Pattern], names: Mapping[str, str], lang: Language = "en"
) -> RenderableType:
    """Patterns for a terminal of 80 columns; `names` are the tables' columns by the model."""
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(_PATTERN_HEADINGS):
        grid.add_column(say(heading, lang), justify="right" if number else "left", no_wrap=True)
    for each in patterns:
        *texts, shared, apart = _pattern_row(each, names, lang)
        grid.add_row(
            *texts,
            *(
                Text(text, "bold red" if p < 1 - CONFIDENCE else "")
                for text, p in ((shared, each.shared), (apart, each.apart))
            ),
        )
    return grid


def patterns_to_text(
    patterns: Sequence[Pattern],
    form: Literal["md", "json"],
    names: Mapping[str, str],
    lang: Language = "en",
) -> str:
    """The same as Markdown, or with all that is known of each pattern as JSON."""
    if form == "json":
        return json.dumps([dataclasses.asdict(each) for each in patterns], indent=1)
    rows = [[say(each, lang) for each in _PATTERN_HEADINGS]]
    rows += [_pattern_row(each, names, lang) for each in patterns]
    lines = ["| " + " | ".join(cells) + " |" for cells in rows]
    lines.insert(1, "| --- | ---: | ---: | ---: | ---: | ---: |")
    return "\n".join([*lines, "", patterns_foot(patterns, lang).replace("\n", "\n\n")])


_PATTERN_HEADINGS = ("Figures", "Epochs", "Report", "Ours", "p, one run", "p, own runs")
_ACTIVATIONS = {"net-leaky_relu": "Leaky ReLU − ReLU", "net-swish": "Swish − ReLU"}


def _pattern_row(pattern: Pattern, names: Mapping[str, str], lang: Language) -> list[str]:
    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:+.4f}"

    def chance(p: float) -> str:
        return "<0.001" if p < 0.001 else f"{p:.3f}"

    return [
        *pattern_name(pattern, names, lang), number(pattern.report), number(pattern.ours),
        chance(pattern.shared), chance(pattern.apart),
    ]  # fmt: skip


def pattern_name(pattern: Pattern, names: Mapping[str, str], lang: Language) -> tuple[str, str]:
    """What a pattern is about, for a reader: the models, and the epochs."""
    rows = [str(row) for row in pattern.rows]
    if pattern.kind == "all":
        return ("all figures" if lang == "en" else "全部数值"), "–"
    if pattern.kind == "activations":
        return _ACTIVATIONS[pattern.models[0]], rows[0]
    epochs = f"{rows[1]} − {rows[0]}" if pattern.kind == "gain" else f"{rows[0]}–{rows[-1]}"
    return say(names[pattern.models[0]], lang), epochs


def patterns_foot(patterns: Sequence[Pattern], lang: Language = "en") -> str:
    """What the columns mean, and how many patterns stand out."""
    shared, apart = (
        sum(getattr(each, way) < 1 - CONFIDENCE for each in patterns) for way in ("shared", "apart")
    )
    if lang == "zh":
        return (
            f"{len(patterns)} 个模式：p 小于 0.05 的有 {shared} 个（同次），"
            f"{apart} 个（各自）；其中二十分之一会因偶然而出现\n"
            "p：仅凭偶然，报告与我们相差至此或更多的概率；同次：一列各行来自同一次训练，"
            "各列种子相同；各自：每个数值来自单独的一次训练"
        )
    return (
        f"{len(patterns)} patterns: p is below 0.05 for {shared} (one run) and {apart} (own runs); "
        "by chance it is for one in twenty\n"
        "p: how often chance alone makes a report differ from ours as much or more; one run: the "
        "rows of a column come from one run, and columns share a seed; own runs: each figure has "
        "its own"
    )


def claims_foot(judgements: Iterable[Judgement], lang: Language = "en") -> str:
    """How many claims hold, what the columns mean, and what else is known of some."""
    judged = list(judgements)
    english = lang == "en"
    counts = [(sum(each.finding is f for each in judged), say(f, lang)) for f in Finding]
    lines = [
        f"{len(judged)} claims: {', '.join(f'{count} {word}' for count, word in counts)}"
        if english
        else f"{len(judged)} 条论断：{'，'.join(f'{word} {count}' for count, word in counts)}",
        "models are compared within a seed; Difference: the smallest of the mean differences that "
        "a claim needs to be large, and the 95% interval that judges it; Next: how likely one more "
        "seed shows it"
        if english
        else "各模型在同一种子内比较；差值：论断所要求的各平均差值中最小的一个，"
        "及据以判断的 95% 区间；下一次：再训练一个种子时论断成立的概率",
        f"EQUIVALENT: no difference beyond {EQUIVALENCE:g}; OPEN: more seeds may tell"
        if english
        else f"没有差别：差值不超过 {EQUIVALENCE:g}；尚无定论：更多种子或可判定",
    ]
    if any(each.claim.margin for each in judged):
        lines.append(
            'a strong word, such as "clearly", needs more than a difference above 0: the margin '
            "stands beside"
            if english
            else "措辞强烈的论断（如“明显”）不仅要求差值大于 0：所需幅度列在旁边"
        )
    for each in judged:
        if each.stated is not None:
            ours = "could be" if each.stated else "could not be"
            lines.append(
                f"the stated difference of {each.claim.by:.4f} {ours} one more seed's (\""
                f'{_claimed(each, lang)}")'
                if english
                else f"所称差值 {each.claim.by:.4f} {'可能' if each.stated else '不可能'}"
                f"来自另一个种子（“{_claimed(each, lang)}”）"
            )
    if any(each.switched for each in judged):
        lines.append(say("off beside" if REPORT_DROPOUT_AT_PREDICTION else "on beside", lang))
    return "\n".join(lines)
