"""`repro verify`, `audit`, `doctor` and `bench`: of evidence and of this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from repro.command_line import exit_codes
from repro.command_line.console import err, out
from repro.command_line.errors import refuse
from repro.command_line.options import (
    MORE,
    TRAINING_OPTIONS,
    AddressOption,
    DatasetOption,
    DeviceOption,
    EngineOption,
    ExecutorOption,
    FormOption,
    GpuShareOption,
    QuietOption,
    RecordedOption,
    ThreadsOption,
    WorkersOption,
    complete_run,
    run_store,
    training_session,
)
from repro.errors import NoRunsError, UsageError, sentence
from repro.reporting.language import choose, resolve_language

# Modules that import pandas, scipy or msgspec are imported where they are used, so that
# `repro --help` starts fast.
# ruff: noqa: PLC0415


def verify(
    context: typer.Context,
    number: Annotated[
        str, typer.Argument(metavar="3-1|3-2|3-3|3-4|all", help="Table (--fresh only).")
    ] = "all",
    recorded: Annotated[
        bool,
        typer.Option(
            "--recorded/--fresh",
            help="Check the bundled runs, or train anew.",
            show_default=False,
        ),
    ] = True,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="With --fresh: seeds (1; 3 with torch).", show_default=False
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="With --fresh: rows up to N epochs."),
    ] = None,
    device: DeviceOption = "auto",
    engine: EngineOption = "auto",
    workers: WorkersOption = None,
    threads: ThreadsOption = None,
    executor: ExecutorOption = "local",
    address: AddressOption = "auto",
    gpu_share: GpuShareOption = 1.0,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept",
            rich_help_panel=MORE,
            help="Rewrite the expected list; then review it.",
        ),
    ] = False,
    form: Annotated[
        Literal["rich", "md", "json"],
        typer.Option("--format", metavar="NAME", help="rich, md or json."),
    ] = "rich",
    quiet: QuietOption = False,
) -> None:
    """Check every cell and claim against the expected list in results/, or train all runs again.

    --fresh keeps its runs in a separate store: run the same command again to resume. Exit code: 0
    if everything is as expected, 1 if something is not, 3 if the data or a file cannot be read.
    """
    import dataclasses

    from repro.commands.context import Session
    from repro.commands.verify import verify_fresh, verify_recorded
    from repro.reporting.check_tables import checks_to_markdown, checks_to_rich

    lang = resolve_language()
    if recorded:
        if number != "all":
            raise UsageError(
                sentence(
                    "table {number} requires --fresh; without it, all tables are checked",
                    number=number,
                )
            )
        fresh_only = ("seeds", "epochs", "device", "engine", *TRAINING_OPTIONS)
        refuse(context, fresh_only, sentence("requires --fresh"))
        checks, failures = verify_recorded(
            Session(console=err, lang=lang, quiet=quiet), accept=accept
        )
    else:
        if accept:
            raise UsageError(
                sentence("--accept cannot be combined with --fresh: it needs the bundled runs")
            )
        session = training_session(context, quiet, workers, threads, executor, address, gpu_share)
        checks, failures = verify_fresh(
            session,
            number,
            seeds=seeds,
            epochs=epochs,
            device=session.device(device),
            engine=engine,
        )
    if form == "json":
        typer.echo(json.dumps([dataclasses.asdict(check) for check in checks], indent=1))
    elif form == "md":
        typer.echo(checks_to_markdown(checks, lang))
    else:
        out.print(checks_to_rich(checks, lang))
    hold = all(check.holds for check in checks)
    raise typer.Exit(exit_codes.of_failures(failures) or (0 if hold else exit_codes.DIFFERS))


def audit(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Run names, digests or unique prefixes; default: all.",
            autocompletion=complete_run,
        ),
    ] = None,
    recorded: RecordedOption = False,
    given: Annotated[
        Path | None,
        typer.Option("--store", help="Another store, or an RO-Crate made by repro."),
    ] = None,
    minutes: Annotated[
        float,
        typer.Option(min=0, max=1e6, help="Time for training epochs again."),
    ] = 5,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Random seed of the draw.", show_default="random"),
    ] = None,
    workers: WorkersOption = None,
    form: FormOption = "rich",
    quiet: QuietOption = False,
) -> None:
    """Check runs against their records, and train randomly drawn epochs again to compare.

    Exit code: 0 if every check passes, 1 if a run is refuted, 4 if a check cannot be done here.
    """
    import dataclasses
    import secrets

    from repro.commands.audit import audit_runs
    from repro.commands.context import Session
    from repro.reporting.check_tables import show_audit, summarise_audit
    from repro.runs.store import Store

    if given and recorded:
        raise UsageError(sentence("--store and --recorded cannot be combined: choose one"))
    if given and not (given / "runs").is_dir():
        raise UsageError(
            sentence("--store {given}: expected a folder that contains runs/", given=given)
        )
    store = Store(given) if given else run_store(recorded)
    names = list(dict.fromkeys(store.find_name(run) for run in runs)) if runs else store.names()
    if not names:
        raise NoRunsError(
            sentence(
                "no runs in {root}; to audit the bundled runs, add --recorded", root=store.root
            )
        )
    lang = resolve_language()
    drawn_with = secrets.randbelow(10**6) if seed is None else seed
    done = audit_runs(
        Session(console=err, lang=lang, quiet=quiet, workers=workers),
        store,
        names,
        minutes=minutes,
        seed=drawn_with,
    )
    if form == "json":
        findings = [dataclasses.asdict(each) for each in done.findings]
        drawn = {"seed": drawn_with, "minutes": minutes, "workers": done.workers}
        typer.echo(json.dumps({**drawn, "findings": findings}, indent=1))
    else:
        out.print(show_audit(done, lang))
        out.foot(summarise_audit(done, lang))
        out.foot(
            choose(
                lang,
                en=f"{done.drawn} of {done.trainable} epochs drawn; to repeat: --seed {drawn_with} "
                f"--minutes {minutes:g} --workers {done.workers}",
                zh=f"从 {done.trainable} 轮中抽取 {done.drawn} 轮；若要重复：--seed {drawn_with} "
                f"--minutes {minutes:g} --workers {done.workers}",
            )
        )
    raise typer.Exit(exit_codes.of_audit(done))


def doctor(form: FormOption = "rich") -> None:
    """Show this machine, its software versions, and the determinism level of each device.

    Exit code: 0 if every device reaches the level expected of it, 1 if one does not, 4 if one
    cannot train.
    """
    from repro.commands.audit import examine_machine
    from repro.commands.context import Session

    lang = resolve_language()
    doctor = examine_machine(Session(console=err, lang=lang))
    if form == "json":
        typer.echo(doctor.to_json())
    else:
        from repro.reporting.check_tables import show_levels, show_machine

        out.print(show_machine(doctor.facts, lang), highlight=False)
        out.print()
        out.print(show_levels(doctor.diagnoses, lang), highlight=False)
    raise typer.Exit(exit_codes.of_checkup(doctor))


def measure(
    model: Annotated[
        Literal["all", "net-relu", "improved", "resnet"], typer.Argument(help="Network to measure.")
    ] = "all",
    rounds: Annotated[int, typer.Option(min=1, help="Timed rounds per training loop.")] = 5,
    page: Annotated[
        Path | None,
        typer.Option("--write", help="Insert the tables between the marks of this Markdown file."),
    ] = None,
    short: Annotated[
        bool, typer.Option("--short", help="4 steps per round: a smoke test.")
    ] = False,
    dataset: DatasetOption = "cifar10",
) -> None:
    """Measure the training speed of this machine and compare it with common training loops.

    repro trains one run per core, the other loops one run on all cores; their total throughput is
    compared. Stop other programs meanwhile. Takes about 15 minutes on two cores.
    """
    from rich.markdown import Markdown

    from repro.bench.measuring import STEPS
    from repro.commands.bench import run_bench
    from repro.commands.context import Session
    from repro.reporting.bench_page import around_marks, markdown, write

    if page:
        around_marks(page)  # fails early if the marks are missing
    models = list(STEPS) if model == "all" else [model]
    report = run_bench(
        Session(console=err, lang=resolve_language()),
        models,
        rounds=rounds,
        short=short,
        dataset=dataset,
    )
    text = markdown(report)
    if out.is_terminal:
        out.print(Markdown(text))
    else:
        typer.echo(text)
    if page:
        write(report, page)
