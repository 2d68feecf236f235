"""Verdicts as tables: for the terminal, a paper, a pull request or another program."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Literal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from repro.verdicts import Kind, Verdict

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
    "Verdict": {"en": "Verdict", "zh": "结论"},
    "Net (ReLU)": {"en": "Net (ReLU)", "zh": "原模型（ReLU）"},
    "Net (Leaky ReLU)": {"en": "Net (Leaky ReLU)", "zh": "原模型（Leaky ReLU）"},
    "Net (Swish)": {"en": "Net (Swish)", "zh": "原模型（Swish）"},
    "ImprovedNet": {"en": "ImprovedNet", "zh": "改进后模型"},
    "ResNet": {"en": "ResNet", "zh": "ResNet"},
    "made-up images": {
        "en": "made-up images: these numbers say nothing about the report",
        "zh": "使用的是合成图像：这些数值与报告无关",
    },
    Kind.REPRODUCED: {"en": "REPRODUCED", "zh": "已复现"},
    Kind.WITHIN_TOLERANCE: {"en": "WITHIN TOLERANCE", "zh": "容差之内"},
    Kind.DIFFERS: {"en": "DIFFERS", "zh": "不一致"},
    Kind.INCONCLUSIVE: {"en": "INCONCLUSIVE", "zh": "无法判定"},
    Kind.NOT_RUN: {"en": "NOT RUN", "zh": "未运行"},
}
_STYLES = {
    Kind.REPRODUCED: "bold green",
    Kind.WITHIN_TOLERANCE: "green",
    Kind.DIFFERS: "bold red",
    Kind.INCONCLUSIVE: "yellow",
    Kind.NOT_RUN: "dim",
}
_HEADINGS = ("Epochs", "Report", "Ours", "SD", "n", "Difference", "Interval", "Verdict")
_WIDTHS = (6, 6, 6, 6, 2, 7, 12, 16)


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
        "low": verdict.low,
        "high": verdict.high,
        "difference": verdict.difference,
        "verdict": verdict.kind.value,
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
        say(verdict.kind, lang),
    ]


def _by_table_and_column(verdicts: Iterable[Verdict]) -> list[tuple[str, str, list[Verdict]]]:
    """Verdicts grouped as the report's tables and columns, in the report's order."""
    out = []
    for table, of_table in groupby(verdicts, key=lambda v: v.cell.table):
        columns: dict[str, list[Verdict]] = {}
        for verdict in of_table:
            columns.setdefault(verdict.cell.column, []).append(verdict)
        out += [(table, column, rows) for column, rows in columns.items()]
    return out


def to_rich(verdicts: Sequence[Verdict], lang: Language) -> RenderableType:
    """For a terminal of 80 columns or more."""
    comma = ", " if lang == "en" else "，"
    parts: list[RenderableType] = []
    for table, column, rows in _by_table_and_column(verdicts):
        grid = Table(
            title=f"{say('table', lang)} {table}{comma}{say(column, lang)}",
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
    unique = list({verdict.cell.name: verdict for verdict in verdicts}.values())
    counts = [(kind, sum(v.kind == kind for v in unique)) for kind in Kind]
    counted = ", ".join(f"{count} {say(kind, lang)}" for kind, count in counts if count)
    cells = f"{len(unique)} cell{'s' * (len(unique) > 1)}"
    text = f"{cells}: {counted}" if lang == "en" else f"{len(unique)} 个数值：{counted}"
    known = [(abs(v.difference), v.cell.name) for v in unique if v.difference is not None]
    if known:
        mean, (largest, where) = sum(d for d, _ in known) / len(known), max(known)
        text += (
            f"; |difference| {mean:.4f} on average, {largest:.4f} at most ({where})"
            if lang == "en"
            else f"；差值绝对值平均 {mean:.4f}，最大 {largest:.4f}（{where}）"
        )
    if any(v.n == 1 for v in unique):
        text += (
            "\none seed has no spread, so nothing can be REPRODUCED by it: "
            "--seeds 5 gives each cell an interval"
            if lang == "en"
            else "\n单个种子没有离散度，不能判为已复现：用 --seeds 5 可得到预测区间"
        )
    return text


def to_text(
    verdicts: Sequence[Verdict], form: Literal["csv", "md", "json", "latex"], lang: Language
) -> str:
    """A table as text. CSV and JSON are for programs and are the same in every language."""
    if form == "json":
        return json.dumps([to_dict(v) for v in verdicts], indent=1, allow_nan=False)
    import pandas as pd  # noqa: PLC0415 - takes longer to import than all the rest to print

    if form == "csv":
        return pd.DataFrame([to_dict(v) for v in verdicts]).to_csv(index=False).rstrip("\n")
    headings = [say(each, lang) for each in ("Model", *_HEADINGS)]
    blocks = []
    for table, groups in groupby(_by_table_and_column(verdicts), key=lambda group: group[0]):
        rows = [
            [say(column, lang), *_texts(verdict, lang)]
            for _, column, members in groups
            for verdict in members
        ]
        frame, title = pd.DataFrame(rows, columns=headings), f"{say('table', lang)} {table}"
        if form == "md":
            body = frame.to_markdown(index=False, disable_numparse=True)
            blocks.append(f"**{title}**\n\n{body}")
        else:
            frame = frame.replace("%", r"\%", regex=True).replace("–", "--", regex=True)
            frame.columns = pd.Index([each.replace("%", r"\%") for each in headings])
            body = frame.to_latex(index=False, column_format="l" + "r" * 7 + "l", caption=title)
            blocks.append(body.rstrip("\n"))
    if form == "md":
        blocks.append(summary(verdicts, lang).replace("\n", "\n\n"))
    return "\n\n".join(blocks)
