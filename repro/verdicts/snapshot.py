"""Holds evidence to what is listed of it: every cell's verdict, every claim's finding.

`results/verdicts.csv` and `results/claims.csv` list what the recorded runs say. They are changed by
hand or by `repro verify --accept`, and looked at: a cell or a claim that changes, in whichever
direction, fails until somebody has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from repro.errors import Sentence, sentence
from repro.runs.environments import same_arithmetic
from repro.runs.records import RunRecord
from repro.runs.selection import accuracies_by_cell, readings_by_seed
from repro.spec import READING_EPOCHS, REPORT_RECIPES
from repro.verdicts.claims import ClaimResult
from repro.verdicts.expected_list import Listing
from repro.verdicts.judging import Verdict, VerdictKind
from repro.verdicts.statistics import Spread, holm, pool

FEWEST_FRESH = 3
"""Seeds that runs have to have whose bits no recorded run promises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was held to what is listed or recorded of it."""

    what: str
    listed: str
    obtained: str
    holds: bool
    text: str = ""
    """What a person should know."""


def check_listing(
    listing: Listing, verdicts: Sequence[Verdict], judgements: Sequence[ClaimResult]
) -> list[Check]:
    """The evidence, cell by cell and claim by claim, beside what is listed of it."""
    checks = []
    obtained = {(v.cell.table, v.cell.name): v for v in verdicts if v.is_primary}
    for key in {**listing.verdicts, **obtained}:
        what = sentence("table {table}, {cell}", table=key[0], cell=key[1])
        known, verdict = listing.verdicts.get(key), obtained.get(key)
        if known is None or verdict is None:
            checks.append(
                _missing(what, known and known[1], verdict.kind.value if verdict else None)
            )
            continue
        n, kind, reason = known
        text = reason
        if not verdict.kind.is_success and not reason:
            text = sentence("a cell that is no success needs its reason in the list")
        checks.append(
            Check(
                what=what,
                listed=_counted(kind, n),
                obtained=_counted(verdict.kind.value, verdict.n),
                holds=(n, kind) == (verdict.n, verdict.kind.value)
                and (verdict.kind.is_success or bool(reason)),
                text=text,
            )
        )
    found = {each.claim.name: each for each in judgements}
    for name in {**listing.claims, **found}:
        what, listed, judged = _claim(name), listing.claims.get(name), found.get(name)
        if listed is None or judged is None:
            checks.append(
                _missing(what, listed and listed[2], judged.finding.value if judged else None)
            )
            continue
        now = (judged.n, judged.k, judged.finding.value)
        checks.append(
            Check(what=what, listed=_told(listed), obtained=_told(now), holds=listed == now)
        )
    return checks


def check_fresh(
    listing: Listing,
    verdicts: Sequence[Verdict],
    fresh: Sequence[RunRecord],
    recorded: Sequence[RunRecord],
) -> list[Check]:
    """Runs that were trained anew: the same success in every cell; the recorded bits where a
    recorded run promises them; and accuracies that the recorded runs, those of the CPU, do not
    contradict."""
    checks = []
    for verdict in verdicts:
        if not verdict.is_primary:
            continue
        known = listing.verdicts.get((verdict.cell.table, verdict.cell.name))
        what = sentence("table {table}, {cell}", table=verdict.cell.table, cell=verdict.cell.name)
        if known is None:
            checks.append(_missing(what, None, verdict.kind.value))
            continue
        n, kind, reason = known
        checks.append(
            Check(
                what=what,
                listed=_counted(kind, n),
                obtained=_counted(verdict.kind.value, verdict.n),
                holds=_outcome(VerdictKind(kind)) == _outcome(verdict.kind),
                text=reason,
            )
        )
    evidence = [r for r in recorded if r.spec.device == "cpu"]
    # A run whose bits are compared tells nothing by its accuracy.
    others = [record for record in fresh if _same_run(record, recorded) is None]
    return [*checks, *_compare_bits(fresh, recorded), *_compare_accuracies(others, evidence)]


def _outcome(kind: VerdictKind) -> bool | None:
    """Whether a cell is a success; None where it was not run."""
    return None if kind is VerdictKind.NOT_RUN else kind.is_success


def _same_run(now: RunRecord, recorded: Sequence[RunRecord]) -> RunRecord | None:
    """The recorded run that promises the bits of `now`, if there is one."""
    for then in recorded:
        if then.spec == now.spec and same_arithmetic(then.environment, now.environment, now.spec):
            return then
    return None


def _compare_bits(fresh: Sequence[RunRecord], recorded: Sequence[RunRecord]) -> list[Check]:
    """Epoch by epoch, where a recorded run of the same spec promises its bits here."""
    checks = []
    for now in fresh:
        then = _same_run(now, recorded)
        if then is None:
            continue
        pairs = list(zip(now.epochs, then.epochs, strict=False))
        differing = [a.epoch for a, b in pairs if a.differs_in(b)]
        # Of both up to where the shorter ends: a reading that one of them lacks differs too.
        one, other = (
            {each.epoch: each for each in run.readings if each.epoch <= len(pairs)}
            for run in (now, then)
        )
        differing += [epoch for epoch in one | other if one.get(epoch) != other.get(epoch)]
        holds = not differing
        checks.append(
            Check(
                what=sentence("bits of {run}", run=now.spec.name),
                listed=sentence("{count} epochs", count=len(pairs)),
                obtained=sentence("the same")
                if holds
                else sentence("other from epoch {epoch}", epoch=min(differing)),
                holds=holds,
            )
        )
    return checks


def _compare_accuracies(fresh: Sequence[RunRecord], recorded: Sequence[RunRecord]) -> list[Check]:
    """Cell by cell, and the mean of each model's rows, by Student's t with the pooled spread of its
    network; a difference counts if Holm's procedure leaves it standing.

    Fewer seeds than :data:`FEWEST_FRESH` could hardly fail, and so do.
    """
    now, then = _figures(fresh), _figures(recorded)
    common = [name for name in now if name in then]
    groups: dict[tuple[str, bool], list[Sequence[float]]] = {}
    for name in common:
        groups.setdefault(_kind_of(name), []).extend((now[name], then[name]))
    spreads = {kind: pool(values) for kind, values in groups.items()}
    p_values = {
        name: p
        for name in common
        if (p := _same_mean(now[name], then[name], spreads[_kind_of(name)])) is not None
    }
    apart = holm(p_values)
    checks = [
        Check(
            what=sentence("accuracy of {name}", name=name),
            listed=f"{fmean(then[name]):.4f}, n = {len(then[name])}",
            obtained=f"{fmean(now[name]):.4f}, n = {len(now[name])}",
            holds=name not in apart,
            text=f"p = {p:.3f}",
        )
        for name, p in sorted(p_values.items())
    ]
    counts: dict[str, int] = {}
    for name in common:
        model = name.partition("@")[0]
        counts[model] = max(len(now[name]), counts.get(model, 0))
    checks += [
        Check(
            what=sentence("seeds of {model}", model=model),
            listed=sentence("{count} or more", count=FEWEST_FRESH),
            obtained=str(count),
            holds=False,
            text=sentence(
                "no bits are promised here, and so few accuracies tell nothing: --seeds {count}",
                count=FEWEST_FRESH,
            ),
        )
        for model, count in counts.items()
        if count < FEWEST_FRESH
    ]
    return checks


def _figures(records: Sequence[RunRecord]) -> dict[str, list[float]]:
    """Accuracies by the cell's name and, of runs with several rows of the tables, their means by
    the model's name; one a seed."""
    out = accuracies_by_cell(records)
    for model, _, read in readings_by_seed(records):
        rows = [read[epoch] for epoch in READING_EPOCHS if epoch in read]
        if len(rows) == len(READING_EPOCHS):
            out.setdefault(model, []).append(fmean(rows))
    return out


def _kind_of(name: str) -> tuple[str, bool]:
    """Figures that spread alike: the network, and whether it is a mean over rows."""
    model, _, epoch = name.partition("@")
    return REPORT_RECIPES[model].architecture, not epoch


def _same_mean(one: Sequence[float], other: Sequence[float], spread: Spread | None) -> float | None:
    """How often chance alone sets two means so far apart, two-sided; None without a spread."""
    if spread is None:
        return None
    scale = math.sqrt(1 / len(one) + 1 / len(other))
    return spread.p_value(fmean(one) - fmean(other), scale)


def _missing(what: str, listed: str | None, obtained: str | None) -> Check:
    where = sentence("not listed")
    if obtained is None:
        where = sentence("listed and not in expected_results/")
    return Check(what=what, listed=listed or "–", obtained=obtained or "–", holds=False, text=where)


def _told(claim: tuple[int, int, str]) -> str:
    n, k, finding = claim
    return sentence("{finding}, {k} of {n}", finding=finding, k=k, n=n)


def _claim(name: str) -> Sentence:
    return sentence("claim {name}", name=name)


def _counted(kind: str, n: int) -> str:
    """A verdict and its number of seeds."""
    return sentence("{kind}, n = {n}", kind=kind, n=n)
