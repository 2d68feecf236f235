"""Nothing that a command prints is English alone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRINTERS = {"echo", "print", "foot", "say", "confirm", "note"}
FILES = sorted(
    [*(ROOT / "repro" / "command_line").glob("*.py"), *(ROOT / "repro" / "commands").glob("*.py")]
)


def words_of(node):
    """The English sentences in a call's arguments that are not one of a pair of languages."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {
        "choose",
        "sentence",
        "translate",
    }:
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = re.sub(r"`[^`]*`|--[a-z-]+", "", node.value)
        if len(re.findall(r"[A-Za-z]{2,}", text)) >= 2:
            yield node.value
    for child in ast.iter_child_nodes(node):
        yield from words_of(child)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_a_command_prints_is_in_both_languages(path):
    alone = [
        f"line {node.lineno}: {words}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) in PRINTERS
        for argument in node.args
        for words in words_of(argument)
    ]
    assert alone == []
