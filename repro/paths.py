"""Where things lie: the user's data folder, and the files that travel with the package."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import platformdirs

from repro.errors import UsageError, sentence

PACKAGE_ROOT = Path(__file__).parent
"""The folder of this package."""

IMPORT_ROOT = PACKAGE_ROOT.parent
"""What has to be on `sys.path` to import it: the checkout, or site-packages."""


def import_code() -> str:
    """Python code with which a process begins that is to import the package that runs here.

    `-m` would put the caller's current folder first among the places to import from, and so does
    `-c` unless PYTHONSAFEPATH is set.
    """
    before = "not getattr(sys.flags, 'safe_path', False)"
    return f"import sys; sys.path[:{before}] = [{str(IMPORT_ROOT)!r}]; "


def home() -> Path:
    """The folder of the data set and the run store: REPRO_HOME, or the user's data folder.

    Raises:
        UsageError: REPRO_HOME begins with the home folder of nobody, or is not set for a user who
            has none.
    """
    chosen = os.environ.get("REPRO_HOME")
    try:
        return (
            Path(chosen).expanduser().absolute() if chosen else platformdirs.user_data_path("repro")
        )
    except RuntimeError as error:
        if chosen:
            raise UsageError(
                sentence("REPRO_HOME: {chosen}: {error}", chosen=chosen, error=error)
            ) from None
        raise UsageError(
            sentence(
                "expected a user with a home folder; this one has none, as in some "
                "containers: set REPRO_HOME to a folder for the data set and the runs"
            )
        ) from None


def find_temporary_folder() -> None:
    """Where none of the system's folders for temporary files can be written, as on a read-only
    root, take one in :func:`home`; the processes that are started from here take it too."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        with suppress(OSError, UsageError):  # who needs such a folder will say that there is none
            folder = home() / "tmp"
            folder.mkdir(parents=True, exist_ok=True)
            os.environ["TMPDIR"] = str(folder)
            tempfile.gettempdir()


def packaged(name: str) -> Path:
    """A file or folder of the repository's top level, which a wheel carries inside the package."""
    inside = PACKAGE_ROOT / name
    return inside if inside.exists() else IMPORT_ROOT / name


def check_writable(option: str, name: str) -> None:
    """Refuse to write to what an installation carries, which is evidence and not the user's.

    Raises:
        UsageError: this package is installed; it does not run from a clone of the repository.
    """
    if (PACKAGE_ROOT / name).exists():
        raise UsageError(
            sentence(
                "{option}: expected a clone of the repository, whose {name}/ it writes; "
                "this is an installation, whose files stay as they came",
                option=option,
                name=name,
            )
        )


def commit() -> str | None:
    """The commit of the checkout that this package runs from; None in an installation."""
    if not (IMPORT_ROOT / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=IMPORT_ROOT,
            # A hook's GIT_DIR would name another repository.
            env={name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
