"""The kernels are compiled, for this machine and for others, and found by what the CPU can do."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from repro.errors import TrainingError
from repro.kernels import build, library
from repro.kernels.build import SOURCES, TARGETS, BuildError, source_digest
from tests.check_wheels import GIVEN, complaints, machine, wanted

ROOT = Path(__file__).parent.parent.parent
OTHERS = "windows-x86_64"  # whose first compilation takes seconds: of zig's runtime
TINY = '__attribute__((visibility("default"))) const char *repro_file(void) { return __FILE__; }\n'


@pytest.fixture
def zig():
    pytest.importorskip("ziglang", reason="needs the PyPI package ziglang")


@pytest.fixture
def target():
    found = build.this_target()
    if found is None:
        pytest.skip("the kernels are not compiled for this kind of machine")
    return found


def every_target(slow):
    return pytest.mark.parametrize(
        "name", [pytest.param(n, marks=pytest.mark.slow if n in slow else ()) for n in TARGETS]
    )


# Compiling.


def test_the_kernels_of_this_folder_are_compiled_and_loaded(zig, target, tmp_path):
    made = build.compile_all(target, tmp_path, environment={})
    assert {path.name for path in made} == {target.file_name(name) for name in target.builds}
    assert set(tmp_path.iterdir()) == set(made), "nothing else is left"
    for path in made:
        assert machine(path.read_bytes()) == target.name
        ctypes.CDLL(str(path))


@pytest.mark.slow
@every_target(())
def test_the_kernels_are_compiled_for_every_target(zig, tmp_path, name):
    target = build.chosen_target({"REPRO_TARGET": name})
    made = build.compile_all(target, tmp_path, environment={})
    assert {path.name for path in made} == {target.file_name(each) for each in target.builds}
    for path in made:
        assert machine(path.read_bytes()) == name
        if target.suffix == ".so":
            assert wanted(path.read_bytes()) <= GIVEN, "the tag says: on every Linux"


@every_target({OTHERS})
def test_the_bytes_are_the_same_in_every_folder(zig, tmp_path, monkeypatch, name):
    target = TARGETS[name]
    made = []
    for folder in (tmp_path / "a", tmp_path / "an other place"):
        folder.mkdir()
        (folder / "tiny.c").write_text(TINY)
        monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(folder / "cache"))
        kind = next(reversed(target.builds))
        out = folder / target.file_name(kind)
        build.compile_library(target, kind, out, source=folder / "tiny.c", environment={})
        made.append(out.read_bytes())
    assert made[0] == made[1]
    assert str(tmp_path).encode() not in made[0]
    assert machine(made[0]) == name


def test_a_library_in_use_is_replaced_and_not_written_over(zig, target, tmp_path):
    (tmp_path / "tiny.c").write_text(TINY)
    kind = next(iter(target.builds))
    out = tmp_path / target.file_name(kind)

    def compiled(*extra):
        build.compile_library(
            target, kind, out, source=tmp_path / "tiny.c", extra=extra, environment={}
        )
        return out.read_bytes()

    first = compiled()
    if os.name != "nt":
        with out.open("rb") as used:
            assert compiled("-Drepro_file=repro_name") != first
            assert used.read() == first
        compiled()
    before = out.stat()
    compiled()
    assert out.stat().st_mtime_ns == before.st_mtime_ns, "what is the same is left alone"


def test_a_cache_that_cannot_be_written_is_no_hindrance(zig, target, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "tiny.c").write_text(TINY)
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(tmp_path / "file" / "cache"))
    kind = next(iter(target.builds))
    out = tmp_path / target.file_name(kind)
    build.compile_library(target, kind, out, source=tmp_path / "tiny.c", environment={})
    ctypes.CDLL(str(out))


def test_what_does_not_compile_is_said_in_one_line(zig, target, tmp_path):
    (tmp_path / "bad.c").write_text("int x = ;\n")
    kind = next(iter(target.builds))
    with pytest.raises(
        BuildError, match=r"ziglang: expected bad.c for .*bad.c:1:9: error: expected expression"
    ) as raised:
        build.compile_library(
            target, kind, tmp_path / "x", source=tmp_path / "bad.c", environment={}
        )
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "x").exists()


def test_without_ziglang_the_message_names_it(target, tmp_path, monkeypatch):
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(BuildError, match="`pip install ziglang`, or set CC"):
        build.compile_all(target, tmp_path, environment={})


# The compiler that CC names.


def fake_compiler(folder, body):
    (folder / "compiler.py").write_text(f"import sys, pathlib\n{body}\n")
    return f"'{Path(sys.executable).as_posix()}' '{(folder / 'compiler.py').as_posix()}'"


WRITES = "if '-o' in sys.argv: pathlib.Path(sys.argv[sys.argv.index('-o') + 1]).touch()"


def test_a_compiler_that_fails_is_named_with_its_last_words(target, tmp_path):
    own = fake_compiler(
        tmp_path, "if '-E' not in sys.argv: sys.exit('note\\nx.c:1: error: it rains')"
    )
    with pytest.raises(
        BuildError, match=r"CC=.*: expected .*\.c for .* code 1: x.c:1: error: it rains: unset CC"
    ):
        build.compile_all(target, tmp_path, environment={"CC": own})


@pytest.mark.skipif(not Path("/bin/false").exists(), reason="needs /bin/false")
def test_a_compiler_that_says_nothing_is_named(target, tmp_path):
    with pytest.raises(BuildError, match="CC=/bin/false: .* code 1: without a message: unset CC"):
        build.compile_all(target, tmp_path, environment={"CC": "/bin/false"})


def test_a_compiler_that_is_not_there_is_named(target, tmp_path):
    with pytest.raises(BuildError, match="CC=no-such-cc: .* cannot be started: .*: unset CC"):
        build.compile_all(target, tmp_path, environment={"CC": "no-such-cc"})


def test_a_compiler_that_does_not_know_avx512_leaves_it_out(target, tmp_path):
    own = fake_compiler(tmp_path, f"if '-march=x86-64-v4' in sys.argv: sys.exit(1)\n{WRITES}")
    stale = tmp_path / target.file_name("avx512")
    stale.touch()
    made = build.compile_all(target, tmp_path, environment={"CC": own})
    assert {path.name for path in made} == {
        target.file_name(name) for name in target.builds if name != "avx512"
    }
    assert stale.exists() == ("avx512" not in target.builds)


@pytest.fixture(params=["gcc", "clang"])
def own(request):
    if not shutil.which(request.param):
        pytest.skip(f"needs {request.param}")
    return {"CC": request.param}


def test_gcc_and_clang_make_the_same_bytes_in_every_folder(target, tmp_path, own):
    for kind in target.builds:
        made = []
        for folder in (tmp_path / "a", tmp_path / "an other place"):
            folder.mkdir(exist_ok=True)
            (folder / "tiny.c").write_text(TINY)
            out = folder / target.file_name(kind)
            build.compile_library(target, kind, out, source=folder / "tiny.c", environment=own)
            ctypes.CDLL(str(out))
            made.append(out.read_bytes())
        assert made[0] == made[1]


@pytest.mark.slow
def test_gcc_and_clang_compile_the_kernels(target, tmp_path, own):
    for path in build.compile_all(target, tmp_path, environment=own):
        ctypes.CDLL(str(path))


def test_another_compiler_is_for_this_machine_alone(target):
    other = next(each for each in TARGETS.values() if each != target)
    assert build.own_compiler(target, {"CC": "gcc -m64"}) == ["gcc", "-m64"]
    assert build.own_compiler(other, {"CC": "gcc"}) == []
    assert build.platform_tag(target, {}) == build.platform_tag(target, {"CC": ""}) == target.tag


def test_what_another_compiler_links_is_for_no_other_linux(monkeypatch):
    monkeypatch.setattr(build, "this_target", lambda: TARGETS["linux-aarch64"])
    own = {"CC": "gcc"}
    assert build.platform_tag(TARGETS["linux-aarch64"], own) == "linux_aarch64"
    assert build.platform_tag(TARGETS["linux-x86_64"], own) == TARGETS["linux-x86_64"].tag


# Targets and wheels.


@pytest.mark.parametrize(
    ("system", "cpu", "wide", "name"),
    [
        ("Linux", "x86_64", True, "linux-x86_64"),
        ("Linux", "aarch64", True, "linux-aarch64"),
        ("Darwin", "x86_64", True, "macos-x86_64"),
        ("Darwin", "arm64", True, "macos-arm64"),
        ("Windows", "AMD64", True, "windows-x86_64"),
        ("Windows", "AMD64", False, None),
        ("Windows", "ARM64", True, None),
        ("Linux", "ppc64le", True, None),
        ("FreeBSD", "amd64", True, None),
    ],
)
def test_the_target_of_a_machine(system, cpu, wide, name):
    found = build.target_of(system, cpu, wide)
    assert (found and found.name) == name


def test_an_unknown_target_is_told_the_known_ones():
    with pytest.raises(
        BuildError, match="REPRO_TARGET: expected one of linux-x86_64, .*; got 'amiga'"
    ):
        build.chosen_target({"REPRO_TARGET": "amiga"})


def test_the_hook_makes_a_wheel_for_another_machine(zig, tmp_path):
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    environment = {**os.environ, "REPRO_TARGET": "linux-aarch64", "CC": ""}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert complaints(wheel) == []
    assert "-py3-none-manylinux_2_17_aarch64." in wheel.name


def test_the_hook_ends_with_the_message_alone():
    pytest.importorskip("hatchling")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=ROOT, env={**os.environ, "REPRO_TARGET": "amiga"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert (done.stdout + done.stderr).startswith("REPRO_TARGET: expected one of")


def test_the_compiler_has_one_version():
    text = (ROOT / "pyproject.toml").read_text() + (ROOT / "constraints/pins.txt").read_text()
    pins = re.findall(r"\bziglang==([\d.]+)", text)
    assert len(pins) == 3
    assert len(set(pins)) == 1


# What this CPU can run.

V3 = {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "lzcnt", "movbe", "popcnt"}
V4 = V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
ALL = 0xFFFFFFFF
X86 = TARGETS["linux-x86_64"]


@pytest.mark.parametrize(
    ("words", "system", "found"),
    [
        ((0, 0, 0, 0), "Linux", set()),
        ((ALL, ALL, ALL, 0xE7), "Linux", V4),
        ((ALL, ALL, ALL, 0x07), "Linux", V3),
        ((ALL, ALL, ALL, 0x07), "Windows", V3),
        ((ALL, ALL, ALL, 0x07), "Darwin", V4),  # until a program uses them
        ((ALL, ALL, ALL, 0x00), "Darwin", {"bmi1", "bmi2", "lzcnt", "movbe", "popcnt"}),
        ((ALL, ALL, ALL, 0x03), "Linux", {"bmi1", "bmi2", "lzcnt", "movbe", "popcnt"}),
        ((1 << 12 | 1 << 28, 1 << 5, 0, 7), "Linux", {"fma", "avx", "avx2"}),
    ],
)
def test_features_are_those_of_the_cpu_that_the_system_keeps(words, system, found):
    assert library.features(words, system) == found


@pytest.mark.parametrize(
    ("name", "flags", "builds"),
    [
        ("linux-x86_64", V4, ("avx512", "avx2")),
        ("macos-x86_64", V3, ("avx2",)),
        ("windows-x86_64", V4 - {"avx512bw"}, ("avx2",)),
        ("linux-x86_64", V4 - {"fma"}, ()),
        ("linux-x86_64", V3 - {"avx2"}, ()),
        ("linux-x86_64", set(), ()),
        ("linux-aarch64", set(), ("neon",)),
        ("macos-arm64", set(), ("neon",)),
    ],
)
def test_the_builds_that_a_cpu_can_run(name, flags, builds):
    assert library.builds_for(TARGETS[name], flags) == builds


def test_the_fastest_of_those_compiled_is_chosen():
    both = ("avx512", "avx2")
    assert library.choose(both, {"cpu", "avx2", "avx512"}, {}) == "avx512"
    assert library.choose(both, {"cpu", "avx2"}, {}) == "avx2"
    assert library.choose(both, {"cpu", "avx2", "avx512"}, {"REPRO_KERNELS": "avx2"}) == "avx2"
    assert library.choose(both, set(), {"REPRO_KERNELS": ""}) == "avx512"


@pytest.mark.parametrize("target", [X86, None])
def test_a_cpu_without_avx2_is_told_of_the_other_engine(target):
    with pytest.raises(
        library.KernelsUnavailable, match="AVX2 and FMA .* `--engine torch`"
    ) as raised:
        library.choose(library.builds_for(target, V3 - {"avx2"}), {"cpu", "avx2"}, {})
    assert isinstance(raised.value, TrainingError)


@pytest.mark.parametrize("named", ["avx512", "neon", "fast"])
def test_kernels_that_this_cpu_cannot_run_cannot_be_chosen(named):
    with pytest.raises(
        library.KernelsUnavailable,
        match=f"REPRO_KERNELS: expected one of avx2 on this CPU; got '{named}'",
    ):
        library.choose(("avx2",), {"cpu", "avx2", "avx512"}, {"REPRO_KERNELS": named})


def test_kernels_that_were_never_compiled_are_asked_for(target, tmp_path, monkeypatch):
    monkeypatch.setattr(library, "_FOLDER", tmp_path)
    with pytest.raises(
        library.KernelsUnavailable, match=r"kernels-\w+\.\w+: expected .* `pip install -e \.`"
    ):
        library.load.__wrapped__() if "cpu" not in target.builds else library.variant.__wrapped__()


def test_libraries_of_other_c_files_are_not_used(monkeypatch):
    """A checkout that was pulled and not installed again would train to the bits of before."""
    assert library.load.__wrapped__().repro_source() == source_digest()
    monkeypatch.setattr("repro.kernels.library.source_digest", lambda: source_digest() ^ 1)
    with pytest.raises(
        library.KernelsUnavailable, match=r"compiled from other C files.*`pip install -e \.`"
    ):
        library.load.__wrapped__()


def test_the_digest_of_the_c_files_sees_every_byte_and_name(tmp_path, monkeypatch):
    folder = shutil.copytree(SOURCES, tmp_path / "c")
    monkeypatch.setattr("repro.kernels.build.SOURCES", folder)
    before = source_digest()
    path = folder / "random.h"
    path.write_bytes(path.read_bytes() + b"\n")
    changed = source_digest()
    path.rename(folder / "randoms.h")
    assert len({before, changed, source_digest()}) == 3


def test_a_file_that_is_no_library_is_named(target, tmp_path, monkeypatch):
    monkeypatch.setattr(library, "_FOLDER", tmp_path)
    kind = next(iter(target.builds))
    (tmp_path / target.file_name(kind)).write_bytes(b"no library")
    with pytest.raises(
        library.KernelsUnavailable, match=f"kernels-{kind}.*: cannot be loaded: .*`--engine torch`"
    ):
        library._open(target, kind)


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="needs an x86-64 CPU")
@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="needs Linux")
def test_the_cpu_says_what_linux_says(zig, target, tmp_path):
    if "qemu" in Path("/proc/self/maps").read_text():
        pytest.skip("an emulator shows the flags of the machine under it")
    out = build.compile_library(target, "cpu", tmp_path / target.file_name("cpu"), environment={})
    words = (ctypes.c_uint32 * 4)()
    ctypes.CDLL(str(out)).repro_cpu(words)
    said = re.search(r"^flags\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)[
        1
    ].split()
    assert (
        library.features(list(words), "Linux")
        == ({*said} | ({"lzcnt"} if "abm" in said else set())) & V4
    )
