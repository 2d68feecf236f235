"""Verdicts as tables: for the terminal, a paper, a pull request or another program."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from statistics import fmean, median
from typing import Any, Literal

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from repro.reporting.language import Language, choose, translate
from repro.reporting.markup import latex, latex_table, markdown_table
from repro.verdicts.judging import Verdict, VerdictKind, significant_cells, unique_primary
from repro.verdicts.statistics import ROUNDING

VERDICT_STYLES = {
    VerdictKind.REPRODUCED: "bold green",
    VerdictKind.CLOSE: "green",
    VerdictKind.ONE_RUN: "green",
    VerdictKind.DIFFERS: "bold red",
    VerdictKind.INCONCLUSIVE: "yellow",
    VerdictKind.NOT_RUN: "dim",
    VerdictKind.MADE_UP: "dim",
}

HEADINGS = (
    "Epochs", "Report", "Ours", "SD", "n", "Diff.", "95% interval", "Margin", "Verdict",
)  # fmt: skip

_WIDTHS = (6, 6, 6, 6, 2, 7, 12, 6, 12)


def verdict_to_dict(verdict: Verdict, lang: Language = "en") -> dict[str, Any]:
    """One cell for other programs, its words in `lang`; accuracies in [0, 1], None where there is
    no value."""
    cell = verdict.cell
    return {
        "cell": cell.name,
        "table": cell.table,
        "row": cell.row,
        "column": translate(cell.column, lang),
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
        "detectable": verdict.half_width,
        "margin": verdict.margin,
        "dropout_on": verdict.dropout_on,
        "difference": verdict.difference,
        "verdict": translate(verdict.kind.value, lang),
        "counts": verdict.is_primary,
    }


def cell_texts(verdict: Verdict, lang: Language) -> list[str]:
    """One cell for a reader, by the order of :data:`HEADINGS`."""

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
        translate(verdict.kind, lang),
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
        return translate(column, lang)
    return translate(column, lang) + translate(
        ", dropout on" if dropout_on else ", dropout off", lang
    )


def table_title(table: str, column: str, lang: Language) -> str:
    """What stands above the rows of one network."""
    return f"{translate('Table', lang)} {table}{choose(lang, en=', ', zh='，')}{column}"


def cells_to_rich(verdicts: Sequence[Verdict], lang: Language) -> RenderableType:
    """For a terminal of 80 columns or more."""
    parts: list[RenderableType] = []
    for table, column, rows in by_table_and_column(verdicts, lang):
        grid = Table(
            title=escape(table_title(table, column, lang)),
            title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False,
            padding=(0, 1, 0, 0),
        )  # fmt: skip
        for heading, width in zip(HEADINGS, _WIDTHS, strict=True):
            justify: Literal["left", "right"] = "left" if heading == "Verdict" else "right"
            grid.add_column(
                translate(heading, lang), justify=justify, min_width=width, no_wrap=True
            )
        for verdict in rows:
            *numbers, word = cell_texts(verdict, lang)
            grid.add_row(*numbers, Text(word, VERDICT_STYLES[verdict.kind]))
        parts.append(grid)
    return Group(*parts)


def cells_foot(verdicts: Sequence[Verdict], lang: Language) -> str:
    """How many cells hold and how closely, line by line; a repeated cell counts once."""
    unique = unique_primary(verdicts)
    counts = [(kind, sum(v.kind == kind for v in unique)) for kind in VerdictKind]
    comma = choose(lang, en=", ", zh="，")
    counted = comma.join(f"{count} {translate(kind, lang)}" for kind, count in counts if count)
    cells = f"{len(unique)} cell{'s' * (len(unique) > 1)}"
    text = choose(lang, en=f"{cells}: {counted}", zh=f"{len(unique)} 个数值：{counted}")
    if any(v.kind is VerdictKind.MADE_UP for v in unique):
        made_up = choose(
            lang,
            en="made-up images: these numbers say nothing about the report",
            zh="使用的是合成图像：这些数值与报告无关",
        )
        return f"{text}\n{made_up}"
    lines = [text + _closeness(unique, lang), *_significance(unique, lang)]
    secondary = {v.cell.column: v.dropout_on for v in verdicts if not v.is_primary}
    for column, shown_on in secondary.items():
        primary, other = ("off", "on") if shown_on else ("on", "off")
        name = translate(column, lang)
        zh_primary, zh_other = ("关闭", "开启") if shown_on else ("开启", "关闭")
        lines.append(
            choose(
                lang,
                en=f"{name} is evaluated twice: verdicts use dropout {primary}, "
                f"{other} is shown for comparison",
                zh=f"{name}在测试时评估两次：判定以 Dropout {zh_primary}为准，{zh_other}仅供对照",
            )
        )
    if any(v.kind is VerdictKind.NOT_RUN for v in unique):
        lines.append(
            choose(
                lang,
                en="NOT RUN: no run of the cell is here; `repro table` without --trained trains "
                "it, --recorded shows the bundled ones",
                zh="未运行：这里没有该数值的训练记录；不带 --trained 的 `repro table` 会进行训练，"
                "--recorded 显示随包附带的记录",
            )
        )
    if any(v.n == 1 for v in unique):
        lines.append(
            choose(
                lang,
                en="one run has no interval and reproduces nothing: --seeds 5 gives each cell one",
                zh="单次训练没有预测区间，不能判为已复现：用 --seeds 5 可得到预测区间",
            )
        )
    return "\n".join(lines)


def _closeness(unique: Sequence[Verdict], lang: Language) -> str:
    """How far ours are from the report's, for the end of a line."""
    known = [(abs(v.difference), v.cell.name) for v in unique if v.difference is not None]
    if not known:
        return ""
    largest, where = max(known)
    if len(unique) == 1:
        return choose(
            lang, en=f"; absolute difference {largest:.4f}", zh=f"；差值绝对值 {largest:.4f}"
        )
    mean = fmean(difference for difference, _ in known)
    return choose(
        lang,
        en=f"; mean absolute difference {mean:.4f}, largest {largest:.4f} ({where})",
        zh=f"；差值绝对值平均 {mean:.4f}，最大 {largest:.4f}（{where}）",
    )


def _significance(unique: Sequence[Verdict], lang: Language) -> list[str]:
    """Lines on what the seeds can show: for a single cell, and for all together."""
    half_widths = [v.half_width for v in unique if v.half_width is not None]
    margins = [v.margin for v in unique if v.margin is not None]
    if not half_widths:
        return []
    middle, most = f"{median(half_widths):.3f}", f"{max(half_widths):.3f}"
    if len(unique) == 1:
        return [
            choose(
                lang,
                en=f"smallest detectable difference: {middle}; equivalent within {margins[0]:.3f}",
                zh=f"差值超过 {middle} 才落在预测区间外；等效界：{margins[0]:.3f}",
            )
        ]
    separator = choose(lang, en=", ", zh="、")
    significant = separator.join(significant_cells(unique)) or translate("none", lang)
    inside = sum(v.margin is not None and v.margin <= v.cell.tolerance + ROUNDING for v in unique)
    return [
        choose(
            lang,
            en=f"smallest detectable difference of a single cell: {middle} (median), at most "
            f"{most}; significant after Holm correction (5%), of {len(half_widths)} cells with "
            f"two seeds or more: {significant}",
            zh=f"单独看，差值超过 {middle}（中位数；最大 {most}）才落在预测区间外；"
            f"在有两个以上种子的 {len(half_widths)} 个数值中，"
            f"经 Holm 校正（5%）差异显著者：{significant}",
        ),
        choose(
            lang,
            en=f"equivalent within the tolerance (two one-sided tests, 5%): {inside} of "
            f"{len(margins)}; Margin is the smallest tolerance at which a cell is equivalent, "
            f"at most {max(margins):.3f}",
            zh=f"在容差之内等效（双单侧检验，5%）：{len(margins)} 个中的 {inside} 个；"
            f"等效界是数值能通过此检验的最小容差，最大 {max(margins):.3f}",
        ),
    ]


def cells_to_text(
    verdicts: Sequence[Verdict], form: Literal["csv", "md", "json", "latex"], lang: Language
) -> str:
    """A table as text. CSV and JSON are for programs and are the same in every language."""
    if form == "json":
        return json.dumps([verdict_to_dict(v) for v in verdicts], indent=1, allow_nan=False)
    if form == "csv":
        import pandas as pd  # noqa: PLC0415 - takes longer to import than all the rest to print

        frame = pd.DataFrame([verdict_to_dict(v) for v in verdicts], dtype=object)
        return frame.to_csv(index=False).rstrip("\n")
    headings = [translate(each, lang) for each in ("Model", *HEADINGS)]
    blocks = []
    for table, groups in groupby(by_table_and_column(verdicts, lang), key=lambda group: group[0]):
        rows = [
            [column, *cell_texts(verdict, lang)]
            for _, column, members in groups
            for verdict in members
        ]
        title = f"{translate('Table', lang)} {table}"
        if form == "md":
            body = markdown_table(headings, rows, right=range(1, len(headings) - 1))
            blocks.append(f"**{title}**\n\n{body}")
        else:
            blocks.append(latex_table(headings, rows, "l" + "r" * 8 + "l", title))
    foot = cells_foot(verdicts, lang).replace("\n", "\n\n")
    blocks.append(foot if form == "md" else latex(foot))
    return "\n\n".join(blocks)
