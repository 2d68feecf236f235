"""The console script, and ``python -m repro``."""

from __future__ import annotations

import importlib.util
import io
import signal
import sys
from types import ModuleType

# What takes time to import is imported in `main`, which ends quietly at Ctrl-C from its first line.
# ruff: noqa: PLC0415


def load_cli() -> ModuleType:
    """The Typer application: inside the package in a wheel, at the top level in a checkout."""
    from repro.paths import packaged

    spec = importlib.util.spec_from_file_location("repro.cli", packaged("cli.py"))
    if spec is None or spec.loader is None:
        raise ImportError("cli.py: not found beside or inside the package")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Run the command line; a terminal that lacks a sign gets a "?" for it."""
    hears = signal.getsignal(signal.SIGINT) == signal.default_int_handler
    if hears:  # nothing is begun, and a traceback through imports tells nobody anything
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # A parent that ignores SIGCHLD hands that on, and then no process of ours has an exit status.
    if hasattr(signal, "SIGCHLD") and signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    from repro.paths import find_temporary_folder

    find_temporary_folder()
    cli = load_cli()
    try:
        if hears:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        cli.app()
    except KeyboardInterrupt:  # before the application hears of it, or after
        sys.exit(130)


if __name__ == "__main__":
    main()
