"""Tables and text for Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

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


def markdown_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[int] = ()
) -> str:
    """A table for Markdown; the columns whose numbers, from 0, are in `right` are aligned there.

    Example:
        >>> print(markdown_table(["Seed", "Accuracy"], [["0", "0.5744"]], right=[1]))
        | Seed | Accuracy |
        | --- | ---: |
        | 0 | 0.5744 |
    """
    rules = ["---:" if column in right else "---" for column in range(len(headings))]
    lines = [[cell.replace("|", r"\|") for cell in cells] for cells in (headings, *rows)]
    lines.insert(1, rules)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def latex_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], columns: str, caption: str | None = None
) -> str:
    """A table for LaTeX with booktabs; `columns` is its column format, such as "lrr"."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    frame = pd.DataFrame(rows, columns=list(headings)).map(latex)
    frame.columns = pd.Index([latex(each) for each in headings])
    return frame.to_latex(index=False, column_format=columns, caption=caption).rstrip("\n")
