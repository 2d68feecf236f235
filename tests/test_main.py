"""How the command begins and ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from repro.paths import IMPORT_ROOT

CODE = """
import os, signal, sys, time, types
import repro.__main__ as it
def interrupt():
    signal.raise_signal(signal.SIGINT)
    time.sleep(5)
    print("went on")
def load():
    AT == "loading" and interrupt()
    return types.SimpleNamespace(app=interrupt if AT == "running" else lambda: print("ran"))
it.load_cli = load
it.main()
"""


def start(at, *, interrupt=signal.default_int_handler):
    """Whoever runs the tests may ignore Ctrl-C, as a shell's background jobs do, and hand that on:
    `interrupt` is what the process finds."""
    held = signal.signal(signal.SIGINT, interrupt)
    try:
        return subprocess.run(
            [sys.executable, "-c", f"AT = {at!r}\n{CODE}"], cwd=IMPORT_ROOT, check=False,
            capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(IMPORT_ROOT)},
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, held)


def test_without_an_interrupt_it_runs():
    done = start("never")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran\n", "")


@pytest.mark.posix
@pytest.mark.parametrize(("at", "code"), [("loading", -signal.SIGINT), ("running", 130)])
def test_ctrl_c_while_it_begins_ends_it_without_a_traceback(at, code):
    """A shell takes both for 130."""
    done = start(at)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


@pytest.mark.posix
def test_who_ignores_ctrl_c_goes_on_ignoring_it():
    """A shell starts its background jobs so."""
    done = start("never", interrupt=signal.SIG_IGN)
    assert (done.returncode, done.stdout) == (0, "ran\n")
