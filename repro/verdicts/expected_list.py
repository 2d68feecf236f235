"""The list of verdicts and findings that results are held to: verdicts.csv and claims.csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro.errors import DataError, sentence
from repro.files import parse_int, read_csv, write_atomically
from repro.verdicts.claims import ClaimResult
from repro.verdicts.judging import Verdict, VerdictKind

_VERDICT_COLUMNS = ("table", "cell", "n", "verdict", "reason")


_CLAIM_COLUMNS = ("claim", "n", "k", "finding")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What is expected of the evidence."""

    verdicts: Mapping[tuple[str, str], tuple[int, str, str]]
    """Number of seeds, verdict and, where it is no success, the reason; by table and cell."""
    claims: Mapping[str, tuple[int, int, str]]
    """Number of seeds, in how many it holds, and the finding; by the claim's name."""


def load_listing(folder: Path) -> Listing:
    """The listing in `folder`.

    Raises:
        DataError: a file is missing or has another form, or a row stands twice.
    """
    verdicts: dict[tuple[str, str], tuple[int, str, str]] = {}
    path = folder / "verdicts.csv"
    for row in _rows(path, _VERDICT_COLUMNS):
        key = row["table"], row["cell"]
        if key in verdicts or row["verdict"] not in {kind.value for kind in VerdictKind}:
            raise DataError(
                sentence(
                    "{path}: expected each cell once, with a verdict; got {row}", path=path, row=row
                )
            )
        verdicts[key] = _number(path, row["n"]), row["verdict"], row["reason"]
    claims: dict[str, tuple[int, int, str]] = {}
    path = folder / "claims.csv"
    for row in _rows(path, _CLAIM_COLUMNS):
        if row["claim"] in claims:
            raise DataError(
                sentence("{path}: expected each claim once; got {row}", path=path, row=row)
            )
        claims[row["claim"]] = _number(path, row["n"]), _number(path, row["k"]), row["finding"]
    return Listing(verdicts=verdicts, claims=claims)


def accept(
    folder: Path,
    verdicts: Iterable[Verdict],
    judgements: Iterable[ClaimResult],
    before: Listing | None,
) -> None:
    """List what was obtained in `folder`; a cell that keeps its verdict keeps its reason."""
    rows = []
    for v in verdicts:
        known = before and before.verdicts.get((v.cell.table, v.cell.name))
        reason = known[2] if known and known[1] == v.kind.value else ""
        if v.is_primary:
            rows.append((v.cell.table, v.cell.name, v.n, v.kind.value, reason))
    _write(folder / "verdicts.csv", _VERDICT_COLUMNS, rows)
    found = [(each.claim.name, each.n, each.k, each.finding.value) for each in judgements]
    _write(folder / "claims.csv", _CLAIM_COLUMNS, found)


def _rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    rows = [row for _, row in read_csv(path, columns)]
    if not rows:
        raise DataError(sentence("{path}: expected a row at least", path=path))
    return rows


def _number(path: Path, text: str) -> int:
    try:
        return parse_int(text)
    except ValueError as error:
        raise DataError(
            sentence("{path}: number of seeds: {error}", path=path, error=error)
        ) from None


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([columns, *rows])
    write_atomically(path, out.getvalue().encode())
