"""`repro runs`: the runs of a store."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, Literal

import typer

from repro.command_line import exit_codes
from repro.command_line.console import note, out
from repro.command_line.errors import refuse
from repro.command_line.options import (
    FormOption,
    RecordedOption,
    RunArgument,
    RunsArgument,
    run_store,
)
from repro.errors import UsageError, sentence, told_by
from repro.paths import home
from repro.reporting.language import choose, resolve_language
from repro.reporting.sentences import in_language

# Modules that import pandas, scipy or msgspec are imported where they are used, so that
# `repro --help` starts fast.
# ruff: noqa: PLC0415


def list_all(
    ctx: typer.Context,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION", help="Only runs such as network=improved or seed<5; repeatable."
        ),
    ] = None,
    recorded: RecordedOption = False,
    form: FormOption = "rich",
) -> None:
    """List the trained runs."""
    from repro.reporting.run_tables import list_runs
    from repro.runs.conditions import select

    ctx.obj = recorded, form
    if ctx.invoked_subcommand is not None:
        refuse(ctx, ("where",), sentence("lists runs: give it without another command"))
        return
    store = run_store(recorded)
    records, damaged = store.sound_records()
    records = select(records, where or ())
    if form == "json":
        typer.echo(json.dumps([record.to_dict() for record in records], indent=1))
    elif records:
        out.print(list_runs(records, resolve_language()))
    elif where and store.names():
        typer.echo(
            choose(
                resolve_language(),
                en=f"no run in {store.root} meets all conditions",
                zh=f"{store.root} 中没有满足全部条件的训练记录",
            )
        )
    elif not damaged:
        _say_no_runs(store)
    for error in damaged:
        note(in_language(told_by(error), resolve_language()))
    if damaged:
        raise typer.Exit(exit_codes.DATA)


def show(
    ctx: typer.Context,
    run: RunArgument,
    recorded: RecordedOption = False,
    form: FormOption = "rich",
) -> None:
    """Show everything about one run."""
    all_recorded, all_form = ctx.obj  # `repro runs --recorded show X` means the same
    store = run_store(recorded or all_recorded)
    print_run(store, store.find(run), all_form if form == "rich" else form)


def diff(
    ctx: typer.Context,
    one: RunArgument,
    other: RunArgument,
    recorded: RecordedOption = False,
    form: FormOption = "rich",
) -> None:
    """Compare two runs: settings, environment, weights epoch by epoch, and test accuracies.

    A run is looked for among your own runs first, then among the bundled ones.
    """
    import dataclasses

    from repro.reporting.run_tables import show_difference
    from repro.runs.difference import difference_of
    from repro.runs.locations import find_in_stores

    all_recorded, all_form = ctx.obj
    stores = [run_store(True)] if recorded or all_recorded else [run_store(False), run_store(True)]
    first, second = (find_in_stores(stores, each) for each in (one, other))
    found = difference_of(first, second)
    if "json" in {form, all_form}:
        names = {"one": first.spec.name, "other": second.spec.name}
        typer.echo(json.dumps({**names, **dataclasses.asdict(found)}, indent=1))
    else:
        out.print(show_difference(first, second, found, resolve_language()), highlight=False)


def rm(
    runs: RunsArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete runs of your own, with their checkpoints and predictions. The bundled ones stay."""
    from repro.runs.removal import remove, size_of

    store, lang = run_store(False), resolve_language()
    names = list(dict.fromkeys(store.find_name(run) for run in runs))
    for name in names:
        typer.echo(f"{name}: {size_of(store, name) / 1e6:.1f} MB")
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(sentence("runs rm: expected --yes where nobody can be asked"))
        these = "it" if len(names) == 1 else f"these {len(names)} runs"
        asked = choose(lang, en=f"Delete {these}?", zh=f"删除这 {len(names)} 次训练？")
        typer.confirm(asked, abort=True)
    for name in names:
        remove(store, name)
    typer.echo(
        choose(
            lang,
            en=f"deleted {len(names)} of the runs in {store.root}",
            zh=f"已从 {store.root} 删除 {len(names)} 次训练",
        )
    )


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
            sentence("--format json: expected rich or md; for JSON, use `repro runs --format json`")
        )
    store = run_store(recorded or all_recorded)
    records = store.records()
    if not records:
        _say_no_runs(store)
    elif form == "md":
        typer.echo(best_to_markdown(records, resolve_language()))
    else:
        out.print(best_to_rich(records, resolve_language()))


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
            sentence(
                "{run}: expected a run of net or improved; got {network}",
                run=record.spec.name,
                network=record.spec.recipe.architecture,
            )
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
        out.print(show_units(record, epoch, found, resolve_language()), highlight=False)


def _say_no_runs(store: Any) -> None:
    typer.echo(
        choose(
            resolve_language(),
            en=f"no runs in {store.root} yet; train some with `repro table 3-1`",
            zh=f"{store.root} 中还没有训练记录；可用 `repro table 3-1` 开始训练",
        )
    )


def print_run(store: Any, record: Any, form: str) -> None:
    from repro.reporting.run_tables import show_run

    if form == "json":
        typer.echo(json.dumps(record.to_dict(), indent=1, allow_nan=False))
    else:
        out.print(show_run(record, store.folder(record.spec), resolve_language()), highlight=False)
