"""Every command that the documentation shows is one, and those that need no minutes are run."""

from __future__ import annotations

import functools
import importlib
import os
import re
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import typer
import typer.main

from repro.__main__ import load_cli

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"(<!-- run -->\n)?```(?:console|sh)\n(.*?)```", re.DOTALL)


def commands(page, *, run_only):
    """The `repro` commands of a page's blocks."""
    out = []
    for run, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if run or not run_only:
            lines = (line.removeprefix("$ ") for line in block.splitlines())
            out += [
                line.partition("repro ")[2] for line in lines if re.match(r"(srun )?repro ", line)
            ]
    return out


ENGLISH = [page for page in PAGES if not page.name.endswith(".zh.md")]
"""tests/test_docs_zh.py holds the Chinese pages to the same commands."""

ALL = [(page.name, each) for page in ENGLISH for each in commands(page, run_only=False)]
RUN = [(page.name, each) for page in ENGLISH for each in commands(page, run_only=True)]


@functools.cache
def application():
    """The command line, made once: who reads it changes nothing in it."""
    return typer.main.get_command(load_cli().app)


def parse(arguments):
    """Read a command line as far as its last command, and call nothing."""
    command = application()
    name, rest = "repro", arguments
    while hasattr(command, "commands"):
        context = command.make_context(name, list(rest))
        if not context._protected_args:  # a group that is a command too
            return
        name, rest = context._protected_args[0], [*context._protected_args[1:], *context.args]
        command = command.commands[name]
    command.make_context(name, list(rest))


def test_the_pages_have_commands():
    assert {page for page, _ in ALL} >= {
        "index.md", "tutorial.md", "verdicts.md", "faq.md", "cluster.md", "slurm.md",
    }  # fmt: skip
    assert len(RUN) >= 10


@pytest.mark.parametrize(("page", "line"), ALL)
def test_every_command_of_the_pages_parses(page, line):
    with suppress(typer.Exit):  # --version and --help answer at once
        parse(shlex.split(line.replace("$SLURM_ARRAY_TASK_ID", "3")))


def test_a_command_that_is_none_does_not_parse():
    with pytest.raises(Exception, match="No such option"):
        parse(["table", "3-1", "--sedes", "5"])


@pytest.mark.slow
@pytest.mark.parametrize(("page", "line"), RUN)
def test_commands_that_are_marked_run(page, line, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "repro", *shlex.split(line)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "REPRO_HOME": str(tmp_path)},
    )  # fmt: skip
    inconclusive = "pytorch-tutorial --recorded" in line  # as the page says
    assert done.returncode == (1 if inconclusive else 0), done.stderr
    assert done.stdout.strip()


def test_every_page_is_in_the_navigation():
    text = (ROOT / "mkdocs.yml").read_text()
    for page in ENGLISH:  # a Chinese page takes the place of its English one
        assert re.search(rf"- {page.name}$", text, re.MULTILINE), page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sessions_and_files_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    for session in re.findall(r"nox -s ([a-z_]+)", text):
        assert f"def {session}(session" in (ROOT / "noxfile.py").read_text(), session
    for name in re.findall(
        r"`((?:tests|benchmarks|examples|expected_results|\.github)/[^`\s]+)`", text
    ):
        assert (ROOT / name).exists(), name


@pytest.fixture
def drawing(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("draw_rooms")


def test_the_picture_of_the_rooms_is_that_of_the_import_table(drawing):
    """After a change: `python docs/draw_rooms.py`."""
    assert drawing.PICTURE.read_text(encoding="utf-8") == drawing.picture()
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert "(images/rooms.svg)" in page


def test_a_room_stands_above_what_it_imports_and_beside_no_other(drawing):
    rooms = {
        "top": set(),
        "a": {"top"},
        "b": {"top"},
        "c": {"a", "b", "top"},
        "d": {"c", "a", "top"},
    }
    floor, place = drawing.floors(rooms), drawing.columns(rooms)
    assert floor == {"top": 0, "a": 1, "b": 1, "c": 2, "d": 3}
    assert place["c"] == (place["a"] + place["b"]) / 2
    assert drawing.direct(rooms)["d"] == {"c"}, "what c brings needs no arrow"
    spots = [(floor[name], place[name]) for name in rooms]
    assert len(set(spots)) == len(spots)
    text = drawing.draw(rooms, dict.fromkeys(rooms, "a <purpose>"))
    assert text.count("<path d=") - 1 == 2 + 1, "an arrow for each, and its tip"
    assert "a &lt;purpose&gt;" in text
