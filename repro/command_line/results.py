"""`repro figure`, `report` and `export`: results for people and for other programs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from repro.command_line.console import err, out
from repro.command_line.options import (
    DeviceOption,
    EngineOption,
    RecordedOption,
    RunArgument,
    run_store,
)
from repro.paths import check_writable
from repro.reporting.language import Language, choose, resolve_language

# Modules that import pandas, scipy or msgspec are imported where they are used, so that
# `repro --help` starts fast.
# ruff: noqa: PLC0415


def figure(
    which: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FIGURE", help="Figure numbers or names, `all`, or `list`.", show_default="list"
        ),
    ] = None,
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
    device: DeviceOption = "auto",
    engine: EngineOption = "auto",
    recorded: RecordedOption = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="First compute the predictions' confidences.")
    ] = False,
) -> None:
    """Redraw a figure of the report from real data, or plot measured results.

    The report numbers two figures 3-6 and two 3-7; the second ones are 3-6b and 3-7b here.
    """
    from repro.commands.context import Session, evidence
    from repro.commands.figure import calibrate as compute_calibration
    from repro.commands.figure import draw_figures, list_figures
    from repro.reporting.figures.registry import FIGURES, find
    from repro.reporting.figures.style import Style

    lang = resolve_language(lang)
    if not which or which == ["list"]:
        out.print(list_figures(lang))
        return
    everything = which == ["all"]
    pictures = list(FIGURES.values()) if everything else [find(each) for each in which]
    session, found = Session(console=err, lang=lang), evidence(recorded, device, engine)
    if calibrate:
        if recorded:
            check_writable("--calibrate --recorded", "results")
        compute_calibration(session, found)
    for path in draw_figures(
        session, pictures, found, folder, Style(lang=lang, dark=dark), form, skip=everything
    ):
        typer.echo(path)


def report(
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Output folder.")] = Path(
        "report"
    ),
    form: Annotated[
        Literal["html", "md", "latex"],
        typer.Option("--format", metavar="NAME", help="html; md or latex: tables and figures."),
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
    device: DeviceOption = "auto",
    engine: EngineOption = "auto",
    recorded: RecordedOption = False,
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
    device: DeviceOption = "auto",
    engine: EngineOption = "auto",
    recorded: RecordedOption = False,
) -> None:
    """Write runs, verdicts and HTML page as a Workflow Run RO-Crate for archives and workflow hubs.

    The same runs, date and author give identical files. Requires the package rocrate.
    """
    from repro.commands.context import evidence
    from repro.paths import commit
    from repro.reporting.export.crate import export_crate
    from repro.reporting.export.crate_description import CONTRIBUTORS
    from repro.reporting.page import build

    found = evidence(recorded, device, engine)
    export_crate(
        found,
        folder,
        published=(published or datetime.now()).date(),
        author=author or (CONTRIBUTORS if recorded else None),
        page=lambda: build(found, lang="en", commit=commit()),
    )
    typer.echo(
        choose(
            resolve_language(),
            en=f"{folder}: wrote {len(found.records)} runs as an RO-Crate",
            zh=f"{folder}：已把 {len(found.records)} 次训练写成 RO-Crate",
        )
    )


def weights(
    run: RunArgument,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Output folder, new or empty.")],
    epoch: Annotated[
        int | None,
        typer.Option(min=1, help="Epoch of the checkpoint.", show_default="the last one stored"),
    ] = None,
    recorded: RecordedOption = False,
) -> None:
    """Write a run's weights (safetensors), their description (JSON) and a model card to DIR.

    The weights are first verified against the hash in the run's record.
    """
    from repro.reporting.export.weights import export_weights

    store = run_store(recorded)
    record = store.find(run)
    at = export_weights(store, record, folder, epoch)
    typer.echo(
        choose(
            resolve_language(),
            en=f"{folder}: wrote weights of {record.spec.name} after {at} epochs",
            zh=f"{folder}：已写入 {record.spec.name} 训练 {at} 轮后的权重",
        )
    )
