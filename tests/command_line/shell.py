"""How a test calls the command line: in its own process, or in a sixth of the time in this one."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from repro.__main__ import load_cli

ROOT = Path(__file__).parents[2]
CLI = load_cli()


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


def environment(home):
    """That of a person with a terminal of 80 columns whose runs are in `home`."""
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        "REPRO_HOME": str(home),
        "COLUMNS": "80",
        "NO_COLOR": "1",
        "PYTHONPATH": str(ROOT),
    }


def repro(home, *arguments, cwd=None, **more):
    """Call the command line in this process, from the folder that contains `home`.

    What belongs to a process needs :func:`repro_process`: signals, streams, encodings, what is
    imported."""
    with _inside(cwd or home.parent):
        done = CliRunner().invoke(
            CLI.app, [str(each) for each in arguments], env={**environment(home), **more},
            prog_name="repro",
        )  # fmt: skip
    return Done(done.exit_code, done.stdout, done.stderr)


def repro_process(home, *arguments, cwd=None, errors="strict", **more):
    """Call the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "repro", *map(str, arguments)],
        env={**environment(home), **more}, capture_output=True, text=True, errors=errors,
        check=False, cwd=cwd or home.parent,
    )  # fmt: skip


@contextmanager
def _inside(folder):
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def complains(done, code, *words):
    """One clear line on standard error that begins with `repro:`, the code, nothing else printed."""
    assert done.returncode == code, done.stdout + done.stderr
    *before, last = done.stderr.splitlines()
    assert last.startswith("repro: ")
    notes = ("CIFAR-10: ", "failed: ", "1 run", "about ", "repro: options from ")
    assert all(line.startswith(notes) for line in before), done.stderr
    for word in words:
        assert word in " ".join(done.stderr.split()), done.stderr
    return True
