"""What the pages take from the code when they are built, so that it cannot be out of date."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import typer.main
from typer.cli import get_docs_for_click

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from repro.__main__ import load_cli  # noqa: E402 - of this checkout, whatever is installed


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Fill the marks `<!-- cli -->` and `<!-- imports -->`. The four names are mkdocs's."""
    del page, config, files
    for mark, make in (("<!-- cli -->", command_line), ("<!-- imports -->", imports)):
        if mark in markdown:
            markdown = markdown.replace(mark, make())
    return markdown


def command_line() -> str:
    """The reference of all commands, from their code."""
    command: Any = typer.main.get_command(load_cli().app)
    for each in command.commands.values():  # the list of them would cut its lines short
        each.short_help = (each.help or "").partition("\n\n")[0]
    context = command.make_context("repro", [], resilient_parsing=True)
    text = get_docs_for_click(obj=command, ctx=context, name="repro")
    return text.partition("\n")[2]  # the page has a heading of its own


def imports() -> str:
    """Every module, what it is for, and which others it may import: the table of the test."""
    tree = ast.parse((ROOT / "tests" / "test_architecture.py").read_text())
    tables = {
        node.targets[0].id: ast.literal_eval(_without_calls(node.value))
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in {"ALLOWED", "COMPUTE_HALF"}
    }
    lines = ["| module | what it is for | imports of ours |", "|---|---|---|"]
    for name, allowed in tables["ALLOWED"].items():
        path = ROOT / "repro" / f"{name.replace('.', '/')}.py"
        doc = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n\n")[0]
        torch = " (torch)" if name in tables["COMPUTE_HALF"] else ""
        others = ", ".join(f"`{each}`" for each in sorted(allowed)) or "–"
        lines.append(f"| `{name}`{torch} | {' '.join(doc.split()).replace('|', '/')} | {others} |")
    return "\n".join(lines)


def _without_calls(node: ast.expr) -> ast.expr:
    """`set()` is no literal; an empty tuple says the same here."""

    class Empty(ast.NodeTransformer):
        def visit_Call(self, call: ast.Call) -> ast.expr:
            return ast.copy_location(ast.Tuple([], ast.Load()), call)

    found: ast.expr = Empty().visit(node)
    return found
