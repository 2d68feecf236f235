"""What was checked, for a person: runs, the machine, and what is listed of the evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from repro.execution.audit import Audit, Check, Finding
from repro.execution.comparing import Outcome
from repro.execution.doctor import Diagnosis
from repro.reporting.language import CHINESE, Language, choose, translate
from repro.reporting.markup import markdown_table
from repro.reporting.sentences import in_language
from repro.reporting.terminal import plain_table
from repro.verdicts.snapshot import Check as ListingCheck

_CHECKS: Mapping[Check, tuple[str, str]] = {
    "record": ("records as sealed", "条记录与封存时一致"),
    "accuracy": ("runs' accuracies counted again", "次训练的精度重新统计后一致"),
    "predictions": ("checkpoints predicted with again", "个检查点重新预测后一致"),
    "training": ("epochs trained again", "轮重新训练后一致"),
}
"""What is counted of each check where it proved something: in English and in Chinese."""

_OUTCOME_STYLES = {"proved": "green", "refuted": "bold red"}


def show_audit(audit: Audit, lang: Language = "en") -> RenderableType:
    """Run by run, what was proved in a line a check, and whatever else in a line of its own."""
    parts: list[RenderableType] = []
    for name in audit.names:
        grid = Table.grid(padding=(0, 2))
        for width in (13, 14, None):
            grid.add_column(min_width=width)
        mine = [finding for finding in audit.findings if finding.run == name]
        for check in _CHECKS:
            for outcome, text in _lines([each for each in mine if each.check == check], lang):
                word = Text(translate(outcome, lang), _OUTCOME_STYLES.get(outcome, "yellow"))
                grid.add_row(f"  {translate(check, lang)}", word, Text(text, overflow="fold"))
        parts += [Text(name, style="bold", overflow="fold"), grid]
    return Group(*parts)


def _lines(findings: Sequence[Finding], lang: Language) -> Iterator[tuple[Outcome, str]]:
    """The findings of one check, those of proved epochs in one line."""
    proved = [each for each in findings if each.outcome == "proved" and each.epoch is not None]
    if proved:
        comma = choose(lang, en=", ", zh="、")
        epochs = comma.join(_ranges(sorted(each.epoch or 0 for each in proved), lang))
        if proved[0].check == "predictions":
            text = choose(
                lang,
                en=f"predicted again with the stored weights at {epochs}",
                zh=f"用保存的权重重新预测，轮次：{epochs}",
            )
        else:
            text = choose(
                lang,
                en=f"trained again, the same weights bit for bit: {epochs}",
                zh=f"重新训练，权重逐位相同：{epochs}",
            )
        yield "proved", text
    yield from (
        (each.outcome, in_language(each.text, lang)) for each in findings if each not in proved
    )


def _ranges(numbers: Sequence[int], lang: Language) -> Iterator[str]:
    """1, 2, 3, 7 as "1 to 3", "7"."""
    start = 0
    for index, number in enumerate(numbers):
        if index + 1 == len(numbers) or numbers[index + 1] != number + 1:
            first = numbers[start]
            to = choose(lang, en="to", zh="至")
            yield str(number) if first == number else f"{first} {to} {number}"
            start = index + 1


def summarise_audit(audit: Audit, lang: Language = "en") -> str:
    """How much was proved, in one line."""
    counts = Counter((each.check, each.outcome) for each in audit.findings)
    parts = [
        f"{counts[check, 'proved']} {choose(lang, en=english, zh=chinese)}"
        for check, (english, chinese) in _CHECKS.items()
    ]
    others = Counter(each.outcome for each in audit.findings if each.outcome != "proved")
    rest = [
        choose(lang, en=f"{count} {outcome}", zh=f"{translate(outcome, 'zh')} {count} 项")
        for outcome, count in others.items()
    ]
    if audit.proved_nothing:
        rest.append(
            choose(
                lang,
                en="nothing was checked that a forger could not write; `--minutes` gives time to "
                "train epochs again",
                zh="所查内容伪造者都能写出；用 `--minutes` 留出时间重新训练若干轮",
            )
        )
    return choose(
        lang,
        en=f"proved: {', '.join(parts)}; {', '.join(rest) or 'nothing refuted'}",
        zh=f"已证实：{'，'.join(parts)}；{'，'.join(rest) or '没有被证伪的'}",
    )


def show_machine(facts: Mapping[str, str], lang: Language = "en") -> RenderableType:
    """What this machine is, a line a fact."""
    grid = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        grid.add_row(translate(name, lang), Text(in_language(value, lang), overflow="fold"))
    return grid


def show_levels(diagnoses: Sequence[Diagnosis], lang: Language = "en") -> RenderableType:
    """Which level of determinism each device and engine gets, and why."""
    headings = ("Device", "Engine", "Level", "Why")
    grid = plain_table(*headings, left=headings, lang=lang)
    for each in diagnoses:
        style = "green" if each.reaches_its_level else "bold red"
        level = Text(each.got or translate("none", lang), style=style)
        grid.add_row(
            each.device,
            each.engine,
            level,
            Text(in_language(each.why, lang, CHINESE), overflow="fold"),
        )
    return grid


def checks_to_rich(checks: Sequence[ListingCheck], lang: Language = "en") -> RenderableType:
    """What was held to the list, what fails first; a line tells how many there are."""
    grid = plain_table("", "", "Listed", "Obtained", left=("", "Listed", "Obtained"), lang=lang)
    failed = [check for check in checks if not check.holds]
    shown = failed or [check for check in checks if check.listed != "proved"]
    for check in shown:
        no = choose(lang, en="NO", zh="不符")
        word = Text("ok", "green") if check.holds else Text(no, "bold red")
        what, listed, obtained, text = _in_words(check, lang)
        grid.add_row(word, what, listed, obtained)
        if text and not check.holds:
            grid.add_row("", Text(text, "dim"), "", "")
    return Group(grid, Text(), _checks_summary(checks, lang))


def checks_to_markdown(checks: Sequence[ListingCheck], lang: Language = "en") -> str:
    """The same as Markdown, for the summary of a CI job."""
    rows = [
        (
            "ok" if check.holds else choose(lang, en="**no**", zh="**不符**"),
            *_in_words(check, lang),
        )
        for check in sorted(checks, key=lambda check: check.holds)
    ]
    headings = [translate(each, lang) for each in ("What", "Listed", "Obtained", "Note")]
    table = markdown_table(["", *headings], rows)
    return f"{_checks_summary(checks, lang)}\n\n{table}"


def _in_words(check: ListingCheck, lang: Language) -> Iterator[str]:
    """What was held to the list, what is listed, what was obtained, and a remark."""
    for text in (check.what, check.listed, check.obtained, check.text):
        yield translate(in_language(text, lang, CHINESE), lang)


def _checks_summary(checks: Sequence[ListingCheck], lang: Language) -> str:
    failed = sum(not check.holds for check in checks)
    return choose(
        lang,
        en=f"{len(checks)} checks: " + (f"{failed} fail" if failed else "all hold"),
        zh=f"{len(checks)} 项核对：" + (f"{failed} 项不符" if failed else "全部相符"),
    )
