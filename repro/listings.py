"""Lists for a person: the runs of a store, one run whole, the data set."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from repro.audit import Audit, Check, Finding, Outcome
from repro.data.dataset import Dataset
from repro.data.layout import CHECKSUMS, CLASSES
from repro.doctor import Diagnosis
from repro.figures.registry import PICTURES
from repro.figures.style import Language
from repro.progress import duration
from repro.recipes import Fit, Spread
from repro.records import Reading, RunRecord
from repro.spec import REPORT_RECIPES
from repro.verdicts import counts_switched, counts_with_dropout
from repro.verify import Check as ListingCheck


def _grid(*headings: str, left: Sequence[str]) -> Table:
    grid = Table(box=None, pad_edge=False, collapse_padding=len(headings) > 6)
    for heading in headings:
        # A name that is cut cannot be asked for.
        fold: Literal["fold", "ellipsis"] = "fold" if heading == "Run" else "ellipsis"
        justify: Literal["left", "right"] = "left" if heading in left else "right"
        grid.add_column(heading, justify=justify, overflow=fold)
    return grid


def list_runs(records: Sequence[RunRecord]) -> RenderableType:
    """One line a run: name, epochs, the last test accuracies, where and how long."""
    grid = _grid("Run", "Epochs", *_READING, "Device", "Time", left=("Run", "Device"))
    for record in records:
        spec = record.spec
        grid.add_row(
            spec.name,
            str(len(record.epochs)),
            *_last_reading(record),
            f"{spec.device}, {spec.engine}",
            duration(record.duration_s),
        )
    return _with_foot(grid, records)


_READING = ("Test", "Other", "at")
_BEST_HEADINGS = ("Run", "Epochs", "Best", "There", "At end", *_READING)


def best_to_rich(records: Sequence[RunRecord]) -> RenderableType:
    """After which epoch each run's validation accuracy was highest, for 80 columns."""
    grid = _grid(*_BEST_HEADINGS, left=("Run",))
    for record in records:
        grid.add_row(*_best_row(record))
    return _with_foot(grid, records)


def best_to_markdown(records: Sequence[RunRecord]) -> str:
    """The same as Markdown."""
    table = _markdown(map(_best_row, records), _BEST_HEADINGS)
    return "\n\n".join([table, *_foot(records)])


def _with_foot(grid: Table, records: Sequence[RunRecord]) -> RenderableType:
    return Group(grid, *(Text(line, "dim") for line in _foot(records)))


def _foot(records: Sequence[RunRecord]) -> Iterator[str]:
    """What has to be known of some of the accuracies."""
    twice = {counts_with_dropout(r.spec.recipe) for r in records if r.spec.recipe.has_dropout}
    if twice:
        other = "the other way about" if len(twice) > 1 else "off" if twice == {True} else "on"
        yield f"ImprovedNet is read twice; Test: as its figures count, Other: with dropout {other}"
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
    """The last test accuracies, the one that counts and the other one, and their epoch."""
    if not record.readings:
        return "–", "", "–"
    last = record.readings[-1]
    return *_accuracies(record, last), str(last.epoch)


def _accuracies(record: RunRecord, reading: Reading) -> tuple[str, str]:
    """A reading's accuracy as tables count it and, of a network that is read twice, the other."""
    form = "{:.4f}" if record.spec.dataset == "cifar10" else "({:.4f})"
    switched = counts_switched(record.spec.recipe)
    counts, other = (reading.accuracy_as(switched=each) for each in (switched, not switched))
    return form.format(counts), form.format(other) if reading.switched else ""


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
    grid = _grid(
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
    grid = _grid("Layer", "Units", "Dead", left=("Layer",))
    for layer, of_layer, dead_there in found:
        grid.add_row(layer, str(of_layer), str(dead_there))
    units, dead = sum(each[1] for each in found), sum(each[2] for each in found)
    foot = f"{record.spec.name} after {epoch} epochs: {dead} of {units} units are dead"
    return Group(grid, Text(foot))


def show_dataset(dataset: Dataset, folder: Path) -> RenderableType:
    """The files, the images a class and the first 20 test labels (figures 3-6 and 3-7)."""
    files = _grid("File", "Bytes", "SHA-256", left=("File", "SHA-256"))
    for name, checksum in CHECKSUMS.items():
        files.add_row(name, f"{(folder / name).stat().st_size:,}", checksum[:16] + "…")
    counts = _grid("Class", "Training", "Test", left=("Class",))
    both = [np.bincount(x, minlength=10) for x in (dataset.train_labels, dataset.test_labels)]
    for name, training, test in zip(CLASSES, *both, strict=True):
        counts.add_row(name, f"{training:,}", f"{test:,}")
    counts.add_row("all", *(f"{each.sum():,}" for each in both), style="bold")
    labels = _grid("Image", "Category", left=("Category",))
    for number, label in enumerate(dataset.test_labels[:20], 1):
        labels.add_row(str(number), CLASSES[label])
    return Group(files, "", counts, "", "First test labels", labels)


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
    return f"proved: {', '.join(parts)}; {', '.join(rest) or 'nothing refuted'}"


def show_machine(facts: Mapping[str, str]) -> RenderableType:
    """What this machine is, a line a fact."""
    grid = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        grid.add_row(name, Text(value, overflow="fold"))
    return grid


def show_levels(diagnoses: Sequence[Diagnosis]) -> RenderableType:
    """Which level of determinism each device and engine gets, and why."""
    grid = _grid("Device", "Engine", "Level", "Why", left=("Device", "Engine", "Level", "Why"))
    for each in diagnoses:
        style = "green" if each.keeps_its_promise else "bold red"
        level = Text(each.got or "none", style=style)
        grid.add_row(each.device, each.engine, level, Text(each.why, overflow="fold"))
    return grid


_FIT_HEADINGS = (
    "", "Optimiser", "Batch", "Pixels", "Dropout", "Cells", "n", "RMS", "By seed", "Mean", "Max",
)  # fmt: skip
_PIXELS = {"unit": "0 to 1", "symmetric": "-1 to 1", "imagenet": "ImageNet"}
_SPREAD_HEADINGS = ("Cell", "Report", "Recipes", "Least", "Most", "SD")


def fits_to_rich(fits: Sequence[Fit]) -> RenderableType:
    """Candidate recipes, the nearest first, for a terminal of 80 columns."""
    grid = _grid(*_FIT_HEADINGS, left=("", "Optimiser", "Pixels", "Dropout"))
    for fit in fits:
        grid.add_row(*_fit_row(fit))
    return grid


def spreads_to_rich(spreads: Sequence[Spread]) -> RenderableType:
    """What the recipe alone can move, a line a cell."""
    grid = _grid(*_SPREAD_HEADINGS, left=("Cell",))
    for spread in spreads:
        grid.add_row(*_spread_row(spread))
    return grid


def recipes_to_markdown(fits: Sequence[Fit], spreads: Sequence[Spread]) -> str:
    """Both as Markdown, or the candidates alone where there are no `spreads`."""
    fit_table = _markdown(map(_fit_row, fits), _FIT_HEADINGS)
    if not spreads:
        return fit_table
    return f"{fit_table}\n\n{_markdown(map(_spread_row, spreads), _SPREAD_HEADINGS)}"


def _markdown(rows: Iterable[Sequence[str]], headings: Sequence[str]) -> str:
    import pandas as pd  # noqa: PLC0415 - slow to import

    frame = pd.DataFrame(rows, columns=list(headings))
    return frame.to_markdown(index=False, disable_numparse=True)


def _fit_row(fit: Fit) -> list[str]:
    recipe, by_seed = fit.candidate, fit.rms_by_seed.values()
    has_improved = any(name.startswith("improved@") for name in fit.differences)
    return [
        "*" if recipe == REPORT_RECIPES["net-relu"] else "",
        ", ".join([f"{recipe.optimiser} {recipe.learning_rate:g}", *_changes(fit)]),
        str(recipe.batch_size),
        _PIXELS[recipe.pixels],
        ("on" if fit.dropout_left_on else "off") if has_improved else "–",
        str(len(fit.differences)),
        str(fit.seeds),
        f"{fit.rms:.4f}",
        f"{min(by_seed):.3f}–{max(by_seed):.3f}" if len(by_seed) > 1 else "–",
        f"{fit.mean:.4f}",
        f"{fit.largest:.4f}",
    ]


def _changes(fit: Fit) -> Iterator[str]:
    """What else a candidate does otherwise than most."""
    recipe = fit.candidate
    if recipe.momentum:
        yield f"m {recipe.momentum:g}"
    if recipe.training_images == "all":
        yield "all images"
    if recipe.order == "fixed":
        yield "not shuffled"
    if recipe.jpeg_quality:
        yield f"JPEG {recipe.jpeg_quality}"
    if recipe.initial_weights != "torch":
        yield {"xavier": "Glorot", "he": "He"}[recipe.initial_weights]
    if fit.norm_batch:
        yield f"batch norm by {fit.norm_batch}"


def _spread_row(spread: Spread) -> list[str]:
    return [
        spread.cell,
        f"{spread.expected:.4f}",
        str(spread.candidates),
        f"{spread.least:.4f}",
        f"{spread.most:.4f}",
        "–" if spread.sd is None else f"{spread.sd:.4f}",
    ]


def checks_to_rich(checks: Sequence[ListingCheck]) -> RenderableType:
    """What was held to the list, what fails first; a line tells how many there are."""
    grid = _grid("", "", "Listed", "Obtained", left=("", "Listed", "Obtained"))
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
    table = _markdown(rows, ["", "What", "Listed", "Obtained", "Note"])
    return f"{_checks_summary(checks)}\n\n{table}"


def _checks_summary(checks: Sequence[ListingCheck]) -> str:
    failed = sum(not check.holds for check in checks)
    return f"{len(checks)} checks: " + (f"{failed} fail" if failed else "all hold")


def list_figures(lang: Language) -> RenderableType:
    """Every figure's name and title."""
    grid = _grid("", "", left=("",))
    grid.show_header = False
    for picture in PICTURES.values():
        grid.add_row(picture.name, picture.title_zh if lang == "zh" else picture.title)
    return grid
