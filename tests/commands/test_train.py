from __future__ import annotations

import pytest

from repro.commands.train import _announcement, make_task
from repro.spec import REPORT_RECIPES


@pytest.mark.parametrize(
    ("machine", "device", "words"),
    [
        ("x86_64", "cpu", "1 run, on cpu (kernels), level L4: the same bits"),
        ("aarch64", "cpu", "level L4: the same bits on any CPU, operating system and NVIDIA GPU"),
        ("arm64", "mps", "1 run, on mps (torch), level L0: seeded, but Apple's GPU promises"),
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
