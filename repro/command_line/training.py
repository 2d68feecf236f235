"""`repro train`, `predict` and `score`: one network, from its training to submission.csv."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from repro.command_line import exit_codes
from repro.command_line.options import (
    AddressOption,
    DatasetOption,
    DeviceOption,
    DryRunOption,
    EngineOption,
    ExecutorOption,
    FormOption,
    GpuShareOption,
    LogDirOption,
    LogToOption,
    QuietOption,
    RecordedOption,
    RunArgument,
    TextOrJson,
    ThreadsOption,
    run_store,
    training_session,
)
from repro.command_line.runs import print_run
from repro.errors import UsageError, sentence
from repro.reporting.language import choose, resolve_language
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
    log_to: LogToOption = None,
    log_dir: LogDirOption = None,
    dry_run: DryRunOption = False,
    form: FormOption = "rich",
    quiet: QuietOption = False,
) -> None:
    """Train one network with the report's recipe, or resume its training."""
    from repro.commands.train import plan, task_for, train_one
    from repro.runs.locations import user_store

    session = training_session(
        context, quiet, None, threads, executor, address, gpu_share, log_to=log_to, log_dir=log_dir
    )
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
    if dry_run:
        typer.echo("\n".join(plan(session, user_store(), [task])))
        return
    record, failures = train_one(session, task)
    if failures or record is None:
        raise typer.Exit(exit_codes.of_failures(failures) or exit_codes.NOT_DONE)
    print_run(user_store(), record, form)


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
        raise UsageError(
            sentence("{path}: something else is there; --force replaces it", path=path)
        )
    write_atomically(path, data)
    how = f", dropout {told.dropout}" if told.dropout else ""
    how_zh = f"，Dropout {told.dropout}" if told.dropout else ""
    typer.echo(
        choose(
            resolve_language(),
            en=f"{path}: {len(told.classes)} predictions of {record.spec.name} "
            f"after {told.epoch} epochs{how}",
            zh=f"{path}：{record.spec.name} 训练 {told.epoch} 轮后的 {len(told.classes)} 个预测"
            f"{how_zh}",
        )
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
        accuracy = right / total
        typer.echo(
            choose(
                resolve_language(),
                en=f"{right} of {total} correct: accuracy {accuracy:.4f}",
                zh=f"{total} 张中判对 {right} 张：精度 {accuracy:.4f}",
            )
        )
