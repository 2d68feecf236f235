from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from repro.errors import TrainingError
from repro.profiles import enter, environment, promise, worker_environment

ROOT = Path(__file__).parent.parent
TRAIN = """
from repro.data.dataset import synthetic
from repro.spec import Recipe, RunSpec
from repro.training import Trainer
Trainer(RunSpec(recipe=Recipe(architecture="net"), seed=0, dataset="synthetic"), synthetic())
print("trains")
"""


def run(code, **variables):
    """Run code in a process that no profile has touched; return what it prints and its error."""
    clean = {k: v for k, v in os.environ.items() if k not in environment("portable")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**clean, **variables}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip(), (done.stderr.strip().splitlines() or [""])[-1]


def test_a_profile_entered_first_trains():
    assert run(f"from repro.profiles import enter; enter('portable'){TRAIN}") == ("trains", "")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (TRAIN, "expected repro.profiles.enter('portable') before torch is imported; no profile"),
        (
            f"import os, torch; from repro.profiles import environment\n"
            f"os.environ.update(environment('portable')){TRAIN}",
            "expected repro.profiles.enter('portable') before torch is imported; no profile",
        ),
        (
            f"import torch; from repro.profiles import enter; enter('portable'){TRAIN}",
            "the portable profile comes too late: torch was imported before it",
        ),
        (
            f"from repro.profiles import enter; enter('native'){TRAIN}",
            "expected repro.profiles.enter('portable') before torch is imported; native profile",
        ),
        (
            "from repro.profiles import enter; enter('native'); enter('portable')",
            "expected one determinism profile a process; native is in force, portable came",
        ),
        (
            f"import os; from repro.profiles import enter; enter('portable')\n"
            f"os.environ['MKL_CBWR'] = 'AVX512'; os.environ['DNNL_MAX_CPU_ISA'] = 'ALL'{TRAIN}",
            "the portable profile was changed after it was put in force: DNNL_MAX_CPU_ISA, MKL_CBWR",
        ),
    ],
)  # fmt: skip
def test_a_profile_that_torch_cannot_have_read_is_refused(code, message):
    """A variable that comes too late changes no bits or some: nobody could say which."""
    output, error = run(code)
    assert output == ""
    assert f"TrainingError: {message}" in error


def test_a_variable_that_the_c_library_has_read_already_is_refused():
    code = f"from repro.profiles import enter; enter('portable'){TRAIN}"
    output, error = run(code, GLIBC_TUNABLES="glibc.cpu.hwcaps=-AVX2")
    assert output == ""
    assert "GLIBC_TUNABLES was read when this process started" in error


def test_a_cpu_without_avx2_is_refused():
    code = (
        "from repro.profiles import enter; enter('portable'); import torch\n"
        f"torch.backends.cpu.get_cpu_capability = lambda: 'DEFAULT'{TRAIN}"
    )
    assert (
        "the portable profile needs a CPU with AVX2; torch runs with DEFAULT here" in run(code)[1]
    )


def test_a_profile_is_entered_twice_without_harm():
    enter("portable")
    with pytest.raises(TrainingError, match="one determinism profile a process"):
        enter("native")


def test_a_worker_gets_the_profile_whatever_the_caller_had_set():
    caller = {
        "OMP_NUM_THREADS": "2", "MKL_CBWR": "AVX512", "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2", "NVIDIA_TF32_OVERRIDE": "1", "PATH": "/bin",
    }  # fmt: skip
    portable = worker_environment("portable", caller)
    assert portable == {"PATH": "/bin", **environment("portable")}
    native = worker_environment("native", caller)
    assert native == {"PATH": "/bin", **environment("native")}
    assert "ATEN_CPU_CAPABILITY" not in native


@pytest.mark.parametrize(
    ("device", "profile", "machine", "level"),
    [
        ("cpu", "portable", "x86_64", "L3"),
        ("cpu", "portable", "AMD64", "L3"),
        ("cpu", "native", "x86_64", "L1"),
        ("cpu", "portable", "aarch64", "L0"),
        ("cpu", "portable", "arm64", "L0"),
        ("cuda", "portable", "x86_64", "L1"),
        ("cuda", "native", "aarch64", "L1"),
        ("mps", "portable", "arm64", "L0"),
    ],
)
def test_every_device_is_promised_what_was_shown_for_it_and_no_more(
    device, profile, machine, level
):
    assert promise(device, profile, machine).level == level
