"""Levels of determinism, and the environment that torch needs before it is imported.

The environment caps the vector width of every library under torch at AVX2 and fixes MKL's code
path, so that any x86-64 CPU with AVX2 takes the same instructions in the same order. It uses one
intra-op thread, since a sum split over threads depends on their number. The kernels need none of
this: their bits are those of their text.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from repro.errors import TrainingError, listed, sentence
from repro.spec import Device, Engine

Level = Literal["L0", "L1", "L3", "L4"]
"""L0: seeded. L1: the same bits on the same machine, rerun or resumed, with any number of workers.
L3: the same bits on any x86-64 CPU with AVX2 and one version of torch. L4: the same bits on any
CPU, operating system and NVIDIA GPU, whatever compiled them, however many threads compute and in
whatever company a run is trained. Whatever the caller's
environment sets (L2) is overruled at every level, so L2 is never the highest."""

_X86_64 = {"x86_64", "AMD64"}

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MKL_DYNAMIC": "FALSE",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
    "TORCH_DISABLE_NATIVE_JIT": "1",  # such code needs a compiler that a machine may lack
}
_OTHER_KNOBS = (
    "DNNL_MAX_CPU_ISA",
    "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE",
    "ONEDNN_CPU_ISA_HINTS",
    "DNNL_CPU_ISA_HINTS",
    "MKL_DOMAIN_NUM_THREADS",
    "GOMP_CPU_AFFINITY",
    "OMP_PLACES",
    "OMP_PROC_BIND",  # puts every worker on the first core
    "OMP_DYNAMIC",
    "KMP_AFFINITY",
    "MKL_DEBUG_CPU_TYPE",
    "NVIDIA_TF32_OVERRIDE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "GLIBC_TUNABLES",  # can take libm's vector code away
    "CUBLAS_EMULATE_SINGLE_PRECISION",
    "CUBLAS_EMULATION_STRATEGY",
    "CUBLASLT_WORKSPACE_SIZE",
    "TORCH_BLAS_PREFER_CUBLASLT",
    "DISABLE_ADDMM_CUDA_LT",
    "PYTORCH_TUNABLEOP_ENABLED",
    "TORCH_CUDNN_V8_API_DISABLED",
    "TORCH_CUDNN_USE_HEURISTIC_MODE_B",
    "PYTORCH_CUDA_ALLOC_CONF",
    "PYTORCH_SUM_INNER_TREE",
)

_entered = False


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What a run's bits may be relied on for."""

    level: Level
    text: str


def is_x86_64(machine: str) -> bool:
    """Whether `machine`, as `platform.machine()` names it, has the portable profile's instructions
    to offer."""
    return machine in _X86_64


def guarantee(device: Device, engine: Engine, machine: str) -> Guarantee:
    """The level that a run on `device` of a `machine` (`platform.machine()`) is guaranteed.

    Example:
        >>> guarantee("cpu", "kernels", "aarch64").level
        'L4'
        >>> guarantee("cuda", "torch", "x86_64").level
        'L1'
    """
    if engine == "kernels":
        return Guarantee("L4", "the same bits on any CPU, operating system and NVIDIA GPU")
    if device == "cuda":
        return Guarantee("L1", "the same bits on one GPU model, torch and cuDNN")
    if device == "mps":
        return Guarantee("L0", "seeded, but Apple's GPU guarantees no bits")
    if not is_x86_64(machine):
        return Guarantee("L0", f"seeded, but nothing is known of the bits on {machine}")
    if engine == "native":
        return Guarantee("L1", "the same bits on the same machine")
    return Guarantee("L3", "the same bits on any x86-64 CPU with AVX2")


def worker_environment(caller: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment with torch's in force, whatever the caller had set."""
    kept = {name: value for name, value in caller.items() if name not in _OTHER_KNOBS}
    return {**kept, **_ENVIRONMENT}


def enter() -> None:
    """Put torch's environment in force in this process, for good; it must not have imported torch
    yet.

    Torch and the libraries under it read the environment once, some when they are loaded and some
    at their first use, and cannot be asked later what they read.

    Raises:
        TrainingError: it is too late.
    """
    global _entered  # noqa: PLW0603 - the environment is the process's, and so is this
    if not _entered and "torch" in sys.modules:
        raise TrainingError(
            sentence(
                "the environment comes too late: torch was imported before it and has "
                "read the old one; call repro.determinism.enter() first, or let the "
                "repro command train"
            )
        )
    if "GLIBC_TUNABLES" in os.environ:
        raise TrainingError(
            sentence(
                "GLIBC_TUNABLES was read when this process started and can change its "
                "arithmetic; expected it unset"
            )
        )
    wanted = worker_environment(os.environ)
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)
    _entered = True


def require() -> None:
    """Check that :func:`enter` put torch's environment in force and that nothing has undone it.

    Raises:
        TrainingError: other bits would come out.
    """
    if not _entered:
        raise TrainingError(sentence("expected repro.determinism.enter() before torch is imported"))
    wanted = worker_environment(os.environ)
    changed = sorted(
        name for name in wanted.keys() | os.environ.keys()
        if wanted.get(name) != os.environ.get(name)
    )  # fmt: skip
    if changed:
        raise TrainingError(
            sentence(
                "torch's environment was changed after it was put in force: {changed}",
                changed=listed(changed),
            )
        )
