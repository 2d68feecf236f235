"""Level L3 of the torch engine: the first steps of every model have the same bits on every x86-64
CPU with AVX2. Level L4 of the kernels is in `test_kernels.py`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from repro.data.dataset import synthetic
from repro.determinism import worker_environment
from repro.execution import golden
from repro.execution.processes import run_first_steps
from repro.execution.scheduler import Task, run
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES, RunSpec
from repro.training.torch_engine import Trainer

pytestmark = pytest.mark.bits

TORCH = torch.__version__.partition("+")[0]
GOLDEN = golden.TORCH.get(TORCH)
QEMU = shutil.which("qemu-x86_64")
CPUS = ("Haswell", "Skylake-Client", "EPYC-Rome")

HINT = (
    f"torch {TORCH} has no golden digests or other ones; if torch is new here, see repro/execution/golden.py "
    "for what to do; if it is not, the change of arithmetic has to be wanted and said"
)


def test_this_cpu_has_the_golden_bits():
    spec = RunSpec(recipe=REPORT_RECIPES["net-relu"], seed=0, engine="torch", dataset="synthetic")
    assert run_first_steps(spec, "cpu", Path()).digests == GOLDEN, HINT


def emulated(cpu: str, models: tuple[str, ...], code: str, **variables: str) -> dict:
    """The first steps of `models` on an emulated CPU; `code` comes before torch is imported.

    The emulator itself crashes now and then with a process of many threads, which says nothing
    about bits: NumPy gets one thread, and a process that a signal ended is started again.
    """
    own = worker_environment({})
    # OPENBLAS_ names a CPU for numpy's OpenBLAS, and not the emulated one.
    plain = {
        name: value
        for name, value in os.environ.items()
        if name not in own and not name.startswith("OPENBLAS_")
    }
    code += (
        "import json\nfrom repro.execution import check_jobs\nfrom repro.spec import REPORT_RECIPES, RunSpec\n"
        f"check_jobs.REPORT_RECIPES = {{name: REPORT_RECIPES[name] for name in {models!r}}}\n"
        "recipe = REPORT_RECIPES['net-relu']\n"
        "spec = RunSpec(recipe=recipe, seed=0, engine='torch', dataset='synthetic')\n"
        "print(json.dumps(check_jobs.first_steps(spec)))"
    )
    for _ in range(3):
        done = subprocess.run(
            [QEMU, "-cpu", cpu, sys.executable, "-c", code], cwd=Path(__file__).parents[2],
            env={**plain, "OPENBLAS_NUM_THREADS": "1", **variables},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode >= 0:
            break
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.skipif(QEMU is None, reason="needs qemu-x86_64 (Debian's qemu-user)")
@pytest.mark.parametrize("cpu", CPUS)
def test_an_emulated_cpu_has_the_golden_bits(cpu):
    """Emulation is honest about the vectors that a CPU offers and about every rounding. The larger
    networks are left out: torch takes 2 and 10 minutes for their steps there."""
    models = ("net-relu", "net-leaky_relu", "net-swish")
    seen = emulated(cpu, models, "from repro.determinism import enter; enter()\n")
    assert seen == {name: GOLDEN[name] for name in models}, HINT


@pytest.mark.skipif(QEMU is None, reason="needs qemu-x86_64 (Debian's qemu-user)")
def test_without_the_environment_an_emulated_cpu_has_other_bits():
    """Else the tests above would prove nothing: it is the environment that makes CPUs agree."""
    code = "from repro.training import torch_engine; torch_engine.prepare_torch = lambda: None\n"
    seen = emulated("Nehalem", ("net-relu",), code, OMP_NUM_THREADS="1")
    assert seen["net-relu"] != GOLDEN["net-relu"]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_any_number_of_workers_in_any_order_gives_the_same_bits(tmp_path, workers):
    """A fresh process a run; what the caller has set for threads and vectors does not matter."""
    models = ("net-relu", "net-leaky_relu", "net-swish", "improved")
    tasks = [
        Task(
            spec=RunSpec(recipe=REPORT_RECIPES[m], seed=0, engine="torch", dataset="synthetic"),
            epochs=1,
        )
        for m in models
    ]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "OMP_NUM_THREADS": str(workers), "MKL_NUM_THREADS": "2", "MKL_CBWR": "AVX512",
            "ONEDNN_MAX_CPU_ISA": "AVX512_CORE", "ATEN_CPU_CAPABILITY": "avx512",
            "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA",
        }.items():  # fmt: skip
            patch.setenv(name, value)
        store = Store(tmp_path)
        ordered = tasks if workers != 2 else tasks[::-1]
        assert not run(
            ordered, store=store.root, home=tmp_path, workers=workers, on_event=lambda _: None
        )
    for task in tasks:
        trainer = Trainer(task.spec, synthetic())
        expected = trainer.train_epoch().weights_sha256
        assert store.load(task.spec).epochs[0].weights_sha256 == expected
