"""What stands in the way of a file, in words."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

from repro.errors import sentence

VERBS = {"read": sentence("read"), "written": sentence("written")}
_AGAIN = sentence("free some space and run the same command again to resume")
_ELSEWHERE = sentence("choose another place (for the data set and the runs: REPRO_HOME)")
HINTS = {
    errno.ENOSPC: sentence("the disk is full; {hint}", hint=_AGAIN),
    errno.EDQUOT: sentence("the disk quota is used up; {hint}", hint=_AGAIN),
    errno.EROFS: sentence("the file system is read-only; {hint}", hint=_ELSEWHERE),
    errno.EACCES: sentence("no permission; {hint}", hint=_ELSEWHERE),
    errno.ENOLCK: sentence("the file system has no locks; {hint}", hint=_ELSEWHERE),
    errno.EOPNOTSUPP: sentence("the file system does not support this; {hint}", hint=_ELSEWHERE),
}
"""What an error of the system means here, and what helps."""


def obstacle(path: Path) -> str:
    """What stands in the way to `path`, and what to do: a link that leads nowhere, or a file where
    a folder is needed; "" where nothing does."""
    for place in [*reversed(path.parents), path]:
        with suppress(OSError):
            if place.is_symlink() and not place.exists():
                return sentence(
                    "{place} is a link to {target}, where nothing is; create that, or delete the "
                    "link",
                    place=place, target=place.readlink(),
                )  # fmt: skip
            if place != path and place.is_file():
                return sentence(
                    "{place} is a file; expected a folder: move it, or choose another place",
                    place=place,
                )
    return ""
