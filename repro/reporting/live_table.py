"""The table that fills while runs are trained, with the recorded values from the start."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from repro.reporting.cell_tables import VERDICT_STYLES, by_table_and_column, cells_to_rich
from repro.reporting.language import Language, choose, translate
from repro.reporting.terminal import plain_table
from repro.verdicts.judging import Verdict

_HEADINGS = ("Epochs", "Report", "Recorded", "95% interval", "Ours", "n", "Diff.", "Verdict")


def live_table(
    verdicts: Sequence[Verdict], recorded: Sequence[Verdict], lang: Language
) -> RenderableType:
    """For a terminal of 80 columns: the report's values, the means of the recorded runs with the
    interval for one new run, and what is trained so far.

    `verdicts` and `recorded` are of the same cells. Where no run of a cell is recorded, the table
    is the one that is printed at the end.
    """
    known = {(v.cell.table, v.cell.name, v.dropout_on): v for v in recorded if v.n}
    if not known:
        return cells_to_rich(verdicts, lang)
    headings = [translate(each, lang) for each in _HEADINGS]
    parts: list[RenderableType] = []
    for table, column, rows in by_table_and_column(verdicts, lang):
        grid = plain_table(*headings, left=headings[-1:])
        for ours in rows:
            theirs = known.get((ours.cell.table, ours.cell.name, ours.dropout_on))
            grid.add_row(
                str(ours.cell.row),
                f"{ours.cell.expected:.4f}",
                _number(theirs.mean if theirs else None, ".4f"),
                "–" if theirs is None or theirs.low is None else _interval(theirs),
                _number(ours.mean, ".4f"),
                str(ours.n),
                _number(ours.difference, "+.4f"),
                Text(translate(ours.kind, lang), VERDICT_STYLES[ours.kind]) if ours.n else "…",
            )
        comma = choose(lang, en=", ", zh="，")
        title = f"{translate('Table', lang)} {table}{comma}{column}"
        parts += [Text(title, style="bold"), grid]
    return Group(*parts)


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _interval(verdict: Verdict) -> str:
    return f"{verdict.low:.3f}–{verdict.high:.3f}"
