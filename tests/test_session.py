from __future__ import annotations

import pytest

from repro.runner import Task
from repro.session import _announcement
from repro.spec import REPORT_RECIPES, RunSpec, engine_for


@pytest.mark.parametrize(
    ("machine", "device", "words"),
    [
        ("x86_64", "cpu", "1 run, on cpu (kernels), level L4: the same bits"),
        ("aarch64", "cpu", "level L4: the same bits on any CPU and operating system"),
        ("arm64", "mps", "1 run, on mps, level L0: seeded, but Apple's GPU promises"),
        (
            "x86_64",
            "cuda",
            "on cuda, level L1: the same bits on one GPU model, torch and cuDNN, as",
        ),
    ],
)
def test_a_run_begins_with_what_its_bits_may_be_relied_on_for(monkeypatch, machine, device, words):
    monkeypatch.setattr("platform.machine", lambda: machine)
    recipe = REPORT_RECIPES["net-relu"]
    spec = RunSpec(recipe=recipe, seed=0, device=device, engine=engine_for(recipe, device))
    said = _announcement([Task(spec=spec, epochs=10)], {spec.name: None}, 2, 1)
    first, *rest = said.splitlines()
    assert words in first
    assert len(rest) == (device == "cpu"), "the time is known for CPUs only"
