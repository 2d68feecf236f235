"""What was checked, for a person: runs, the machine, and what is listed of the evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from repro.execution.audit import Audit, Check, Finding, Outcome
from repro.execution.doctor import Diagnosis
from repro.reporting.markup import markdown_table
from repro.reporting.terminal import plain_table
from repro.verdicts.snapshot import Check as ListingCheck

_CHECKS: Mapping[Check, str] = {
    "record": "records as sealed",
    "accuracy": "runs' accuracies counted again",
    "predictions": "checkpoints predicted with again",
    "training": "epochs trained again",
}

_OUTCOME_STYLES = {"proved": "green", "refuted": "bold red"}


def show_audit(audit: Audit) -> RenderableType:
    """Run by run, what was proved in a line a check, and whatever else in a line of its own."""
    parts: list[RenderableType] = []
    for name in audit.names:
        grid = Table.grid(padding=(0, 2))
        for width in (13, 14, None):
            grid.add_column(min_width=width)
        mine = [finding for finding in audit.findings if finding.run == name]
        for check in _CHECKS:
            for outcome, text in _lines([each for each in mine if each.check == check]):
                style = _OUTCOME_STYLES.get(outcome, "yellow")
                grid.add_row(f"  {check}", Text(outcome, style=style), Text(text, overflow="fold"))
        parts += [Text(name, style="bold", overflow="fold"), grid]
    return Group(*parts)


def _lines(findings: Sequence[Finding]) -> Iterator[tuple[Outcome, str]]:
    """The findings of one check, those of proved epochs in one line."""
    proved = [each for each in findings if each.outcome == "proved" and each.epoch is not None]
    if proved:
        epochs = ", ".join(_ranges(sorted(each.epoch or 0 for each in proved)))
        what = (
            "predicted again with the stored weights at"
            if proved[0].check == "predictions"
            else "trained again, the same weights bit for bit:"
        )
        yield "proved", f"{what} {epochs}"
    yield from ((each.outcome, each.text) for each in findings if each not in proved)


def _ranges(numbers: Sequence[int]) -> Iterator[str]:
    """1, 2, 3, 7 as "1 to 3", "7"."""
    start = 0
    for index, number in enumerate(numbers):
        if index + 1 == len(numbers) or numbers[index + 1] != number + 1:
            first = numbers[start]
            yield str(number) if first == number else f"{first} to {number}"
            start = index + 1


def summarise_audit(audit: Audit) -> str:
    """How much was proved, in one line."""
    counts = Counter((each.check, each.outcome) for each in audit.findings)
    parts = [f"{counts[check, 'proved']} {text}" for check, text in _CHECKS.items()]
    others = Counter(each.outcome for each in audit.findings if each.outcome != "proved")
    rest = [f"{count} {outcome}" for outcome, count in others.items()]
    if audit.proved_nothing:
        rest.append(
            "nothing was checked that a forger could not write; `--minutes` gives time to train "
            "epochs again"
        )
    return f"proved: {', '.join(parts)}; {', '.join(rest) or 'nothing refuted'}"


def show_machine(facts: Mapping[str, str]) -> RenderableType:
    """What this machine is, a line a fact."""
    grid = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        grid.add_row(name, Text(value, overflow="fold"))
    return grid


def show_levels(diagnoses: Sequence[Diagnosis]) -> RenderableType:
    """Which level of determinism each device and engine gets, and why."""
    grid = plain_table(
        "Device", "Engine", "Level", "Why", left=("Device", "Engine", "Level", "Why")
    )
    for each in diagnoses:
        style = "green" if each.reaches_its_level else "bold red"
        level = Text(each.got or "none", style=style)
        grid.add_row(each.device, each.engine, level, Text(each.why, overflow="fold"))
    return grid


def checks_to_rich(checks: Sequence[ListingCheck]) -> RenderableType:
    """What was held to the list, what fails first; a line tells how many there are."""
    grid = plain_table("", "", "Listed", "Obtained", left=("", "Listed", "Obtained"))
    failed = [check for check in checks if not check.holds]
    shown = failed or [check for check in checks if check.listed != "proved"]
    for check in shown:
        word = Text("ok", "green") if check.holds else Text("NO", "bold red")
        grid.add_row(word, check.what, check.listed, check.obtained)
        if check.text and not check.holds:
            grid.add_row("", Text(check.text, "dim"), "", "")
    return Group(grid, Text(), _checks_summary(checks))


def checks_to_markdown(checks: Sequence[ListingCheck]) -> str:
    """The same as Markdown, for the summary of a CI job."""
    rows = [
        ("ok" if check.holds else "**no**", check.what, check.listed, check.obtained, check.text)
        for check in sorted(checks, key=lambda check: check.holds)
    ]
    table = markdown_table(["", "What", "Listed", "Obtained", "Note"], rows)
    return f"{_checks_summary(checks)}\n\n{table}"


def _checks_summary(checks: Sequence[ListingCheck]) -> str:
    failed = sum(not check.holds for check in checks)
    return f"{len(checks)} checks: " + (f"{failed} fail" if failed else "all hold")
