"""What a group of runs needs of a card: `gpu.py` has the real one, tests have another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy.typing as npt

from repro.errors import TrainingError
from repro.kernels.cuda.launches import Args


class OutOfMemoryError(TrainingError):
    """The card's memory does not hold so many runs at once."""


class Graph(Protocol):
    """Launches that were recorded."""

    def replay(self) -> None:
        """Do them, after what was asked for before."""

    def close(self) -> None:
        """Forget them."""


class Device(Protocol):
    """What trains: a GPU, or in the tests a CPU that does as one would."""

    def compile(self, source: str, entries: Sequence[str]) -> Mapping[str, Any]:
        """The functions called `entries`."""

    def allocate(self, size: int) -> int:
        """The address of `size` bytes of zeros.

        Raises:
            OutOfMemoryError: there are not so many left.
        """

    def free(self, address: int) -> None:
        """Give them back."""

    def upload(self, address: int, array: npt.NDArray[Any]) -> None:
        """Copy an array there."""

    def download(self, array: npt.NDArray[Any], address: int) -> None:
        """Copy from there into an array, after all that was asked for."""

    def enter(self) -> None:
        """Serve the calling thread."""

    def launch(self, function: Any, blocks: int, replicas: int, args: Args) -> None:
        """Call a function in `blocks` blocks of threads for each replica."""

    def record(self, calls: Sequence[tuple[Any, int, int, Args]]) -> Graph:
        """The same calls, to be done again and again."""
