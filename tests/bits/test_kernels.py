"""Level L4: the kernels have the same bits from every compiler, on every CPU and system."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from repro import streams
from repro.data.dataset import synthetic
from repro.kernels import library, networks
from repro.kernels.binding import Network
from repro.kernels.build import SOURCES
from tests.kernels.conftest import HERE

pytestmark = pytest.mark.bits

ZIG = (sys.executable, "-m", "ziglang", "cc")
QEMU_ARM, QEMU = shutil.which("qemu-aarch64"), shutil.which("qemu-x86_64")
WINE = (
    shutil.which("wine64") or shutil.which("wine64", path="/usr/lib/wine") or shutil.which("wine")
)
LINUX = ("-target", "x86_64-linux-musl", "-static")

PROGRAMS = {
    "clang -O1": ((*ZIG, *LINUX, "-mcpu=haswell", "-O1"), ()),
    "clang -O3": ((*ZIG, *LINUX, "-mcpu=haswell", "-O3"), ()),
    "gcc -O1": (("gcc", "-march=haswell", "-O1"), ()),
    "gcc -O3": (("gcc", "-march=haswell", "-O3"), ()),
    "AArch64": ((*ZIG, "-target", "aarch64-linux-musl", "-static", "-O3"), (QEMU_ARM,)),
    "Haswell": ((*ZIG, *LINUX, "-mcpu=haswell", "-O3"), (QEMU, "-cpu", "Haswell")),
    "Skylake": ((*ZIG, *LINUX, "-mcpu=haswell", "-O3"), (QEMU, "-cpu", "Skylake-Client")),
    "Windows": ((*ZIG, "-target", "x86_64-windows-gnu", "-mcpu=haswell", "-O3"), (WINE,)),
}
"""How the program is compiled, and what runs it."""

CASES = (
    ("net", "relu", "sgd", 0.0),
    ("net", "leaky_relu", "sgd", 0.9),
    ("net", "swish", "adam", 0.0),
    ("net", "sigmoid", "sgd", 0.0),
    ("improved", "relu", "sgd", 0.0),
    ("resnet", "relu", "sgd", 0.0),
)
GOLDEN = (
    "88790c52d8963e05",
    "b9d92fcf6574e9c7",
    "4eed701747346a57",
    "6f0cc652abfd6bf5",
    "99db7bbbb4e0f762",
    "a8f5cb1993aec316",
)
"""SHA-256, shortened, of losses and weights after three steps of each case, the last one short.

Where these change, the arithmetic did: it has to be wanted, and `repro_version` be raised."""

SLOW = ("Haswell", "Skylake")
"""Programs that an emulator runs hundreds of times slower: these train on fewer images."""

SLOW_GOLDEN = (
    "ee20a396f13ba865",
    "2323f2b0139c30e6",
    "e9b94c3661c6b700",
    "42e29d69222978d6",
    "30b24458345c04da",
    "8b2ca0aec92a33c3",
)

DATA = synthetic(train=60, test=10)
IMAGES = np.ascontiguousarray(DATA.train_images.transpose(0, 2, 3, 1))


@dataclass(frozen=True)
class Size:
    """How many images three steps take."""

    batch: int = 20
    images: int = 47

    @property
    def order(self):
        return np.arange(self.images, dtype=np.int64)[::-1].copy()


FULL, FEW = Size(), Size(batch=2, images=5)


def network(case, threads=1, size=FULL):
    architecture, activation, optimiser, momentum = case
    made = Network(
        library.load(), networks.table(architecture, activation), batch=size.batch, threads=threads,
        optimiser=optimiser, momentum=momentum,
        learning_rate=0.001 if optimiser == "adam" else 0.01,
    )  # fmt: skip
    made.load(streams.initial_weights(architecture, 0))
    return made


def short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def trained(case, threads=1, size=FULL) -> str:
    made = network(case, threads, size)
    losses = made.train(IMAGES, DATA.train_labels, size.order, seed=5, epoch=1)
    return short(losses.tobytes() + made.flat().tobytes())


def request(case, size=FULL) -> bytes:
    """What `program.c` reads."""
    made = network(case, size=size)
    head = np.array([size.batch, len(IMAGES), size.images, 5], np.int64)
    arrays = (made.flat(), IMAGES, DATA.train_labels, size.order)
    return head.tobytes() + bytes(made._config) + b"".join(each.tobytes() for each in arrays)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_this_cpu_has_the_golden_bits_with_any_number_of_threads(threads):
    assert tuple(trained(case, threads) for case in CASES) == GOLDEN
    assert tuple(trained(case, threads, FEW) for case in CASES) == SLOW_GOLDEN


@pytest.mark.parametrize("name", ["avx2", "avx512"])
def test_every_build_of_this_cpu_has_them(name):
    code = "from tests.bits.test_kernels import *\nprint(*(trained(case) for case in CASES))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "REPRO_KERNELS": name, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    if "expected one of" in done.stderr:
        pytest.skip(f"this CPU has no {name}")
    assert done.returncode == 0, done.stderr[-2000:]
    assert tuple(done.stdout.split()) == GOLDEN


@pytest.mark.parametrize("name", PROGRAMS)
def test_another_compiler_cpu_or_system_has_them(name, tmp_path):
    compiler, runner = PROGRAMS[name]
    if None in runner or not shutil.which(compiler[0]):
        pytest.skip("needs gcc, Debian's qemu-user or wine64")
    program = tmp_path / "program.exe"
    flags = ("-std=gnu11", "-ffp-contract=off", "-fno-math-errno", f"-I{SOURCES}")
    subprocess.run(
        [*compiler, *flags, str(HERE / "program.c"), "-o", str(program)],
        check=True, capture_output=True,
    )  # fmt: skip
    size, golden = (FEW, SLOW_GOLDEN) if name in SLOW else (FULL, GOLDEN)
    found = []
    for case in CASES:
        done = subprocess.run(
            [*runner, str(program)], input=request(case, size), capture_output=True, check=False,
            env={**os.environ, "WINEDEBUG": "-all", "WINEPREFIX": str(tmp_path / "wine")},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
        found.append(short(done.stdout))
    assert tuple(found) == golden


def test_a_sum_in_another_order_has_other_bits(tmp_path):
    """Else the tests above would prove nothing."""
    changed = tmp_path / "c"
    shutil.copytree(SOURCES, changed)
    text = (changed / "layers.h").read_text()
    forward = "for (int n = 0; n < work->images; n++) sum = sum + load16(g + n * out->image);"
    assert forward in text
    backward = forward.replace("n = 0; n < work->images; n++", "n = work->images - 1; n >= 0; n--")
    (changed / "layers.h").write_text(text.replace(forward, backward))
    program = tmp_path / "program.exe"
    flags = ("-std=gnu11", "-ffp-contract=off", "-fno-math-errno", f"-I{changed}", "-O2")
    subprocess.run(
        [*ZIG, *LINUX, "-mcpu=haswell", *flags, str(HERE / "program.c"), "-o", str(program)],
        check=True, capture_output=True,
    )  # fmt: skip
    done = subprocess.run([str(program)], input=request(CASES[0]), capture_output=True, check=True)
    assert short(done.stdout) != GOLDEN[0]
