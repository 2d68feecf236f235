"""What the pages take from the code when they are built, so that it cannot be out of date."""

from __future__ import annotations

import ast
import functools
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

import typer.main
from typer.cli import get_docs_for_click

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ["REPRO_LANG"] = "en"  # whoever builds the pages

# Of this checkout, whatever is installed.
from repro.__main__ import load_cli  # noqa: E402
from repro.commands.context import evidence  # noqa: E402
from repro.commands.figure import draw_figure  # noqa: E402
from repro.reporting.figures.registry import FIGURES, FigureSpec, lacks  # noqa: E402
from repro.reporting.figures.style import Style  # noqa: E402
from repro.reporting.language import LANGUAGES, Language, choose  # noqa: E402


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Fill the marks of :data:`MAKERS`. The four names are mkdocs's."""
    del config, files
    if page.file.locale != page.file.locale_alternate_of:  # in English among Chinese pages
        markdown = re.sub(r"(\]\([\w-]+\.md)#[\w-]+\)", r"\1)", markdown)  # whose headings differ
    for mark, make in MAKERS.items():
        if mark in markdown:
            markdown = markdown.replace(mark, make(page.file.locale))
    return markdown


def on_files(files: Any, config: Any) -> Any:
    """Add every figure that can be drawn here, for the gallery. The two names are mkdocs's."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - tests import this without mkdocs

    logging.getLogger("jieba").setLevel(logging.WARNING)  # it reports that it loads its words
    for lang in LANGUAGES:
        for picture, drawing in figures(lang):
            name = drawing_name(picture, lang)
            files.append(File.generated(config, name, content=drawing))
    return files


on_files.mkdocs_priority = -200  # type: ignore[attr-defined]  # after i18n, which wants real files


@functools.cache
def figures(lang: Language) -> list[tuple[FigureSpec, bytes]]:
    """Each figure of the recorded runs, as SVG; without the data set those of its images are left
    out."""
    found = evidence(True, "auto", "auto")
    there = [each for each in FIGURES.values() if lacks(each, found) is None]
    return [(each, draw_figure(each, found, Style(lang=lang), "svg")) for each in there]


def drawing_name(picture: FigureSpec, lang: Language) -> str:
    """Where a page finds a figure."""
    return f"gallery/{picture.name}{choose(lang, en='', zh='.zh')}.svg"


def gallery(lang: Language) -> str:
    """Every figure under its title, with the command that draws it."""
    option = choose(lang, en="", zh=" --lang zh")
    return "\n\n".join(
        f"## {title}\n\n`repro figure {picture.name} --recorded{option}`\n\n"
        f"![{title}]({drawing_name(picture, lang)})"
        for picture, _ in figures(lang)
        for title in [choose(lang, en=picture.title, zh=picture.title_zh)]
    )


def command_line(lang: Language) -> str:
    """The reference of all commands, from their code."""
    command: Any = typer.main.get_command(load_cli().app)
    before = os.environ["REPRO_LANG"]
    os.environ["REPRO_LANG"] = lang
    try:
        context = command.make_context("repro", [], resilient_parsing=True)
        _whole_lines(command)
        text = get_docs_for_click(obj=command, ctx=context, name="repro")
    finally:
        os.environ["REPRO_LANG"] = before
    if lang == "zh":
        for english, chinese in _WORDS.items():
            text = text.replace(english, chinese)
    return text.partition("\n")[2]  # the page has a heading of its own


def _whole_lines(command: Any) -> None:
    """The lists of a group's commands would cut what each one does."""
    for each in getattr(command, "commands", {}).values():
        each.short_help = (each.help or "").partition("\n\n")[0]
        _whole_lines(each)


_WORDS = {
    "**Usage**:": "**用法**：",
    "**Arguments**:": "**参数**：",
    "**Options**:": "**选项**：",
    "**Commands**:": "**命令**：",
    "`: ": "`：",
    "[env var: ": "[环境变量：",
    "[default: ": "[默认：",
    "; default: ": "；默认：",
    "[required]": "[必填]",
}
"""Typer's words in a reference, in Chinese."""


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


def purpose(room: str, lang: Language = "en") -> str:
    """What a room is for, in one sentence without its full stop."""
    if lang == "zh":
        return _purposes_zh()[f"`{room}/`"] if room not in _SINGLE else _SINGLE[room]
    if room == "top":
        return "What a run is, random numbers, files, paths, errors"
    file = "api.py" if room == "api" else f"{room}/__init__.py"
    return first_sentence(ROOT / "repro" / file).rstrip(".")


_SINGLE = {"top": "一次训练的定义、随机数、文件、路径、错误", "api": "Python 接口"}


def _purposes_zh() -> dict[str, str]:
    """What each folder is for, from the Chinese README."""
    text = (ROOT / "README.zh.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| (`\w+/`) \| (.+) \|$", text, re.MULTILINE))


def rooms(lang: Language) -> str:
    """Every room, what it is for, and which others it imports."""
    single = choose(lang, en="single files", zh="单个文件")
    shown = {"top": f"*{single}*", "api": "`api.py`"}
    heading = choose(
        lang, en="| room | what it is for | imports |", zh="| 目录 | 用途 | 导入的目录 |"
    )
    lines = [heading, "|---|---|---|"]
    for name, others in tables()["ROOMS"].items():
        imported = choose(lang, en=", ", zh="、").join(sorted(others)).replace("top", single)
        place = shown.get(name, f"`{name}/`")
        lines.append(f"| {place} | {purpose(name, lang)} | {imported or '–'} |")
    return "\n".join(lines)


def imports(lang: Language) -> str:
    """Every module, what it is for, and which others it may import: the table of the test."""
    known = tables()
    heading = choose(
        lang,
        en="| module | what it is for | imports of ours |",
        zh="| 模块 | 用途（英文） | 导入的本包模块 |",
    )
    lines = [heading, "|---|---|---|"]
    for name, allowed in known["ALLOWED"].items():
        text = first_sentence(ROOT / "repro" / f"{name.replace('.', '/')}.py")
        torch = choose(lang, en=" (torch)", zh="（torch）") if name in known["WITH_TORCH"] else ""
        others = choose(lang, en=", ", zh="、").join(f"`{each}`" for each in sorted(allowed)) or "–"
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
