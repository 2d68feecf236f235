"""`repro train`, `runs`, `predict` and `score`: one run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from repro.command_line.console import note, out
from repro.command_line.options import (
    AddressOption,
    DatasetOption,
    DeviceOption,
    EngineOption,
    ExecutorOption,
    FormOption,
    GpuShareOption,
    QuietOption,
    RecordedOption,
    RunArgument,
    TextOrJson,
    ThreadsOption,
    run_store,
    training_session,
)
from repro.errors import DataError, UsageError
from repro.paths import home
from repro.spec import DROPOUT, MAX_SEED, Activation, Architecture

# Modules that import pandas, scipy or msgspec are imported where they are used, so that
# `repro --help` starts fast.
# ruff: noqa: PLC0415


def train(
    context: typer.Context,
    model: Annotated[
        Architecture, typer.Argument(metavar="MODEL", help="net, improved or resnet.")
    ],
    activation: Annotated[
        Activation,
        typer.Option(
            metavar="NAME",
            help="relu (default), leaky_relu, swish or sigmoid (net and improved only).",
            show_default=False,
        ),
    ] = "relu",
    dropout: Annotated[
        float,
        typer.Option(min=0, metavar="RATE", help="Below 1; 0: none (improved only)."),
    ] = DROPOUT,
    epochs: Annotated[int, typer.Option(min=1, metavar="N", help="Number of epochs.")] = 10,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, metavar="N", help="Random seed.")] = 0,
    device: DeviceOption = "auto",
    engine: EngineOption = "auto",
    dataset: DatasetOption = "cifar10",
    threads: ThreadsOption = None,
    executor: ExecutorOption = "local",
    address: AddressOption = "auto",
    gpu_share: GpuShareOption = 1.0,
    form: FormOption = "rich",
    quiet: QuietOption = False,
) -> None:
    """Train one network with the report's recipe, or resume its training."""
    from repro.commands.train import task_for, train_one
    from repro.runs.locations import user_store

    session = training_session(context, quiet, None, threads, executor, address, gpu_share)
    task = task_for(
        model,
        activation,
        dropout=dropout,
        seed=seed,
        epochs=epochs,
        device=session.device(device),
        engine=engine,
        dataset=dataset,
    )
    record, code = train_one(session, task)
    if code or record is None:
        raise typer.Exit(code or 4)
    _print_run(user_store(), record, form)


def list_all(
    ctx: typer.Context, recorded: RecordedOption = False, form: FormOption = "rich"
) -> None:
    """List the trained runs."""
    from repro.reporting.run_tables import list_runs

    ctx.obj = recorded, form
    if ctx.invoked_subcommand is not None:
        return
    store = run_store(recorded)
    records, damaged = store.sound_records()
    if form == "json":
        typer.echo(json.dumps([record.to_dict() for record in records], indent=1))
    elif records:
        out.print(list_runs(records))
    elif not damaged:
        _say_no_runs(store)
    for error in damaged:
        note(str(error))
    if damaged:
        raise typer.Exit(DataError.exit_code)


def show(
    ctx: typer.Context,
    run: RunArgument,
    recorded: RecordedOption = False,
    form: FormOption = "rich",
) -> None:
    """Show everything about one run."""
    all_recorded, all_form = ctx.obj  # `repro runs --recorded show X` means the same
    store = run_store(recorded or all_recorded)
    _print_run(store, store.find(run), all_form if form == "rich" else form)


def best(
    ctx: typer.Context,
    recorded: RecordedOption = False,
    form: Annotated[
        Literal["rich", "md"], typer.Option("--format", help="Output format.")
    ] = "rich",
) -> None:
    """List each run's best epoch by validation accuracy.

    Also lists that accuracy, the final validation accuracy and the last test accuracy.
    """
    from repro.reporting.run_tables import best_to_markdown, best_to_rich

    all_recorded, all_form = ctx.obj
    if all_form == "json":
        raise UsageError(
            "--format json: expected rich or md; for JSON, use `repro runs --format json`"
        )
    store = run_store(recorded or all_recorded)
    records = store.records()
    if not records:
        _say_no_runs(store)
    elif form == "md":
        typer.echo(best_to_markdown(records))
    else:
        out.print(best_to_rich(records))


def units(
    ctx: typer.Context,
    run: RunArgument,
    recorded: RecordedOption = False,
    form: FormOption = "rich",
) -> None:
    """Count the dead units of Net or ImprovedNet: units that no test image activates.

    Uses the last stored checkpoint. A channel is dead if it is inactive at every position.
    """
    from repro.data.dataset import load
    from repro.reporting.run_tables import show_units
    from repro.runs.checkpoints import find_weights
    from repro.training.dead_units import count_dead

    all_recorded, all_form = ctx.obj
    store = run_store(recorded or all_recorded)
    record = store.find(run)
    if record.spec.recipe.architecture not in {"net", "improved"}:
        raise UsageError(
            f"{record.spec.name}: expected a run of net or improved; "
            f"got {record.spec.recipe.architecture}"
        )
    epoch, weights = find_weights(store, record, None)
    images = load(record.spec.dataset, home()).test_images
    found = count_dead(record.spec.recipe, weights, images)
    if "json" in {form, all_form}:
        layers = [each._asdict() for each in found]
        typer.echo(
            json.dumps({"run": record.spec.name, "epoch": epoch, "layers": layers}, indent=1)
        )
    else:
        out.print(show_units(record, epoch, found), highlight=False)


def predict(
    run: RunArgument,
    path: Annotated[Path, typer.Option("--out", help="Output file.")] = Path("submission.csv"),
    epoch: Annotated[
        int | None,
        typer.Option(min=1, help="Use the predictions stored at this epoch.", show_default="last"),
    ] = None,
    dropout: Annotated[
        Literal["on", "off"] | None,
        typer.Option(help="Dropout (improved only); the tables use on.", show_default="off"),
    ] = None,
    recorded: RecordedOption = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that has something else.")
    ] = False,
) -> None:
    """Write a run's predictions of the 10,000 test images to submission.csv."""
    from repro.commands.predict import predict_classes
    from repro.data.labels import labels_as_csv
    from repro.files import read_regular, write_atomically

    store = run_store(recorded)
    record = store.find(run)
    told = predict_classes(store, record, epoch=epoch, dropout=dropout, recorded=recorded)
    data = labels_as_csv(told.classes)
    if path.is_file() and not force and read_regular(path) != data:
        raise UsageError(f"{path}: something else is there; --force replaces it")
    write_atomically(path, data)
    how = f", dropout {told.dropout}" if told.dropout else ""
    typer.echo(
        f"{path}: {len(told.classes)} predictions of {record.spec.name} "
        f"after {told.epoch} epochs{how}"
    )


def score(
    submission: Annotated[Path, typer.Argument(help="CSV file of predicted classes.")],
    answers: Annotated[Path, typer.Argument(help="CSV file of true classes (see `data export`).")],
    form: Annotated[TextOrJson, typer.Option("--format", help="Output format.")] = "rich",
) -> None:
    """Compute the accuracy of submission.csv against testLables.csv (section 3.2.3)."""
    from repro.data.labels import score as compare

    right, total = compare(submission, answers)
    if form == "json":
        typer.echo(json.dumps({"right": right, "total": total, "accuracy": right / total}))
    else:
        typer.echo(f"{right} of {total} correct: accuracy {right / total:.4f}")


def _say_no_runs(store: Any) -> None:
    typer.echo(f"no runs in {store.root} yet; train some with `repro table 3-1`")


def _print_run(store: Any, record: Any, form: str) -> None:
    from repro.reporting.run_tables import show_run

    if form == "json":
        typer.echo(json.dumps(record.to_dict(), indent=1, allow_nan=False))
    else:
        out.print(show_run(record, store.folder(record.spec)), highlight=False)
