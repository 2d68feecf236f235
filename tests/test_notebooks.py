"""The notebooks have one form and one code in both languages, and call only what is public."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import nbformat
import pytest

import repro

FOLDER = Path(__file__).parent.parent / "notebooks"
NAMES = ["reproduce.ipynb", "reproduce.zh.ipynb"]


def text(name):
    return (FOLDER / name).read_text(encoding="utf-8")


def cells(name, kind):
    return [
        cell for cell in nbformat.reads(text(name), as_version=4).cells if cell.cell_type == kind
    ]


class Wordless(ast.NodeTransformer):
    """Takes the words out of a program: what strings say may differ between languages."""

    def visit_Constant(self, node):
        return ast.Constant("") if isinstance(node.value, str) else node


def program(cell):
    return ast.dump(Wordless().visit(ast.parse(cell.source)))


def programs(name):
    """All code of a notebook: its cells, and the expressions that its text names."""
    yield from (ast.parse(cell.source) for cell in cells(name, "code"))
    for cell in cells(name, "markdown"):
        for span in re.findall(r"`([^`]+)`", cell.source):
            if "(" in span:
                yield ast.parse(span)


def test_these_are_the_notebooks():
    assert sorted(path.name for path in FOLDER.glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_valid_has_run_nowhere_and_has_one_form(name):
    notebook = nbformat.reads(text(name), as_version=4)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    for cell in cells(name, "code"):
        assert (cell.outputs, cell.execution_count, cell.metadata) == ([], None, {})
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert text(name) == nbformat.writes(notebook) + "\n"


def test_both_languages_have_the_same_cells_and_the_same_code():
    one, other = (nbformat.reads(text(name), as_version=4).cells for name in NAMES)
    assert [(cell.id, cell.cell_type) for cell in one] == [
        (cell.id, cell.cell_type) for cell in other
    ]
    assert len({cell.id for cell in one}) == len(one)
    for english, chinese in zip(*(cells(name, "code") for name in NAMES), strict=True):
        assert program(english) == program(chinese), english.id
    for english, chinese in zip(*(cells(name, "markdown") for name in NAMES), strict=True):
        spans = [re.findall(r"`(repro\.[^`]+)`", cell.source) for cell in (english, chinese)]
        assert spans[0] == spans[1], english.id


def test_code_that_differs_is_noticed():
    one, other, third = (
        nbformat.v4.new_code_cell(source)
        for source in ('print("a", 1)  # b', 'print("一", 1)', 'print("a", 2)')
    )
    assert program(one) == program(other) != program(third)


@pytest.mark.parametrize("name", NAMES)
def test_every_call_is_of_a_public_function_with_arguments_that_it_has(name):
    used = set()
    for tree in programs(name):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "repro":
                used.add(node.attr)
            if isinstance(node, ast.Call) and re.fullmatch(r"repro\.\w+", ast.unparse(node.func)):
                signature = inspect.signature(getattr(repro, node.func.attr))
                signature.bind(*node.args, **{each.arg: each.value for each in node.keywords})
    assert used == set(repro.__all__) - {"__version__"}


@pytest.mark.parametrize("name", NAMES)
def test_figures_and_files_that_a_notebook_names_exist(name):
    from repro.reporting.figures.registry import find

    for tree in programs(name):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "repro.figure":
                find(node.args[0].value)
    source = "\n".join(cell.source for cell in cells(name, "markdown"))
    for other in re.findall(r'`"([a-z-]+)"`', source):
        find(other)
    for path in re.findall(r"`(docs/[\w.-]+)`", source):
        assert (FOLDER.parent / path).exists(), path
    for path in re.findall(r"\]\(([^)]+)\)", source):
        assert (FOLDER / path).exists(), path
    assert not re.search(r"/(work|home|root|tmp|Users)/", source)


def test_the_chinese_text_has_chinese_punctuation():
    for cell in cells("reproduce.zh.ipynb", "markdown"):
        prose = re.sub(r"`[^`]+`|\]\([^)]+\)", "", cell.source)
        assert re.search("[一-龥]", prose), cell.id
        assert not re.search(r"[一-龥][,;:!?.(]|[,;:!?)][一-龥]", prose), cell.id
