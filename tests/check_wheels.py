"""Whether wheels have the libraries that their names promise: `check_wheels.py WHEEL...`.

There has to be one wheel for each kind of machine. Standard library only, as for the build hook.
"""

from __future__ import annotations

import struct
import sys
import zipfile
from pathlib import Path

from repro.kernels.build import TARGETS, Target

GIVEN = {"memcpy", "memmove", "memset", "sched_yield"}
"""What every process on Linux has, whichever C library that is."""


def machine(library: bytes) -> str:
    """The name of the target that a library is for, by its first bytes alone."""
    if library[:6] == b"\x7fELF\x02\x01":  # 64 bits, the lowest byte first
        kind = "linux", {62: "x86_64", 183: "aarch64"}.get(struct.unpack_from("<H", library, 18)[0])
    elif library[:4] == b"\xcf\xfa\xed\xfe":
        cpus = {0x01000007: "x86_64", 0x0100000C: "arm64"}
        kind = "macos", cpus.get(struct.unpack_from("<I", library, 4)[0])
    elif library[:2] == b"MZ":
        header = struct.unpack_from("<I", library, 0x3C)[0]
        signature, cpu = struct.unpack_from("<4sH", library, header)
        kind = "windows", {0x8664: "x86_64"}.get(cpu) if signature == b"PE\0\0" else None
    else:
        kind = "no library", None
    return "-".join(map(str, kind))


def wanted(library: bytes) -> set[str]:
    """The functions that a library for Linux wants from the process that loads it."""
    (sections,) = struct.unpack_from("<Q", library, 0x28)
    size, count = struct.unpack_from("<HH", library, 0x3A)
    headers = [
        struct.unpack_from("<IIQQQQIIQQ", library, sections + i * size) for i in range(count)
    ]
    (symbols,) = (each for each in headers if each[1] == 11)  # SHT_DYNSYM
    names = headers[symbols[6]][4]
    found = set()
    for at in range(symbols[4], symbols[4] + symbols[5], 24):
        name, section = struct.unpack_from("<I2xH", library, at)
        if name and not section:
            start = names + name
            found.add(library[start : library.index(b"\0", start)].decode())
    return found


def target_of(wheel: Path) -> Target | None:
    """The target whose tag a wheel has."""
    tag = wheel.stem.rpartition("-")[2]
    return next((each for each in TARGETS.values() if each.tag == tag), None)


def complaints(wheel: Path) -> list[str]:
    """What is wrong with a wheel."""
    target = target_of(wheel)
    if target is None:
        tags = ", ".join(each.tag for each in TARGETS.values())
        return [f"{wheel.name}: expected a tag among {tags}"]
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        libraries = {
            Path(name).name: opened.read(name)
            for name in names
            if name.startswith("repro/kernels/") and not name.endswith((".py", ".c", ".h", ".cu"))
        }
        about = opened.read(next(name for name in names if name.endswith(".dist-info/WHEEL")))
    wrong = []
    expected = {target.file_name(build) for build in target.builds}
    if libraries.keys() != expected:
        wrong.append(f"expected the libraries {sorted(expected)}; got {sorted(libraries)}")
    for name, library in libraries.items():
        if machine(library) != target.name:
            wrong.append(f"{name}: expected {target.name}; got {machine(library)}")
        elif target.suffix == ".so" and not wanted(library) <= GIVEN:
            wrong.append(f"{name}: expected to want {sorted(GIVEN)}; got {sorted(wanted(library))}")
    if b"Root-Is-Purelib: false" not in about:
        wrong.append("expected a wheel that says it is for one kind of machine")
    return [f"{wheel.name}: {each}" for each in wrong]


def main(wheels: list[Path]) -> int:
    """Print what is wrong; the exit code."""
    wrong = [each for wheel in wheels for each in complaints(wheel)]
    targets = sorted(target.name for wheel in wheels if (target := target_of(wheel)))
    if targets != sorted(TARGETS):
        wrong.append(f"expected a wheel for each of {sorted(TARGETS)}; got {targets}")
    print("\n".join(wrong) or f"{len(wheels)} wheels have the libraries that their names promise")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main([Path(each) for each in sys.argv[1:]]))
