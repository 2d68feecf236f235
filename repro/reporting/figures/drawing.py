"""A figure in memory, which a notebook shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from repro.files import write_atomically


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure as SVG. It needs no pyplot and no backend to be shown."""

    name: str
    title: str = field(repr=False)
    svg: bytes = field(repr=False)

    def save(self, path: Path | str) -> None:
        """Write the SVG file.

        Raises:
            DataError: the file system refuses.
        """
        write_atomically(Path(path), self.svg)

    def _repr_svg_(self) -> str:
        return self.svg.decode()
