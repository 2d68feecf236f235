"""Level L3: the first steps of every model have the same bits on every x86-64 CPU with AVX2."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import msgspec
import pytest
import torch

from repro.events import Job, Rehearse
from repro.golden import GOLDEN
from repro.profiles import worker_environment
from repro.runner import worker_code
from repro.spec import REPORT_RECIPES, Profile, RunSpec

pytestmark = pytest.mark.bits

TORCH = torch.__version__.partition("+")[0]
QEMU = shutil.which("qemu-x86_64")
CPUS = ("Haswell", "Skylake-Client", "EPYC-Rome")

HINT = (
    f"torch {TORCH} has no golden digests or other ones; if torch is new here, see repro/golden.py "
    "for what to do; if it is not, the change of arithmetic has to be wanted and said"
)


def rehearse(*before: str, profile: Profile = "portable", **variables: str) -> dict:
    """What a worker process says of the first steps; `before` is what the interpreter runs under."""
    spec = RunSpec(recipe=REPORT_RECIPES["net-relu"], seed=0, profile=profile, dataset="synthetic")
    job = Job(spec=spec, task=Rehearse(), store="", home="")
    done = subprocess.run(
        [*before, sys.executable, "-c", worker_code(profile)],
        input=msgspec.json.encode(job), capture_output=True, check=False,
        env=worker_environment(profile, {**os.environ, **variables}),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return json.loads(done.stdout.splitlines()[0])


def test_this_cpu_has_the_golden_bits():
    assert rehearse()["digests"] == GOLDEN.get(TORCH), HINT


@pytest.mark.skipif(QEMU is None, reason="needs qemu-x86_64 (Debian's qemu-user)")
@pytest.mark.parametrize("cpu", CPUS)
def test_an_emulated_cpu_has_the_golden_bits(cpu, record_property):
    """Emulation is honest about the vectors that a CPU offers and about every rounding."""
    seen = rehearse(QEMU, "-cpu", cpu)
    record_property("digests", seen["digests"])
    assert seen["digests"] == GOLDEN.get(TORCH), HINT


@pytest.mark.skipif(QEMU is None, reason="needs qemu-x86_64 (Debian's qemu-user)")
def test_without_the_profile_an_emulated_cpu_has_other_bits():
    """Else the tests above would prove nothing: it is the profile that makes CPUs agree."""
    assert rehearse(QEMU, "-cpu", "Nehalem", profile="native")["digests"] != GOLDEN.get(TORCH)
