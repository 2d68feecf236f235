"""The command line: which commands there are. `repro/command_line/` has them, a file for each kind.

Exit codes: 0 success; 1 a cell differs, a run is refuted or a determinism level is not reached;
2 usage error; 3 data or store error; 4 something could not be run or checked; 70 internal error of
this package; 130 stopped by Ctrl-C; 143 stopped by SIGTERM.
"""

from __future__ import annotations

from typing import Annotated

import typer

import repro
from repro.command_line import checks, data, results, runs, tables, training
from repro.command_line.help import Commands, Paragraphs

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
    cls=Paragraphs,
    invoke_without_command=True,
    help="List, inspect, compare and delete trained runs.",
)


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


app.command()(tables.table)
app.command()(tables.claims)
app.command()(tables.patterns)
app.command()(tables.recipes)

app.command()(results.figure)
app.command()(results.report)
export_app.command()(results.rocrate)
export_app.command()(results.weights)

app.command()(checks.verify)
app.command()(checks.audit)
app.command()(checks.doctor)
app.command("bench")(checks.measure)

app.command()(training.train)
runs_app.callback()(runs.list_all)
runs_app.command()(runs.show)
runs_app.command()(runs.diff)
runs_app.command()(runs.rm)
runs_app.command()(runs.best)
runs_app.command()(runs.units)
app.command()(training.predict)
app.command()(training.score)

data_app.command()(data.fetch)
data_app.command("verify")(data.verify)
data_app.command("show")(data.show)
data_app.command("export")(data.export)

app.add_typer(data_app, name="data")
app.add_typer(export_app, name="export")
app.add_typer(runs_app, name="runs")
