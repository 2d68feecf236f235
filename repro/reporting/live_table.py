"""The table that fills while runs are trained, with the recorded values from the start."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from repro.reporting.cell_tables import (
    HEADINGS,
    VERDICT_STYLES,
    by_table_and_column,
    cell_texts,
    cells_to_rich,
    table_title,
)
from repro.reporting.language import Language
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
    known = {
        (v.cell.table, v.cell.name, v.dropout_on): dict(
            zip(HEADINGS, cell_texts(v, lang), strict=True)
        )
        for v in recorded
        if v.n
    }
    if not known:
        return cells_to_rich(verdicts, lang)
    parts: list[RenderableType] = []
    for table, column, rows in by_table_and_column(verdicts, lang):
        grid = plain_table(*_HEADINGS, left=("Verdict",), lang=lang)
        for each in rows:
            ours = dict(zip(HEADINGS, cell_texts(each, lang), strict=True))
            theirs = known.get((each.cell.table, each.cell.name, each.dropout_on), {})
            grid.add_row(
                ours["Epochs"], ours["Report"],
                theirs.get("Ours", "–"), theirs.get("95% interval", "–"),
                ours["Ours"], ours["n"], ours["Diff."],
                Text(ours["Verdict"], VERDICT_STYLES[each.kind]) if each.n else "…",
            )  # fmt: skip
        parts += [Text(table_title(table, column, lang), style="bold"), grid]
    return Group(*parts)
