"""What this machine has to train with."""

from __future__ import annotations

import os
import subprocess

import pytest

from repro.execution import devices
from repro.reporting.sentences import in_language


def group(root, path, **files):
    folder = root / path.lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text + "\n")


@pytest.mark.parametrize(
    ("limits", "cores"),
    [
        ({"/": "200000 100000"}, 2),
        ({"/": "150000 100000"}, 2),
        ({"/": "50000 100000"}, 1),
        ({"/": "max 100000"}, 8),
        ({"/": "max 100000", "/a": "300000 100000", "/a/b": "max 100000"}, 3),
        ({"/": "max 100000", "/a": "300000 100000", "/a/b": "100000 50000"}, 2),
        ({"/": "1600000 100000"}, 8),
        ({"/": "no number"}, 8),
        ({}, 8),
    ],
)
def test_a_cpu_quota_counts_as_so_many_cores(tmp_path, monkeypatch, limits, cores):
    """Of this group or of one above it, by control groups of version 2."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    for path, limit in limits.items():
        group(tmp_path / "fs", path, cpu__max=limit)
    (tmp_path / "cgroup").write_text(f"0::{max(limits, key=len, default='/')}\n")
    monkeypatch.setattr(devices, "_GROUPS", (tmp_path / "fs", tmp_path / "cgroup"))
    assert devices.cores() == cores


@pytest.mark.parametrize(("quota", "cores"), [("250000", 3), ("-1", 8)])
def test_a_quota_by_version_1_too(tmp_path, monkeypatch, quota, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    group(tmp_path / "fs", "/cpu,cpuacct/job", cpu__cfs_quota_us=quota, cpu__cfs_period_us="100000")
    (tmp_path / "cgroup").write_text("5:memory:/job\n4:cpu,cpuacct:/job\n")
    monkeypatch.setattr(devices, "_GROUPS", (tmp_path / "fs", tmp_path / "cgroup"))
    assert devices.cores() == cores


def test_a_machine_without_control_groups_has_all_its_cores(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    monkeypatch.setattr(devices, "_GROUPS", (tmp_path / "none", tmp_path / "nothing"))
    assert devices.cores() == 3


@pytest.mark.parametrize(
    ("printed", "chinese"),
    [
        (
            'repro: cards follow\n{"template": "the GPU\'s driver answers {value}",'
            ' "values": {"value": "E"}}\n',
            "GPU 驱动返回 E",
        ),
        ("repro: cards follow\n{no JSON\n", "the GPU's driver answers E"),
        ("", "the GPU's driver answers E"),
    ],
)
def test_why_no_gpu_trains_can_be_translated(monkeypatch, printed, chinese):
    done = subprocess.CompletedProcess([], 1, stdout=printed, stderr="the GPU's driver answers E\n")
    monkeypatch.setattr(devices.subprocess, "run", lambda *_, **__: done)
    monkeypatch.setattr(devices, "_has_driver", lambda: True)
    cards, why = devices.try_gpus.__wrapped__()
    assert (cards, why) == ((), "the GPU's driver answers E")
    assert in_language(why, "zh") == chinese
