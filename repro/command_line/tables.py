"""`repro table`, `claims`, `patterns` and `recipes`: what the report printed, judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from repro.command_line import exit_codes
from repro.command_line.console import note, out
from repro.command_line.errors import refuse
from repro.command_line.options import (
    MORE,
    TRAINING_OPTIONS,
    AddressOption,
    DatasetOption,
    DeviceOption,
    DryRunOption,
    EngineOption,
    ExecutorOption,
    GpuShareOption,
    LanguageOption,
    LogDirOption,
    LogToOption,
    QuietOption,
    RecordedOption,
    ThreadsOption,
    WorkersOption,
    check_choice,
    training_session,
)
from repro.errors import NoRunsError, ReproError, UsageError, sentence
from repro.paths import packaged
from repro.reporting.language import choose, resolve_language
from repro.reporting.sentences import in_language
from repro.spec import MAX_SEED

# Modules that import pandas, scipy or msgspec are imported where they are used, so that
# `repro --help` starts fast.
# ruff: noqa: PLC0415


def table(
    context: typer.Context,
    numbers: Annotated[
        list[str],
        typer.Argument(metavar="3-1|3-2|3-3|3-4|all", help="Tables, or those of --report."),
    ],
    own: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="DIR",
            rich_help_panel=MORE,
            help="Another report: report.toml and table-*.csv.",
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Number of seeds: 1, or all without training.",
            show_default=False,
        ),
    ] = None,
    first_seed: Annotated[
        int,
        typer.Option(
            min=0,
            max=MAX_SEED,
            metavar="N",
            rich_help_panel=MORE,
            help="Seeds count up from this one.",
        ),
    ] = 0,
    epochs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only rows up to this many epochs.")
    ] = None,
    device: DeviceOption = "auto",
    engine: EngineOption = "auto",
    workers: WorkersOption = None,
    threads: ThreadsOption = None,
    executor: ExecutorOption = "local",
    address: AddressOption = "auto",
    gpu_share: GpuShareOption = 1.0,
    log_to: LogToOption = None,
    log_dir: LogDirOption = None,
    recorded: RecordedOption = False,
    trained: Annotated[
        bool, typer.Option("--trained", help="Use your own runs; train nothing.")
    ] = False,
    form: Annotated[
        Literal["rich", "csv", "md", "json", "latex"],
        typer.Option("--format", metavar="NAME", help="rich, csv, md, json or latex."),
    ] = "rich",
    lang: LanguageOption = None,
    dataset: DatasetOption = "cifar10",
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train a table's missing runs and compare the accuracies with the report.

    Exit code: 0 if every cell is within tolerance, 1 if one is not, 3 if data cannot be read, 4 if
    the only problem is missing runs.
    """
    from repro.commands.table import stored_runs, table_tasks, train_table
    from repro.commands.train import plan
    from repro.reporting.cell_tables import cells_foot, cells_to_rich, cells_to_text
    from repro.runs.locations import recorded_store, user_store
    from repro.runs.selection import choose_seeds
    from repro.verdicts.cells import select_cells
    from repro.verdicts.judging import judge_records
    from repro.verdicts.reports import load_report, this_report

    lang = resolve_language(lang)
    check_choice(context, recorded=recorded, trained=trained, own=own is not None)
    told = load_report(own) if own else this_report(packaged("expected_results"))
    cells = select_cells(told.cells, numbers, epochs)
    if recorded or trained:
        chosen = choose_seeds(first_seed, seeds, fitting=own is not None)
        failures: list[ReproError] = []
        found = stored_runs(
            told, own, recorded=recorded, seeds=chosen, device=device, engine=engine,
            dataset=dataset,
        )  # fmt: skip
    else:
        session = training_session(
            context, quiet, workers, threads, executor, address, gpu_share, lang, log_to, log_dir
        )
        chosen = choose_seeds(first_seed, seeds or 1, fitting=own is not None)
        place = session.device(device)
        if dry_run:
            tasks = table_tasks(cells, told, chosen, place, engine, dataset)
            typer.echo("\n".join(plan(session, user_store(), tasks)))
            return
        found, failures = train_table(
            session, cells, report=told, seeds=chosen, device=place, engine=engine,
            dataset=dataset, recorded=recorded_store(own),
        )  # fmt: skip
    verdicts = judge_records(cells, found, told.recipes)
    if form == "rich":
        out.print(cells_to_rich(verdicts, lang))
        out.foot(cells_foot(verdicts, lang))
    else:
        typer.echo(cells_to_text(verdicts, form, lang))
    fewest = min(verdict.n for verdict in verdicts if verdict.is_primary)
    if (recorded or trained) and seeds and fewest < seeds:
        missing = sentence(
            "expected {seeds} seeds for every cell; a cell has only {fewest}: lower --seeds",
            seeds=seeds,
            fewest=fewest,
        )
        note(in_language(missing, lang))
        failures = [NoRunsError(missing)]
    raise typer.Exit(exit_codes.of_table(verdicts, failures))


def claims(
    recorded: RecordedOption = False,
    device: DeviceOption = "auto",
    engine: EngineOption = "auto",
    form: Annotated[
        Literal["rich", "md", "json", "latex"],
        typer.Option("--format", metavar="NAME", help="rich, md, json or latex."),
    ] = "rich",
    lang: LanguageOption = None,
) -> None:
    """Test the report's claims against the available runs, without training.

    Exit code: 0 whatever the outcome, 4 if there are no runs for any claim.
    """
    from repro.commands.context import evidence
    from repro.reporting.claim_tables import claims_foot, claims_to_rich, claims_to_text
    from repro.verdicts.claims import Finding

    lang = resolve_language(lang)
    judged = evidence(recorded, device, engine).judgements
    if form == "rich":
        out.print(claims_to_rich(judged, lang, wide=out.width >= 110))
        out.foot(claims_foot(judged, lang))
    else:
        typer.echo(claims_to_text(judged, form, lang))
    if all(each.finding is Finding.NOT_RUN for each in judged):
        raise typer.Exit(exit_codes.NOT_DONE)


def patterns(
    recorded: RecordedOption = False,
    device: DeviceOption = "auto",
    engine: EngineOption = "auto",
    form: Annotated[
        Literal["rich", "md", "json"],
        typer.Option("--format", metavar="NAME", help="rich, md or json."),
    ] = "rich",
    lang: LanguageOption = None,
) -> None:
    """Test groups of the report's values jointly (rows, gains, activations), without training.

    Exit code: 0 whatever the outcome, 4 if no network has two seeds.
    """
    from repro.commands.context import evidence
    from repro.reporting.pattern_tables import patterns_foot, patterns_to_rich, patterns_to_text

    lang = resolve_language(lang)
    known = evidence(recorded, device, engine)
    names = {cell.model: cell.column for cell in known.cells}
    if form == "rich":
        out.print(patterns_to_rich(known.patterns, names, lang))
        out.foot(patterns_foot(known.patterns, lang))
    else:
        typer.echo(patterns_to_text(known.patterns, form, names, lang))
    if not known.patterns:
        raise typer.Exit(exit_codes.NOT_DONE)


def recipes(
    context: typer.Context,
    search: Annotated[bool, typer.Option("--search", help="Run the recipe search first.")] = False,
    top: Annotated[int, typer.Option(min=1, help="Number of candidates to list.")] = 10,
    shared: Annotated[
        bool,
        typer.Option("--shared", help="Score the listed candidates on the cells they all have."),
    ] = False,
    device: DeviceOption = "auto",
    engine: EngineOption = "auto",
    workers: WorkersOption = None,
    threads: ThreadsOption = None,
    executor: ExecutorOption = "local",
    address: AddressOption = "auto",
    gpu_share: GpuShareOption = 1.0,
    recorded: RecordedOption = False,
    form: Annotated[
        Literal["rich", "md", "json", "csv"],
        typer.Option("--format", metavar="NAME", help="rich, md, json, or csv: every evaluation."),
    ] = "rich",
    dataset: DatasetOption = "cifar10",
    quiet: QuietOption = False,
) -> None:
    """Compare training recipes that the report may have used, on seeds reserved for the search.

    The score is the root mean square difference (RMS) from the report over the trained cells, by
    the nearest evaluation; compare scores over the same cells only (--shared). * marks the recipe
    in use. The search takes days; run the same command again to resume.
    """
    from repro.commands.recipes import compare_recipes, known_evaluations, search_recipes
    from repro.reporting.search_tables import search_to_markdown, search_to_rich
    from repro.verdicts.evaluations import to_csv
    from repro.verdicts.search import recorded_evaluations, to_dict

    if search and recorded:
        raise UsageError(sentence("--search and --recorded cannot be combined: choose one"))
    if not search:
        refuse(context, TRAINING_OPTIONS, sentence("requires --search"))
    session = training_session(
        context, quiet, workers, threads, executor if search else "local", address, gpu_share
    )
    failures: list[ReproError] = []
    if recorded:
        evaluations = recorded_evaluations()
    else:
        place = session.device(device)
        if search:
            failures = search_recipes(session, device=place, engine=engine, dataset=dataset)
        evaluations = known_evaluations(place, engine, dataset)
    found, listed = compare_recipes(evaluations, top=top, shared=shared)
    if form == "csv":
        typer.echo(to_csv(evaluations), nl=False)
    elif form == "json":
        typer.echo(json.dumps(to_dict(found, listed if shared else found.fits), indent=1))
    elif form == "md":
        typer.echo(search_to_markdown(found, listed, session.lang, shared=shared))
    elif listed:
        out.print(search_to_rich(found, listed, session.lang, shared=shared))
    else:
        typer.echo(
            choose(
                session.lang,
                en="no candidate is trained yet; train them with `repro recipes --search`",
                zh="还没有训练过候选设置；可用 `repro recipes --search` 开始训练",
            )
        )
    raise typer.Exit(exit_codes.of_failures(failures))
