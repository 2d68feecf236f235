"""What the pages take from the code when they are built, so that it cannot be out of date."""

from __future__ import annotations

import ast
import functools
import os
import sys
from pathlib import Path
from typing import Any

import typer.main
from typer.cli import get_docs_for_click

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ["REPRO_LANG"] = "en"  # the pages are, whoever builds them

# Of this checkout, whatever is installed.
from repro.__main__ import load_cli  # noqa: E402
from repro.commands.context import evidence  # noqa: E402
from repro.commands.figure import draw_figure  # noqa: E402
from repro.reporting.figures.registry import FIGURES, FigureSpec, lacks  # noqa: E402
from repro.reporting.figures.style import Style  # noqa: E402


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Fill the marks of :data:`MAKERS`. The four names are mkdocs's."""
    del page, config, files
    for mark, make in MAKERS.items():
        if mark in markdown:
            markdown = markdown.replace(mark, make())
    return markdown


def on_files(files: Any, config: Any) -> Any:
    """Add every figure that can be drawn here, for the gallery. The two names are mkdocs's."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - tests import this without mkdocs

    for picture, drawing in figures():
        name = f"gallery/{picture.name}.svg"
        files.append(File.generated(config, name, content=drawing))
    return files


@functools.cache
def figures() -> list[tuple[FigureSpec, bytes]]:
    """Each figure of the recorded runs, as SVG; without the data set those of its images are left
    out."""
    found = evidence(True, "auto", "auto")
    there = [each for each in FIGURES.values() if lacks(each, found) is None]
    return [(each, draw_figure(each, found, Style(), "svg")) for each in there]


def gallery() -> str:
    """Every figure under its title, with the command that draws it."""
    return "\n\n".join(
        f"## {picture.title}\n\n`repro figure {picture.name} --recorded`\n\n"
        f"![{picture.title}](gallery/{picture.name}.svg)"
        for picture, _ in figures()
    )


def command_line() -> str:
    """The reference of all commands, from their code."""
    command: Any = typer.main.get_command(load_cli().app)
    for each in command.commands.values():  # the list of them would cut its lines short
        each.short_help = (each.help or "").partition("\n\n")[0]
    context = command.make_context("repro", [], resilient_parsing=True)
    text = get_docs_for_click(obj=command, ctx=context, name="repro")
    return text.partition("\n")[2]  # the page has a heading of its own


def tables() -> dict[str, Any]:
    """The tables of the architecture's test, by name."""
    tree = ast.parse((ROOT / "tests" / "test_architecture.py").read_text())
    return {
        node.targets[0].id: ast.literal_eval(_without_calls(node.value))
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in {"ALLOWED", "ROOMS", "WITH_TORCH"}
    }


def first_sentence(path: Path) -> str:
    """What a module is for: the first paragraph of its docstring."""
    doc = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n\n")[0]
    return " ".join(doc.split()).replace("|", "/")


def purpose(room: str) -> str:
    """What a room is for, in one sentence without its full stop."""
    if room == "top":
        return "What a run is, random numbers, files, paths, errors"
    file = "api.py" if room == "api" else f"{room}/__init__.py"
    return first_sentence(ROOT / "repro" / file).rstrip(".")


def rooms() -> str:
    """Every room, what it is for, and which others it imports."""
    shown = {"top": "*single files*", "api": "`api.py`"}
    lines = ["| room | what it is for | imports |", "|---|---|---|"]
    for name, others in tables()["ROOMS"].items():
        imported = ", ".join(sorted(others)).replace("top", "single files") or "–"
        lines.append(f"| {shown.get(name, f'`{name}/`')} | {purpose(name)} | {imported} |")
    return "\n".join(lines)


def imports() -> str:
    """Every module, what it is for, and which others it may import: the table of the test."""
    known = tables()
    lines = ["| module | what it is for | imports of ours |", "|---|---|---|"]
    for name, allowed in known["ALLOWED"].items():
        text = first_sentence(ROOT / "repro" / f"{name.replace('.', '/')}.py")
        torch = " (torch)" if name in known["WITH_TORCH"] else ""
        others = ", ".join(f"`{each}`" for each in sorted(allowed)) or "–"
        lines.append(f"| `{name}`{torch} | {text} | {others} |")
    return "\n".join(lines)


def _without_calls(node: ast.expr) -> ast.expr:
    """`set()` is no literal; an empty tuple says the same here."""

    class Empty(ast.NodeTransformer):
        def visit_Call(self, call: ast.Call) -> ast.expr:
            return ast.copy_location(ast.Tuple([], ast.Load()), call)

    found: ast.expr = Empty().visit(node)
    return found


MAKERS = {
    "<!-- cli -->": command_line,
    "<!-- rooms -->": rooms,
    "<!-- imports -->": imports,
    "<!-- gallery -->": gallery,
}
"""What stands in a page in place of each mark."""
