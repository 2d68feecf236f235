"""What this machine has to train with, and which of it is chosen where the user leaves it open."""

from __future__ import annotations

import functools
import json
import math
import os
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from repro.errors import UsageError, from_json, sentence
from repro.paths import import_code
from repro.runs.selection import DeviceChoice
from repro.spec import EARLIER_ENGINES, Device, Engine, EngineChoice, Recipe, engine_for


def choose_device(choice: DeviceChoice) -> Device:
    """Resolve "auto": CUDA where a card can train. MPS is never chosen unasked: its bits vary.

    Raises:
        UsageError: a device that is not here.
    """
    if choice == "auto":
        return "cuda" if has_cuda() else "cpu"
    if choice == "cuda" and not has_cuda():
        raise UsageError(
            sentence(
                "--device cuda: expected an NVIDIA GPU that can train; {why}",
                why=try_gpus()[1],
            )
        )
    if choice == "mps" and sys.platform != "darwin":
        raise UsageError(sentence("--device mps: expected a Mac with Apple's GPU"))
    return choice


def choose_engine(choice: EngineChoice, recipe: Recipe, device: Device) -> Engine:
    """Resolve "auto" for a run that is to be trained.

    Raises:
        UsageError: an engine of version 0.1, which trains no more.
    """
    if choice == "auto":
        return engine_for(recipe, device)
    if choice in EARLIER_ENGINES:
        raise UsageError(
            sentence(
                "--engine {choice}: runs of version 0.1, which can be shown but not "
                "trained; expected auto, kernels or torch",
                choice=choice,
            )
        )
    return choice


_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
"""Where Linux has its control groups, and which of them this process is in."""


def cores() -> int:
    """Cores that this process may use: those it may run on, and no more than its CPU quota."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cpu_quota()
    return here if quota is None else max(1, min(here, math.ceil(quota)))


def _cpu_quota() -> float | None:
    """Cores' worth of time that containers and batch systems leave this process, by the control
    groups of version 1 or 2; None where there is no limit."""
    root, own = _GROUPS
    limits = []
    for line in _lines(own):
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        # Version 2 names no controller, version 1 has a folder for each set of them.
        base = root / controllers if controllers else root
        if controllers and "cpu" not in controllers.split(","):
            continue
        folder = base / path.lstrip("/")
        while folder.is_relative_to(base):  # a group's limit holds for those in it
            limits.append(_limit_of(folder))
            folder = folder.parent
    return min((each for each in limits if each is not None), default=None)


def _limit_of(group: Path) -> float | None:
    """One group's quota over its period; None without."""
    words = " ".join(_lines(group / "cpu.max")).split() or [
        *_lines(group / "cpu.cfs_quota_us"), *_lines(group / "cpu.cfs_period_us"),
    ]  # fmt: skip
    try:
        quota, period = (float(word) for word in words)
    except ValueError:  # "max", or another form
        return None
    return quota / period if quota > 0 and period > 0 else None


def _lines(path: Path) -> list[str]:
    try:
        return os.fsdecode(path.read_bytes()).splitlines()
    except OSError:
        return []


def default_workers(device: Device) -> int:
    """Runs at a time: one a core this process may use, or one an accelerator."""
    if device == "cpu":
        return cores()
    return max(1, len(try_gpus()[0])) if device == "cuda" else 1


Card: TypeAlias = tuple[int, str]
"""An NVIDIA GPU's number for the driver, and its name."""

_FOLLOW = "repro: cards follow"


@functools.cache
def try_gpus() -> tuple[tuple[Card, ...], str]:
    """The NVIDIA GPUs that train here, and why there is none: each is seen and, in another process,
    does a sum."""
    if not _has_driver():
        return (), sentence("no NVIDIA GPU is here")
    code = f"{import_code()}from repro.kernels.cuda.gpu import main; print({_FOLLOW!r}); main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, errors="replace", check=False
    )
    # Python may have printed something as it started.
    cards = done.stdout.rpartition(_FOLLOW)[2].splitlines()
    if done.returncode == 0:
        pairs = (line.split(" ", 1) for line in cards if line)
        return tuple((int(number), name) for number, name in pairs), ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    if lines:
        told = {}
        with suppress(StopIteration, ValueError):
            told = json.loads(next(line for line in cards if line.startswith("{")))
        return (), from_json(lines[-1], told)
    return (), sentence("trying it ended with code {code}", code=done.returncode)


def gpu_names() -> str:
    """The GPUs that train here, for people: "NVIDIA H200", or "2 x NVIDIA H200"."""
    counts = Counter(name for _, name in try_gpus()[0])
    return ", ".join(name if n == 1 else f"{n} x {name}" for name, n in counts.items())


def _has_driver() -> bool:
    return Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None


def has_cuda() -> bool:
    """Whether an NVIDIA GPU can train here."""
    return bool(try_gpus()[0])
