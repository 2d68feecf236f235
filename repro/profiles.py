"""Determinism profiles: the environment that a compute process needs before torch is imported.

`portable` caps the vector width of every kernel library at AVX2 and fixes MKL's code path, so
that any x86-64 CPU with AVX2 takes the same instructions in the same order. `native` leaves the
CPU its widest vectors: faster on some, the same bits only on the same machine. Both use one
intra-op thread, since a sum split over threads depends on their number.
"""

from __future__ import annotations

from collections.abc import Mapping

from repro.spec import Profile

_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MKL_DYNAMIC": "FALSE",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}
_PORTABLE = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
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
    "OMP_DYNAMIC",
    "KMP_AFFINITY",
)


def environment(profile: Profile) -> dict[str, str]:
    """The variables that `profile` sets."""
    return {**_ONE_THREAD, **(_PORTABLE if profile == "portable" else {})}


def worker_environment(profile: Profile, caller: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment with `profile` in force, whatever the caller had set."""
    dropped = {*_PORTABLE, *_OTHER_KNOBS}
    kept = {name: value for name, value in caller.items() if name not in dropped}
    return {**kept, **environment(profile)}
