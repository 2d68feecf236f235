"""The console script, and ``python -m repro``."""

from __future__ import annotations

import importlib.util
import io
import signal
import sys
from types import ModuleType

from repro.paths import find_temporary_folder, packaged


def load_cli() -> ModuleType:
    """The Typer application: inside the package in a wheel, at the top level in a checkout."""
    spec = importlib.util.spec_from_file_location("repro.cli", packaged("cli.py"))
    if spec is None or spec.loader is None:
        raise ImportError("cli.py: not found beside or inside the package")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Run the command line; a terminal that lacks a sign gets a "?" for it."""
    # A parent that ignores SIGCHLD hands that on, and then no process of ours has an exit status.
    if hasattr(signal, "SIGCHLD") and signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    find_temporary_folder()
    load_cli().app()


if __name__ == "__main__":
    main()
