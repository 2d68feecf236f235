"""Runs for a person: all of a store, the best epoch of each, and one run whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from repro.reporting.markup import markdown_table
from repro.reporting.progress_texts import duration
from repro.reporting.terminal import plain_table
from repro.runs.difference import Difference
from repro.runs.records import Reading, RunRecord
from repro.runs.selection import primary_dropout_on


def list_runs(records: Sequence[RunRecord]) -> RenderableType:
    """One line a run: name, epochs, the last test accuracies, where and how long."""
    grid = plain_table("Run", "Epochs", *_READING, "Engine", "Time", left=("Run", "Engine"))
    for record in records:
        spec = record.spec
        grid.add_row(
            spec.name,
            str(len(record.epochs)),
            *_last_reading(record),
            spec.engine if spec.engine == "kernels" else f"{spec.engine}, {spec.device}",
            duration(record.duration_s),
        )
    return _with_foot(grid, records)


_READING = ("Test", "Other", "Epoch")

_BEST_HEADINGS = ("Run", "Epochs", "Best", "Best\nval.", "Final\nval.", *_READING)


def best_to_rich(records: Sequence[RunRecord]) -> RenderableType:
    """After which epoch each run's validation accuracy was highest, for 80 columns."""
    grid = plain_table(*_BEST_HEADINGS, left=("Run",))
    for record in records:
        grid.add_row(*_best_row(record))
    return _with_foot(grid, records)


def best_to_markdown(records: Sequence[RunRecord]) -> str:
    """The same as Markdown."""
    table = markdown_table(
        [each.replace("\n", " ") for each in _BEST_HEADINGS],
        map(_best_row, records),
        right=range(1, 8),
    )
    return "\n\n".join([table, *_foot(records)])


def _with_foot(grid: Table, records: Sequence[RunRecord]) -> RenderableType:
    return Group(grid, *(Text(line, "dim") for line in _foot(records)))


def _foot(records: Sequence[RunRecord]) -> Iterator[str]:
    """What has to be known of some of the accuracies."""
    twice = {primary_dropout_on(r.spec.recipe) for r in records if r.spec.recipe.has_dropout}
    if twice:
        other = "switched" if len(twice) > 1 else "off" if twice == {True} else "on"
        yield (
            f"ImprovedNet is evaluated twice; Test: as in the tables; Other: with dropout {other}"
        )
    if any(record.spec.dataset != "cifar10" for record in records):
        yield "(in brackets): of made-up images; these numbers say nothing"


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


def show_run(record: RunRecord, folder: Path) -> RenderableType:
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
        "epochs": f"{len(record.epochs)} in {duration(record.duration_s)}",
        "best epoch": f"{best.epoch}, by validation ({best.validation_accuracy:.4f})"
        if best
        else "–",
        "folder": folder,
    }.items():
        facts.add_row(name, Text(str(value)))
    read = {reading.epoch: _accuracies(record, reading) for reading in record.readings}
    twice = spec.recipe.has_dropout
    grid = plain_table(
        "Epoch", "Train loss", "Last batch", "Val. loss", "Validation", "Test",
        *(["Other"] if twice else []), "Weights",
        left=("Weights",),
    )  # fmt: skip
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
    return Group(facts, "", _with_foot(grid, [record]))


def show_units(
    record: RunRecord, epoch: int, found: Sequence[tuple[str, int, int]]
) -> RenderableType:
    """The name of each layer, its units and the dead ones among them; and how many in all."""
    grid = plain_table("Layer", "Units", "Dead", left=("Layer",))
    for layer, of_layer, dead_there in found:
        grid.add_row(layer, str(of_layer), str(dead_there))
    units, dead = sum(each[1] for each in found), sum(each[2] for each in found)
    foot = f"{record.spec.name} after {epoch} epochs: {dead} of {units} units are dead"
    return Group(grid, Text(foot))


def show_difference(one: RunRecord, other: RunRecord, found: Difference) -> RenderableType:
    """Two runs side by side, for 80 columns. Their names stand above, where none is cut."""
    names = f"1: {one.spec.name}\n2: {other.spec.name}\n"
    grid = plain_table("", "1", "2", left=("", "1", "2"))
    for each in (*found.settings, *found.environments):
        grid.add_row(each.what, each.one, each.other)
    grid.add_row("epochs", *map(str, found.epochs))
    for epoch, ours, theirs in found.accuracies:
        grid.add_row(f"test accuracy after {epoch}", f"{ours:.4f}", f"{theirs:.4f}")
    return Group(Text(names), grid, Text(f"\n{_sameness(found)}"))


def _sameness(found: Difference) -> str:
    """How far the weights of two runs are the same, in a sentence."""
    if found.first_other is not None:
        return (
            "The weights differ from the first epoch on." if found.first_other == 1
            else f"The first {found.same_epochs} epochs are the same, bit for bit; "
            f"epoch {found.first_other} differs."
        )  # fmt: skip
    return f"All {found.same_epochs} epochs that both have are the same, bit for bit."
