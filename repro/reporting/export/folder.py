"""What every export does: a folder that appears as a whole, and a text that the evidence fills."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jinja2

from repro.errors import UsageError, sentence
from repro.files import disk_errors

TEMPLATES = Path(__file__).parent.parent / "templates"


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to write in, which becomes `folder` at the end, so that nobody sees a part of it.

    Only SIGKILL leaves what was written so far, beside it and under a name with a dot.

    Raises:
        UsageError: `folder` is a file, or has something in it.
        DiskError: the file system refuses; nothing is left behind.
    """
    target = folder.absolute()
    with disk_errors(folder):
        _refuse_what_is_there(folder, target)
        target.parent.mkdir(parents=True, exist_ok=True)
        # A name of this process's own, and beside the target: a rename stays in one file system.
        beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir()
            yield beside
            _refuse_what_is_there(folder, target)  # something may have come meanwhile
            if target.exists():  # and empty; Windows puts no folder in its place
                target.rmdir()
            beside.replace(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _refuse_what_is_there(folder: Path, target: Path) -> None:
    if not (target.exists() or target.is_symlink()):
        return
    if target.is_symlink() or not target.is_dir() or any(target.iterdir()):
        raise UsageError(
            sentence(
                "{folder}: expected a new or an empty folder; something is there, and "
                "nothing is overwritten",
                folder=folder,
            )
        )
    # A shell that stands in the folder would go on standing in the one that was replaced.
    if target.samefile(Path.cwd()) or target.is_mount():
        raise UsageError(
            sentence(
                "{folder}: expected a folder that can be replaced; it is the current one "
                "or a mount point (a new folder inside it will do)",
                folder=folder,
            )
        )


def render(template: str, **values: Any) -> str:
    """A Markdown page from a template of this package."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701 - Markdown; what is not ours goes through `code`
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["code"] = code
    return environment.get_template(template).render(**values)


def code(value: object) -> str:
    """A value of a record as a code span, in which nothing is markup, on one line."""
    return "`" + " ".join(str(value).replace("`", "'").split()) + "`"
