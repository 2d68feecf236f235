from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from repro.determinism import enter, guarantee, worker_environment

ROOT = Path(__file__).parent.parent
ENTER = "from repro.determinism import enter, guarantee, worker_environment; enter()\n"
TRAIN = """
from repro.data.dataset import synthetic
from repro.spec import Recipe, RunSpec
from repro.training.torch_engine import Trainer
recipe = Recipe(architecture="net")
Trainer(RunSpec(recipe=recipe, seed=0, engine="torch", dataset="synthetic"), synthetic())
print("trains")
"""


def run(code, **variables):
    """Run code in a process whose environment is nobody's; return what it prints and its error."""
    clean = {k: v for k, v in os.environ.items() if k not in worker_environment({})}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**clean, **variables}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip(), (done.stderr.strip().splitlines() or [""])[-1]


@pytest.mark.slow
def test_an_environment_entered_first_trains():
    assert run(ENTER + TRAIN) == ("trains", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (TRAIN, "expected repro.determinism.enter() before torch is imported"),
        (
            f"import os, torch; from repro.determinism import worker_environment\n"
            f"os.environ.update(worker_environment({{}})){TRAIN}",
            "expected repro.determinism.enter() before torch is imported",
        ),
        (
            f"import torch; {ENTER}{TRAIN}",
            "the environment comes too late: torch was imported before it",
        ),
        (
            f"import os; {ENTER}"
            f"os.environ['MKL_CBWR'] = 'AVX512'; os.environ['DNNL_MAX_CPU_ISA'] = 'ALL'{TRAIN}",
            "torch's environment was changed after it was put in force: DNNL_MAX_CPU_ISA, MKL_CBWR",
        ),
    ],
)
def test_an_environment_that_torch_cannot_have_read_is_refused(code, message):
    """A variable that comes too late changes no bits or some: nobody could say which."""
    output, error = run(code)
    assert output == ""
    assert f"TrainingError: {message}" in error


def test_a_variable_that_the_c_library_has_read_already_is_refused():
    output, error = run(ENTER + TRAIN, GLIBC_TUNABLES="glibc.cpu.hwcaps=-AVX2")
    assert output == ""
    assert "GLIBC_TUNABLES was read when this process started" in error


@pytest.mark.slow
def test_a_cpu_without_avx2_is_refused():
    code = f"{ENTER}import torch\ntorch.backends.cpu.get_cpu_capability = lambda: 'DEFAULT'{TRAIN}"
    assert "the torch engine needs a CPU with AVX2; torch runs with DEFAULT here" in run(code)[1]


def test_the_environment_is_entered_twice_without_harm():
    enter()
    enter()


def test_a_worker_gets_the_environment_whatever_the_caller_had_set():
    caller = {
        "OMP_NUM_THREADS": "2", "MKL_CBWR": "AVX512", "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2", "NVIDIA_TF32_OVERRIDE": "1", "PATH": "/bin",
    }  # fmt: skip
    assert worker_environment(caller) == {"PATH": "/bin", **worker_environment({})}
    assert worker_environment({})["ATEN_CPU_CAPABILITY"] == "avx2"


@pytest.mark.parametrize(
    ("device", "engine", "machine", "level"),
    [
        ("cpu", "kernels", "x86_64", "L4"),
        ("cpu", "kernels", "aarch64", "L4"),
        ("cpu", "torch", "x86_64", "L3"),
        ("cpu", "torch", "AMD64", "L3"),
        ("cpu", "torch", "aarch64", "L0"),
        ("cpu", "portable", "x86_64", "L3"),
        ("cpu", "native", "x86_64", "L1"),
        ("cuda", "torch", "x86_64", "L1"),
        ("cuda", "torch", "aarch64", "L1"),
        ("mps", "torch", "arm64", "L0"),
    ],
)
def test_every_device_is_guaranteed_what_was_shown_for_it_and_no_more(
    device, engine, machine, level
):
    assert guarantee(device, engine, machine).level == level
