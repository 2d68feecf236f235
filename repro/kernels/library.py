"""The compiled kernels: the build that this CPU can run, loaded once."""

from __future__ import annotations

import ctypes
import functools
import os
import platform
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from repro.errors import TrainingError, listed, sentence
from repro.kernels import structures
from repro.kernels.build import SOURCES, Target, source_digest, this_target

_FOLDER = Path(__file__).parent
_INSTEAD = sentence("`--engine torch` trains without them")

# What the compiler may use in each build.
_AVX2 = frozenset({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "lzcnt", "movbe", "popcnt"})
_AVX512 = _AVX2 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}

# Where c/cpu.c has them: the number of the word, and the bit.
_BITS = {
    "fma": (0, 12), "movbe": (0, 22), "popcnt": (0, 23), "avx": (0, 28), "f16c": (0, 29),
    "bmi1": (1, 3), "avx2": (1, 5), "bmi2": (1, 8), "avx512f": (1, 16), "avx512dq": (1, 17),
    "avx512cd": (1, 28), "avx512bw": (1, 30), "avx512vl": (1, 31), "lzcnt": (2, 5),
}  # fmt: skip
_KEPT_AVX, _KEPT_AVX512 = 0x06, 0xE6
_VECTORS = frozenset({"avx", "avx2", "f16c", "fma"})


class KernelsUnavailable(TrainingError):  # noqa: N818 - it says what is the case
    """This machine cannot run the kernels, or has none compiled; torch can train instead."""


def features(words: Sequence[int], system: str) -> frozenset[str]:
    """What an x86-64 CPU can do and its system lets programs do.

    Args:
        words: what c/cpu.c says.
        system: as the module `platform` names it. macOS keeps the registers of AVX-512 from a
            program's first use of them on and denies them until then.
    """
    found = {name for name, (word, bit) in _BITS.items() if words[word] >> bit & 1}
    kept = words[3]
    if kept & _KEPT_AVX != _KEPT_AVX:
        found -= {name for name in found if name in _VECTORS or name.startswith("avx512")}
    elif kept & _KEPT_AVX512 != _KEPT_AVX512 and system != "Darwin":
        found -= {name for name in found if name.startswith("avx512")}
    return frozenset(found)


def builds_for(target: Target | None, flags: Set[str]) -> tuple[str, ...]:
    """The builds that a CPU can run, the fastest first; only those of x86-64 depend on `flags`."""
    if target is None:
        return ()
    needed = {"avx512": _AVX512, "avx2": _AVX2, "neon": frozenset[str]()}
    return tuple(name for name, all_ in needed.items() if name in target.builds and all_ <= flags)


def choose(
    possible: Sequence[str], compiled: Set[str], environment: Mapping[str, str] = os.environ
) -> str:
    """The build to load: the fastest of those `compiled`, or the one that REPRO_KERNELS names.

    Where none is compiled it is the fastest, and loading it says what to do.

    Raises:
        KernelsUnavailable: this CPU can run none, or not that one.
    """
    if not possible:
        raise KernelsUnavailable(
            sentence(
                "the kernels need an x86-64 CPU with AVX2 and FMA or a 64-bit ARM CPU, "
                "on Linux, macOS or Windows; got another ({machine}, {system}): "
                "{instead}",
                machine=platform.machine(),
                system=platform.system(),
                instead=_INSTEAD,
            )
        )
    wanted = environment.get("REPRO_KERNELS")
    if wanted and wanted not in possible:
        raise KernelsUnavailable(
            sentence(
                "REPRO_KERNELS: expected one of {possible} on this CPU; got {wanted!r}",
                possible=listed(possible),
                wanted=wanted,
            )
        )
    return wanted or next((name for name in possible if name in compiled), possible[0])


@functools.cache
def variant() -> str:
    """The build that is used here: "avx512", "avx2" or "neon".

    Raises:
        KernelsUnavailable: this CPU can run none, or the kernels were never compiled.
    """
    target, flags = this_target(), frozenset[str]()
    if target is None:
        return choose((), frozenset())
    if "cpu" in target.builds:
        words = (ctypes.c_uint32 * 4)()
        _open(target, "cpu").repro_cpu(words)
        flags = features(list(words), platform.system())
    compiled = {name for name in target.builds if (_FOLDER / target.file_name(name)).exists()}
    return choose(builds_for(target, flags), compiled)


@functools.cache
def load() -> ctypes.CDLL:
    """The library of :func:`variant`.

    Raises:
        KernelsUnavailable: as there.
    """
    build, target = variant(), this_target()
    assert target is not None  # noqa: S101 - else there is no variant
    library = _open(target, build)
    said = getattr(library, "repro_source", None)
    if said is not None:
        said.restype = ctypes.c_uint32
    if said is None or said() != source_digest():
        raise KernelsUnavailable(
            sentence(
                "{path}: compiled from other C files than those in {sources}: `pip "
                "install -e .` in the checkout compiles these",
                path=_FOLDER / target.file_name(build),
                sources=SOURCES,
            )
        )
    return structures.declare(library)


def version() -> int:
    """Of the arithmetic: builds of one version give the same bits."""
    return int(load().repro_version())


def _open(target: Target, build: str) -> ctypes.CDLL:
    path = _FOLDER / target.file_name(build)
    if not path.exists():
        raise KernelsUnavailable(
            sentence(
                "{path}: expected the compiled kernels; there are none: `pip install -e "
                ".` in the checkout compiles them, and {instead}",
                path=path,
                instead=_INSTEAD,
            )
        )
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise KernelsUnavailable(
            sentence(
                "{path}: cannot be loaded: {error}: {instead}",
                path=path,
                error=error,
                instead=_INSTEAD,
            )
        ) from None
