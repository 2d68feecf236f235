"""Libraries of the kernels that are built for the tests."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from repro.kernels.build import compile_library
from repro.kernels.structures import declare

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def compiled(target, build, tmp_path_factory):
    """A function that compiles a C file of the tests or of the package, and loads it."""
    folder = tmp_path_factory.mktemp("kernels")

    def compile_(source: Path, *extra: str, name: str | None = None) -> ctypes.CDLL:
        out = folder / f"{name or source.stem}{target.suffix}"
        if not out.exists():
            compile_library(target, build, out, source=source, extra=extra, environment={})
        return ctypes.CDLL(str(out))

    return compile_


@pytest.fixture(scope="session")
def double(compiled):
    """The kernels in float64."""
    from repro.kernels.build import SOURCES

    # exp and log are the C library's there.
    return declare(compiled(SOURCES / "kernels.c", "-DREPRO_DOUBLE", "-lm", name="double"))
