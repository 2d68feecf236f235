from __future__ import annotations

import pytest

from repro.commands.train import _announcement, make_task
from repro.spec import REPORT_RECIPES


@pytest.mark.parametrize(
    ("machine", "device", "words"),
    [
        ("x86_64", "cpu", "1 run, on cpu (kernels), level L4: the same bits"),
        ("aarch64", "cpu", "level L4: the same bits on any CPU, operating system and NVIDIA GPU"),
        ("arm64", "mps", "1 run, on mps (torch), level L0: seeded, but Apple's GPU guarantees"),
        ("x86_64", "cuda", "1 run, on cuda (kernels), level L4: the same bits on any CPU, op"),
    ],
)
def test_a_run_begins_with_what_its_bits_may_be_relied_on_for(monkeypatch, machine, device, words):
    monkeypatch.setattr("platform.machine", lambda: machine)
    recipe = REPORT_RECIPES["net-relu"]
    task = make_task(recipe, 0, 10, device, "auto", "cifar10")
    said = _announcement([task], {task.spec.name: None}, 2, 1)
    first, *rest = said.splitlines()
    assert words in first
    assert len(rest) == (device == "cpu"), "the time is known for CPUs only"


def test_runs_on_a_gpu_are_trained_together_on_a_card_that_has_a_name():
    tasks = [
        make_task(REPORT_RECIPES["net-relu"], seed, 10, "cuda", "auto", "cifar10")
        for seed in (0, 1)
    ]
    done = {task.spec.name: None for task in tasks}
    said = _announcement(tasks, done, 1, 1, "NVIDIA H200")
    assert said.startswith("2 runs together, on NVIDIA H200 (kernels), level L4: the same bits")


def test_an_announcement_is_chinese_from_its_first_to_its_last_word(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    tasks = [
        make_task(REPORT_RECIPES["net-relu"], seed, 10, "cpu", "auto", "cifar10") for seed in (0, 1)
    ]
    done = {task.spec.name: None for task in tasks}
    first, second = _announcement(tasks, done, 2, 2, lang="zh").splitlines()
    assert first == (
        "2 次训练（同时进行 2 次），使用 2 核 cpu（kernels），确定性等级 L4："
        "在任何 CPU、操作系统和 NVIDIA GPU 上逐位相同"
    )
    assert second.startswith("预计约 ")
    assert second.endswith("（按 AMD EPYC 9004 的速度估算）")
