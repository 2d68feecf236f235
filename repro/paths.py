"""Where things lie: the user's data folder, and the files that travel with the package."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from repro.errors import UsageError


def home() -> Path:
    """The folder of the data set and the run store: REPRO_HOME, or the user's data folder.

    Raises:
        UsageError: REPRO_HOME begins with the home folder of nobody.
    """
    chosen = os.environ.get("REPRO_HOME")
    try:
        return (
            Path(chosen).expanduser().absolute() if chosen else platformdirs.user_data_path("repro")
        )
    except RuntimeError as error:
        raise UsageError(f"REPRO_HOME: {chosen}: {error}") from None


def packaged(name: str) -> Path:
    """A file or folder of the repository's top level, which a wheel carries inside the package."""
    inside = Path(__file__).parent / name
    return inside if inside.exists() else Path(__file__).parent.parent / name
