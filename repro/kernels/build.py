"""Compiles the kernels: for this machine at installation, for others when wheels are made.

The compiler is the one in the PyPI package `ziglang`, which needs no other and compiles for every
system from any; or, for this machine alone, the one that the environment variable CC names.

The C files include no header of the C library, and call none of its functions but `sched_yield` and
those that a compiler calls by itself (`memset`, `memcpy`, `memmove`). So one library is right for
every Linux, whichever C library that has, and zig has not to build one first.

Standard library only: the build hook imports this file without the package around it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent / "c"

FLAGS = ("-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden")
"""Without contraction, the only fused multiply-adds are those that the text asks for. The variable
errno is of no interest: square roots are one instruction."""

WIDE = "-mprefer-vector-width=512"


class BuildError(Exception):
    """The kernels cannot be compiled; the message says why and what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Build:
    """One way to compile a C file: to one library."""

    name: str
    source: str
    cpu: str
    """As zig calls it."""
    march: str | None = None
    """As gcc and clang call it."""
    flags: tuple[str, ...] = ()


_X86_64 = (
    Build("cpu", "cpu.c", "x86_64", "x86-64"),
    Build("avx2", "kernels.c", "haswell", "haswell"),
    Build("avx512", "kernels.c", "x86_64_v4", "x86-64-v4", (WIDE,)),
)
_ARM64 = (Build("neon", "kernels.c", "baseline"),)


# Libraries of a Linux are for every C library: what they call is in each process already. macOS has
# one C library, which zig names without being asked. On Windows `memset` and the check of the stack
# come from zig's own runtime; and nothing happens at loading, so there is no entry point.
_LINKING = {
    ".so": ("-fPIC", "-nostdlib", "-s"),
    ".dylib": ("-fPIC", "-nostdlib", "-s"),
    ".dll": ("-nostdlib", "-rtlib=compiler-rt", "-lkernel32", "-Wl,--no-entry", "-s"),
}


@dataclass(frozen=True, slots=True)
class Target:
    """A system and a kind of CPU."""

    name: str
    triple: str
    """As zig calls it, with the oldest system."""
    tag: str
    """The platform tag of a wheel whose libraries zig compiled."""
    suffix: str
    """Of a shared library's name."""
    all_builds: tuple[Build, ...]

    @property
    def builds(self) -> dict[str, Build]:
        """What there is to compile, by name."""
        return {each.name: each for each in self.all_builds}

    def file_name(self, build: str) -> str:
        """The library's name."""
        return f"kernels-{build}{self.suffix}"


_LINUX_TAG = "manylinux_2_17_{0}.manylinux2014_{0}.musllinux_1_1_{0}"
_TARGETS = (
    ("linux-x86_64", "x86_64-linux-gnu", _LINUX_TAG.format("x86_64"), ".so", _X86_64),
    ("linux-aarch64", "aarch64-linux-gnu", _LINUX_TAG.format("aarch64"), ".so", _ARM64),
    ("macos-x86_64", "x86_64-macos.10.13-none", "macosx_10_13_x86_64", ".dylib", _X86_64),
    ("macos-arm64", "aarch64-macos.11.0-none", "macosx_11_0_arm64", ".dylib", _ARM64),
    ("windows-x86_64", "x86_64-windows-gnu", "win_amd64", ".dll", _X86_64),
)
TARGETS: Mapping[str, Target] = {fields[0]: Target(*fields) for fields in _TARGETS}


def target_of(system: str, machine: str, wide: bool = True) -> Target | None:
    """The target of a machine, as the module `platform` names it; None where there is none.

    `wide` is whether its Python is a 64-bit program.
    """
    systems = {"Linux": "linux", "Darwin": "macos", "Windows": "windows"}
    arm = "arm64" if system == "Darwin" else "aarch64"
    machines = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": arm, "aarch64": arm}
    name = f"{systems.get(system)}-{machines.get(machine.lower())}"
    return TARGETS.get(name) if wide else None


def this_target() -> Target | None:
    """The target of this machine; None where there is none, as on a 32-bit CPU."""
    return target_of(platform.system(), platform.machine(), sys.maxsize > 2**32)


def chosen_target(environment: Mapping[str, str] = os.environ) -> Target | None:
    """The target that REPRO_TARGET names, or this machine's.

    Raises:
        BuildError: REPRO_TARGET names none.
    """
    name = environment.get("REPRO_TARGET")
    if name and name not in TARGETS:
        raise BuildError(f"REPRO_TARGET: expected one of {', '.join(TARGETS)}; got {name!r}")
    return TARGETS[name] if name else this_target()


def own_compiler(target: Target, environment: Mapping[str, str] = os.environ) -> list[str]:
    """The words of CC, where it is set and `target` is this machine; else none."""
    return shlex.split(environment.get("CC", "")) if target == this_target() else []


def platform_tag(target: Target, environment: Mapping[str, str] = os.environ) -> str:
    """The platform tag of a wheel: what another compiler links is right for this Linux alone."""
    if own_compiler(target, environment) and target.suffix == ".so":
        return target.name.replace("-", "_")
    return target.tag


def source_digest() -> int:
    """Of the C files, in [0, 2**32): a library says from which it was compiled."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES.glob("*.[ch]")):
        data = path.read_bytes()
        digest.update(f"{path.name} {len(data)}\n".encode() + data)
    return int.from_bytes(digest.digest()[:4], "big")


def compile_all(
    target: Target, folder: Path, *, environment: Mapping[str, str] = os.environ
) -> list[Path]:
    """Compile every build of `target` into `folder`; those that CC does not know are left out.

    Raises:
        BuildError: there is no compiler, or it fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = own_compiler(target, environment)
    made = []
    for name, build in target.builds.items():
        path = folder / target.file_name(name)
        if name == "avx512" and own and not _knows(own, build):
            path.unlink(missing_ok=True)  # of an earlier compiler
        else:
            made.append(compile_library(target, name, path, environment=environment))
    return made


def compile_library(
    target: Target,
    build: str,
    out: Path,
    *,
    source: Path | None = None,
    extra: Sequence[str] = (),
    environment: Mapping[str, str] = os.environ,
) -> Path:
    """Compile one build to the file `out`; `source` is another C file, and `extra` flags come last.

    The bytes are the same whatever the folders are called. A library that is in use stays as it is
    to those who use it: the new one takes its place and not its bytes.

    Raises:
        BuildError: there is no compiler, or it fails.
    """
    chosen = target.builds[build]
    source = (source or SOURCES / chosen.source).absolute()
    own = own_compiler(target, environment)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix="kernels-") as scratch:
        made = Path(scratch) / out.name  # the name is in the bytes of some
        command = [
            *(own or _zig(target)), *FLAGS, *_cpu(chosen, bool(own)), "-shared",
            *(_own_linking(target) if own else _LINKING[target.suffix]), *_named(target, out.name),
            f"-DREPRO_SOURCE={source_digest():#x}u",
            f"-I{SOURCES}", *(f"-ffile-prefix-map={each}=." for each in (source.parent, SOURCES)),
            str(source), "-o", str(made), *extra,
        ]  # fmt: skip
        what = f"{source.name} for {target.name}, {build}"
        _run(command, what, own, {} if own else _cache(Path(scratch)))
        try:
            if not (out.exists() and out.read_bytes() == made.read_bytes()):
                made.replace(out)
        except OSError as error:  # Windows, where it is in use
            raise BuildError(
                f"{out}: the new library cannot take its place: {error}; end what uses it"
            ) from None
    return out


def _zig(target: Target) -> list[str]:
    if importlib.util.find_spec("ziglang") is None:
        raise BuildError(
            "expected a C compiler; this Python has no ziglang, and CC names none for "
            f"{target.name}: `pip install ziglang`, or set CC to gcc or clang"
        )
    return [sys.executable, "-m", "ziglang", "cc", "-target", target.triple]


def _cpu(build: Build, own: bool) -> tuple[str, ...]:
    if not own:
        return (f"-mcpu={build.cpu}", *build.flags)
    return (f"-march={build.march}", *build.flags) if build.march else build.flags


def _own_linking(target: Target) -> tuple[str, ...]:
    """How gcc and clang link so that the bytes are the same every time."""
    if target.suffix == ".so":
        return ("-fPIC", "-s", "-Wl,--build-id=none")
    if target.suffix == ".dll":
        return ("-s", "-Wl,--no-insert-timestamp")
    arch, least = target.name.partition("-")[2], target.triple.split("-")[1].partition(".")[2]
    return ("-fPIC", "-arch", arch, f"-mmacosx-version-min={least}", "-Wl,-x")


def _named(target: Target, name: str) -> tuple[str, ...]:
    """A library of macOS says its name, which would be the whole path here."""
    return (f"-Wl,-install_name,@rpath/{name}",) if target.suffix == ".dylib" else ()


def _knows(compiler: Sequence[str], build: Build) -> bool:
    """Whether the compiler knows the CPU; if it cannot be started, compiling says so better."""
    command = [*compiler, *_cpu(build, True), "-x", "c", "-E", os.devnull]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return True


def _cache(scratch: Path) -> dict[str, str]:
    """Where zig keeps what it has compiled: its own place or, if that is read-only, `scratch`."""
    place = os.environ.get("ZIG_GLOBAL_CACHE_DIR")
    if not place:
        named = "LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME"
        above = os.environ.get(named) or Path(os.environ.get("HOME") or os.devnull) / ".cache"
        place = str(Path(above) / "zig")
    try:
        Path(place).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return {}
    except OSError:
        folder = str(scratch / "cache")
        return {"ZIG_GLOBAL_CACHE_DIR": folder, "ZIG_LOCAL_CACHE_DIR": folder}


def _run(command: list[str], what: str, own: list[str], more: dict[str, str]) -> None:
    """Run a compiler; `what` it compiles and `own`, the words of CC, are for the message."""
    name = f"CC={shlex.join(own)}" if own else "ziglang"
    instead = "unset CC to compile with ziglang" if own else "CC=gcc or CC=clang takes another"
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False,
            env={**os.environ, **more},
        )  # fmt: skip
    except OSError as error:
        raise BuildError(
            f"{name}: expected a C compiler; it cannot be started: {error.strerror}: {instead}"
        ) from None
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        telling = [line for line in lines if "error" in line] or lines
        raise BuildError(
            f"{name}: expected {what}, to compile; it ended with code {done.returncode}: "
            f"{'; '.join(telling[-3:]) or 'without a message'}: {instead}"
        )
