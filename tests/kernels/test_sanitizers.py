"""Three training steps of every network, watched by the compilers' sanitizers."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from repro.kernels.build import SOURCES
from tests.bits.test_kernels import CASES, GOLDEN, LINUX, ZIG, short
from tests.bits.test_kernels import request as input_of
from tests.kernels.conftest import HERE

pytestmark = pytest.mark.slow

SANITIZERS = {
    "gcc: address and undefined": (
        "gcc", "-march=haswell", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
    ),
    "clang: undefined": (
        *ZIG, *LINUX, "-mcpu=haswell", "-fsanitize=undefined", "-fsanitize-trap=undefined",
    ),
}  # fmt: skip
WRONG = """
int main(int count, char **words) { int all[4] = {0}; (void)words; return all[count + 40]; }
"""


def build(compiler, source: Path, program: Path) -> None:
    flags = (
        "-std=gnu11",
        "-g1",
        "-O1",
        "-ffp-contract=off",
        "-w",
        "-fno-math-errno",
        f"-I{SOURCES}",
    )
    done = subprocess.run(
        [*compiler, *flags, str(source), "-o", str(program), "-lm"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(params=SANITIZERS)
def compiler(request):
    """A compiler with the options of its sanitizer."""
    chosen = SANITIZERS[request.param]
    if not shutil.which(chosen[0]):
        pytest.skip(f"needs {chosen[0]}")
    return chosen


def test_the_sanitizers_find_nothing(compiler, tmp_path):
    program = tmp_path / "program"
    build(compiler, HERE / "program.c", program)
    for case, golden in zip(CASES, GOLDEN, strict=True):
        done = subprocess.run(
            [str(program)], input=input_of(case), capture_output=True, check=False,
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
        )  # fmt: skip
        assert done.returncode == 0, f"{case}: {done.stderr.decode(errors='replace')[-2000:]}"
        assert short(done.stdout) == golden


def test_the_sanitizers_find_what_is_wrong(compiler, tmp_path):
    """Else the test above would prove nothing."""
    source = tmp_path / "wrong.c"
    source.write_text(WRONG)
    build(compiler, source, tmp_path / "wrong")
    done = subprocess.run([str(tmp_path / "wrong")], capture_output=True, check=False)
    assert done.returncode != 0
