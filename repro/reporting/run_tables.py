"""Runs for a person: all of a store, the best epoch of each, and one run whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from repro.reporting.language import Language, choose, translate
from repro.reporting.markup import markdown_table
from repro.reporting.progress_texts import duration
from repro.reporting.terminal import plain_table
from repro.runs.difference import Difference
from repro.runs.records import Reading, RunRecord
from repro.runs.selection import primary_dropout_on


def list_runs(records: Sequence[RunRecord], lang: Language = "en") -> RenderableType:
    """One line a run: name, epochs, the last test accuracies, where and how long."""
    grid = plain_table(
        "Run", "Epochs", *_READING, "Engine", "Time", left=("Run", "Engine"), lang=lang
    )
    for record in records:
        spec = record.spec
        grid.add_row(
            spec.name,
            str(len(record.epochs)),
            *_last_reading(record),
            spec.engine if spec.engine == "kernels" else f"{spec.engine}, {spec.device}",
            duration(record.duration_s, lang),
        )
    return _with_foot(grid, records, lang)


_READING = ("Test", "Other", "Epoch")

_BEST_HEADINGS = ("Run", "Epochs", "Best", "Best\nval.", "Final\nval.", *_READING)


def best_to_rich(records: Sequence[RunRecord], lang: Language = "en") -> RenderableType:
    """After which epoch each run's validation accuracy was highest, for 80 columns."""
    grid = plain_table(*_BEST_HEADINGS, left=("Run",), lang=lang)
    for record in records:
        grid.add_row(*_best_row(record))
    return _with_foot(grid, records, lang)


def best_to_markdown(records: Sequence[RunRecord], lang: Language = "en") -> str:
    """The same as Markdown."""
    table = markdown_table(
        [_in_one_line(each, lang) for each in _BEST_HEADINGS],
        map(_best_row, records),
        right=range(1, 8),
    )
    return "\n\n".join([table, *_foot(records, lang)])


def _in_one_line(heading: str, lang: Language) -> str:
    return translate(heading, lang).replace("\n", " " if lang == "en" else "")


def _with_foot(grid: Table, records: Sequence[RunRecord], lang: Language) -> RenderableType:
    return Group(grid, *(Text(line, "dim") for line in _foot(records, lang)))


def _foot(records: Sequence[RunRecord], lang: Language) -> Iterator[str]:
    """What has to be known of some of the accuracies."""
    twice = {primary_dropout_on(r.spec.recipe) for r in records if r.spec.recipe.has_dropout}
    if twice:
        other = "switched" if len(twice) > 1 else "off" if twice == {True} else "on"
        yield choose(
            lang,
            en="ImprovedNet is evaluated twice; Test: as in the tables; Other: with dropout "
            f"{other}",
            zh=f"改进后模型评估两次：“测试精度”与各表一致，“另一评估”为 Dropout {_DROPOUT[other]}",
        )
    if any(record.spec.dataset != "cifar10" for record in records):
        yield choose(
            lang,
            en="(in brackets): of made-up images; these numbers say nothing",
            zh="括号内的数值来自合成图像，不说明任何问题",
        )


_DROPOUT = {"on": "开启", "off": "关闭", "switched": "与之相反"}


def _best_row(record: RunRecord) -> list[str]:
    best = record.best
    return [
        record.spec.name,
        str(len(record.epochs)),
        str(best.epoch) if best else "–",
        f"{best.validation_accuracy:.4f}" if best else "–",
        f"{record.epochs[-1].validation_accuracy:.4f}" if best else "–",
        *_last_reading(record),
    ]


def _last_reading(record: RunRecord) -> tuple[str, str, str]:
    """The last test accuracies, the one that verdicts use and the other one, and their epoch."""
    if not record.readings:
        return "–", "", "–"
    last = record.readings[-1]
    return *_accuracies(record, last), str(last.epoch)


def _accuracies(record: RunRecord, reading: Reading) -> tuple[str, str]:
    """A reading's accuracy that verdicts use and, of a network with dropout, the other."""
    form = "{:.4f}" if record.spec.dataset == "cifar10" else "({:.4f})"
    recipe = record.spec.recipe
    on = primary_dropout_on(recipe)
    primary, other = (reading.accuracy_with(recipe, dropout_on=each) for each in (on, not on))
    return form.format(primary), form.format(other) if recipe.has_dropout else ""


def show_run(record: RunRecord, folder: Path, lang: Language = "en") -> RenderableType:
    """Everything of one run: what it is, where it ran, and a line an epoch."""
    spec, best = record.spec, record.best
    environment = dataclasses.asdict(record.environment)
    facts = Table.grid(padding=(0, 2))
    for name, value in {
        "run": spec.name,
        "digest": spec.digest,
        "recipe": ", ".join(
            f"{k} {v}" for k, v in dataclasses.asdict(spec.recipe).items() if v not in ("", ())
        ),
        "seed": spec.seed,
        "device": f"{spec.device}, {spec.engine}",
        "data set": spec.dataset,
        "environment": ", ".join(f"{k} {v}" for k, v in environment.items() if v),
        "epochs": choose(
            lang,
            en=f"{len(record.epochs)} in {duration(record.duration_s)}",
            zh=f"{len(record.epochs)}，用时 {duration(record.duration_s, 'zh')}",
        ),
        "best epoch": choose(
            lang,
            en=f"{best.epoch}, by validation ({best.validation_accuracy:.4f})",
            zh=f"{best.epoch}（按验证精度，{best.validation_accuracy:.4f}）",
        )
        if best
        else "–",
        "folder": folder,
    }.items():
        facts.add_row(translate(name, lang), Text(str(value)))
    read = {reading.epoch: _accuracies(record, reading) for reading in record.readings}
    twice = spec.recipe.has_dropout
    headings = ("Epoch", "Train loss", "Last batch", "Val. loss", "Validation", "Test")
    grid = plain_table(
        *headings, *(["Other"] if twice else []), "Weights", left=("Weights",), lang=lang
    )
    for each in record.epochs:
        grid.add_row(
            str(each.epoch),
            f"{each.train_loss:.4f}",
            f"{each.last_batch_loss:.4f}",
            f"{each.validation_loss:.4f}",
            f"{each.validation_accuracy:.4f}",
            *read.get(each.epoch, ("", ""))[: 1 + twice],
            each.weights_sha256[:12],
        )
    return Group(facts, "", _with_foot(grid, [record], lang))


def show_units(
    record: RunRecord, epoch: int, found: Sequence[tuple[str, int, int]], lang: Language = "en"
) -> RenderableType:
    """The name of each layer, its units and the dead ones among them; and how many in all."""
    grid = plain_table("Layer", "Units", "Dead", left=("Layer",), lang=lang)
    for layer, of_layer, dead_there in found:
        grid.add_row(layer, str(of_layer), str(dead_there))
    units, dead = sum(each[1] for each in found), sum(each[2] for each in found)
    foot = choose(
        lang,
        en=f"{record.spec.name} after {epoch} epochs: {dead} of {units} units are dead",
        zh=f"{record.spec.name} 训练 {epoch} 轮后：{units} 个单元中 {dead} 个死亡",
    )
    return Group(grid, Text(foot))


def show_difference(
    one: RunRecord, other: RunRecord, found: Difference, lang: Language = "en"
) -> RenderableType:
    """Two runs side by side, for 80 columns. Their names stand above, where none is cut."""
    names = f"1: {one.spec.name}\n2: {other.spec.name}\n"
    grid = plain_table("", "1", "2", left=("", "1", "2"))
    for each in (*found.settings, *found.environments):
        grid.add_row(translate(each.what, lang), each.one, each.other)
    grid.add_row(translate("epochs", lang), *map(str, found.epochs))
    for epoch, ours, theirs in found.accuracies:
        what = choose(lang, en=f"test accuracy after {epoch}", zh=f"{epoch} 轮后的测试精度")
        grid.add_row(what, f"{ours:.4f}", f"{theirs:.4f}")
    return Group(Text(names), grid, Text(f"\n{_sameness(found, lang)}"))


def _sameness(found: Difference, lang: Language) -> str:
    """How far the weights of two runs are the same, in a sentence."""
    same = found.same_epochs
    if found.first_other == 1:
        return choose(
            lang, en="The weights differ from the first epoch on.", zh="权重从第 1 轮起就不同。"
        )
    if found.first_other is not None:
        return choose(
            lang,
            en=f"The first {same} epochs are the same, bit for bit; epoch {found.first_other} "
            "differs.",
            zh=f"前 {same} 轮逐位相同；第 {found.first_other} 轮开始不同。",
        )
    return choose(
        lang,
        en=f"All {same} epochs that both have are the same, bit for bit.",
        zh=f"双方共有的 {same} 轮全部逐位相同。",
    )
