"""Options that several commands have, and what is made of them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from repro.command_line.console import err
from repro.command_line.errors import refuse
from repro.errors import ReproError, UsageError, sentence
from repro.reporting.language import Language, resolve_language
from repro.spec import DatasetName, EngineChoice

if TYPE_CHECKING:
    from repro.reporting.run_logs import LogFormat

# Modules that import pandas, scipy or msgspec are imported where they are used, so that
# `repro --help` starts fast.
# ruff: noqa: PLC0415

TextOrJson = Literal["rich", "json"]
MORE = "More options"
"""A group of its own in help: what most users do not need. `--help` leaves it out, `--help-all`
shows it."""
FormOption = Annotated[
    TextOrJson,
    typer.Option("--format", metavar="NAME", help="rich or json (every field)."),
]
LanguageOption = Annotated[
    Language | None,
    typer.Option(metavar="LANG", help="en or zh; else by REPRO_LANG or LANG.", show_default=False),
]
DeviceOption = Annotated[
    Literal["auto", "cpu", "cuda", "mps"],
    typer.Option(
        metavar="NAME",
        help="auto (default: cuda if usable), cpu, cuda, mps.",
        show_default=False,
    ),
]
EngineOption = Annotated[
    EngineChoice,
    typer.Option(
        metavar="NAME",
        rich_help_panel=MORE,
        help="kernels, torch, or auto: kernels if possible. "
        "Stored runs of version 0.1: portable, native.",
        show_default=False,
    ),
]
DatasetOption = Annotated[
    DatasetName,
    typer.Option(
        metavar="NAME",
        rich_help_panel=MORE,
        help="cifar10, or synthetic: a quick smoke test.",
        show_default=False,
    ),
]
TRAINING_OPTIONS = ("workers", "executor", "address", "gpu_share", "dry_run", "log_to", "log_dir")
"""Options that affect only training."""
QuietOption = Annotated[
    bool,
    typer.Option("--quiet", "-q", rich_help_panel=MORE, help="Print the result only."),
]
RecordedOption = Annotated[bool, typer.Option("--recorded", help="Use the bundled runs.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Only say what would be trained, and how long.")
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        rich_help_panel=MORE,
        help="Parallel runs (default: chosen for speed).",
        show_default=False,
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=64,
        metavar="N",
        rich_help_panel=MORE,
        help="Cores per run (default: chosen for speed).",
        show_default=False,
    ),
]
ExecutorOption = Annotated[
    Literal["local", "ray"],
    typer.Option(
        metavar="NAME",
        rich_help_panel=MORE,
        help="local, or ray: train on a Ray cluster.",
        show_default=False,
    ),
]
AddressOption = Annotated[
    str,
    typer.Option(
        metavar="HOST",
        rich_help_panel=MORE,
        help="HOST:PORT of Ray, or auto: on this machine.",
        show_default=False,
    ),
]
GpuShareOption = Annotated[
    float,
    typer.Option(
        min=0.01,
        max=1,
        metavar="X",
        rich_help_panel=MORE,
        help="GPU fraction per run on Ray.",
    ),
]

LogToOption = Annotated[
    Literal["csv", "tensorboard"] | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=MORE,
        help="Also log every epoch: csv or tensorboard.",
        show_default=False,
    ),
]
LogDirOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        rich_help_panel=MORE,
        help="Folder of the logs.",
        show_default="logs in REPRO_HOME",
    ),
]


def complete_run(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of runs that begin so, for the shell: the bundled ones with --recorded. Whatever is
    wrong with a store, a shell that completes is no place to say it."""
    parents = [each.params for each in (ctx, ctx.parent) if each]
    recorded = any(params.get("recorded") for params in parents)
    with suppress(ReproError):
        return [name for name in run_store(recorded).names() if name.startswith(incomplete)]
    return []


RunArgument = Annotated[
    str,
    typer.Argument(
        help="Run name or digest, or a unique prefix of one.", autocompletion=complete_run
    ),
]
RunsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN", help="Run names, digests or unique prefixes.", autocompletion=complete_run
    ),
]


def training_session(
    context: typer.Context,
    quiet: bool,
    workers: int | None,
    threads: int | None,
    executor: str,
    address: str,
    gpu_share: float,
    lang: Language | None = None,
    log_to: LogFormat | None = None,
    log_dir: Path | None = None,
) -> Any:
    """The session for a command that trains.

    Raises:
        UsageError: options of a Ray cluster or of logs without either, or logs that need a package
            which is not installed.
    """
    from repro.commands.context import Session
    from repro.execution.ray_cluster import RayCluster
    from repro.paths import home
    from repro.reporting.run_logs import tensorboard

    source = os.environ.get("REPRO_CIFAR10_SOURCE")
    cluster = None
    if executor == "local":
        refuse(context, ("address", "gpu_share"), sentence("requires --executor ray"))
    else:
        cluster = RayCluster(address, gpu_share=gpu_share, source=source)
    if log_to is None:
        refuse(context, ("log_dir",), sentence("requires --log-to"))
    elif log_to == "tensorboard":
        tensorboard()  # before anything is trained
    return Session(
        console=err,
        lang=resolve_language(lang),
        quiet=quiet,
        workers=workers,
        threads=threads,
        cluster=cluster,
        log_to=log_to,
        log_folder=log_dir or home() / "logs",
    )


def run_store(recorded: bool) -> Any:
    from repro.runs.locations import recorded_store, user_store

    return recorded_store() if recorded else user_store()


def check_choice(context: typer.Context, *, recorded: bool, trained: bool, own: bool) -> None:
    """Refuse options of `repro table` that exclude each other.

    Raises:
        UsageError: two of them were given.
    """
    if recorded and trained:
        raise UsageError(sentence("--recorded and --trained cannot be combined: choose one"))
    if recorded or trained:
        given = "--recorded" if recorded else "--trained"
        refuse(
            context,
            TRAINING_OPTIONS,
            sentence("cannot be combined with {given}, which trains nothing", given=given),
        )
    if recorded and not own:
        refuse(
            context,
            ("dataset",),
            sentence("cannot be combined with --recorded: all its runs use CIFAR-10"),
        )
