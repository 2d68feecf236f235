"""What several figures say together, as tables."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Literal

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from repro.reporting.language import Language, choose, translate
from repro.reporting.markup import markdown_table
from repro.verdicts.patterns import Pattern
from repro.verdicts.statistics import CONFIDENCE


def patterns_to_rich(
    patterns: Sequence[Pattern], names: Mapping[str, str], lang: Language = "en"
) -> RenderableType:
    """Patterns for a terminal of 80 columns; `names` are the tables' columns by the model."""
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(_PATTERN_HEADINGS):
        grid.add_column(
            translate(heading, lang), justify="right" if number else "left", no_wrap=True
        )
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
    table = markdown_table(
        [translate(each, lang) for each in _PATTERN_HEADINGS],
        [_pattern_row(each, names, lang) for each in patterns],
        right=range(1, 6),
    )
    foot = patterns_foot(patterns, lang).replace("\n", "\n\n")
    return f"{table}\n\n{foot}"


_PATTERN_HEADINGS = ("Figures together", "Epochs", "Report", "Ours", "p, one run", "p, own runs")

_ACTIVATIONS = {"net-leaky_relu": "Leaky ReLU − ReLU", "net-swish": "Swish − ReLU"}


def _pattern_row(pattern: Pattern, names: Mapping[str, str], lang: Language) -> list[str]:
    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:+.4f}"

    return [
        *pattern_name(pattern, names, lang), number(pattern.report), number(pattern.ours),
        p_text(pattern.shared), p_text(pattern.apart),
    ]  # fmt: skip


def p_text(p: float) -> str:
    """A p value in [0, 1] to three digits."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def pattern_name(pattern: Pattern, names: Mapping[str, str], lang: Language) -> tuple[str, str]:
    """What a pattern is about, for a reader: the models, and the epochs."""
    rows = [str(row) for row in pattern.rows]
    if pattern.kind == "all":
        return choose(lang, en="all figures", zh="全部数值"), "–"
    if pattern.kind == "activations":
        return _ACTIVATIONS[pattern.models[0]], rows[0]
    epochs = f"{rows[1]} − {rows[0]}" if pattern.kind == "gain" else f"{rows[0]}–{rows[-1]}"
    return translate(names[pattern.models[0]], lang), epochs


def patterns_foot(patterns: Sequence[Pattern], lang: Language = "en") -> str:
    """What the columns mean, and how many patterns stand out."""
    shared, apart = (
        sum(getattr(each, way) < 1 - CONFIDENCE for each in patterns) for way in ("shared", "apart")
    )
    return choose(
        lang,
        en=f"{len(patterns)} patterns: p is below 0.05 for {shared} (one run) and {apart} (own "
        "runs); chance alone would give one in twenty\n"
        "p: the probability that chance alone makes a report differ from ours this much or more; "
        "one run: the rows of a column come from one run, and columns share a seed; own runs: each "
        "figure has its own",
        zh=f"{len(patterns)} 个模式：p 小于 0.05 的有 {shared} 个（同次），{apart} 个（各自）；"
        "仅凭偶然，二十个中也会有一个\n"
        "p：仅凭偶然，报告与我们相差至此或更多的概率；同次：一列各行来自同一次训练，"
        "各列种子相同；各自：每个数值来自单独的一次训练",
    )
