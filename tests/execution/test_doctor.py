from __future__ import annotations

import dataclasses
import json

import msgspec
import pytest

from repro.command_line import exit_codes
from repro.errors import TrainingError
from repro.execution import doctor, golden
from repro.execution.doctor import Checkup, Diagnosis, examine, judge
from repro.execution.messages import FirstSteps
from repro.spec import REPORT_RECIPES, RunSpec
from tests.examples import ENVIRONMENT

TORCH, DIGESTS = next(iter(golden.TORCH.items()))
KERNELS = RunSpec(recipe=REPORT_RECIPES["net-relu"], seed=0, dataset="synthetic")
SPEC = dataclasses.replace(KERNELS, engine="torch")


def first_steps(torch=f"{TORCH}+cpu", **changed):
    return FirstSteps(
        run=SPEC.name, environment=dataclasses.replace(ENVIRONMENT, torch=torch), capability="AVX2",
        digests={**DIGESTS, **changed},
    )  # fmt: skip


@pytest.fixture(autouse=True)
def on_x86_64(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


def test_the_golden_bits_are_the_highest_level():
    level, why = judge(SPEC, first_steps(), first_steps())
    assert (level, why) == (
        "L3",
        "the first steps of 5 models have the bits that they have everywhere",
    )


def test_other_bits_than_golden_ones_are_reported_and_no_level_3():
    level, why = judge(SPEC, first_steps(resnet="0"), first_steps(resnet="0"))
    assert level == "L1"
    assert why.startswith(f"the first steps of resnet have other bits than torch {TORCH} gives")


def test_a_torch_without_golden_bits_shows_level_1():
    level, why = judge(SPEC, first_steps("2.99.0"), first_steps("2.99.0"))
    assert level == "L1"
    assert f"there are none to compare with for torch 2.99.0, only for {TORCH}" in why


def test_two_processes_with_different_bits_are_merely_seeded():
    level, why = judge(SPEC, first_steps(), first_steps(improved="0"))
    assert (level, why) == ("L0", "two processes gave different bits for improved")


def test_the_kernels_have_level_4():
    def of_kernels(**changed):
        seen = first_steps()
        return msgspec.structs.replace(seen, digests={**golden.KERNELS, **changed})

    assert judge(KERNELS, of_kernels(), of_kernels()) == (
        "L4", "the first steps of 5 models have the bits that they have everywhere",
    )  # fmt: skip
    level, why = judge(KERNELS, of_kernels(improved="0"), of_kernels(improved="0"))
    assert level == "L1"
    assert why.startswith("the first steps of improved have other bits than the kernels give")


def test_what_is_promised_less_is_not_compared_with_golden_bits():
    spec = dataclasses.replace(SPEC, device="cuda")
    level, why = judge(spec, first_steps(resnet="0"), first_steps(resnet="0"))
    assert level == "L1"
    assert why.endswith("two processes gave the same bits for all 5 models")


def test_a_machine_that_cannot_train_says_why(tmp_path, monkeypatch):
    def refuse(*_):
        raise TrainingError("the torch engine needs a CPU with AVX2")

    monkeypatch.setattr(doctor, "run_first_steps", refuse)
    diagnosis = examine("cpu", "torch", tmp_path)
    assert (diagnosis.guaranteed, diagnosis.got) == ("L3", None)
    assert diagnosis.why == "the torch engine needs a CPU with AVX2"
    assert exit_codes.of_checkup(Checkup(facts={}, diagnoses=[diagnosis])) == 4


@pytest.mark.parametrize(
    ("guaranteed", "got", "code"),
    [
        ("L4", "L4", 0),
        ("L4", "L3", 1),
        ("L3", "L3", 0),
        ("L3", "L1", 1),
        ("L1", "L0", 1),
        ("L0", "L1", 0),
    ],
)
def test_a_level_below_the_guarantee_is_exit_code_1(guaranteed, got, code):
    diagnosis = Diagnosis(
        device="cpu", engine="torch", guaranteed=guaranteed, got=got, why="", first_steps=None
    )
    assert exit_codes.of_checkup(Checkup(facts={}, diagnoses=[diagnosis])) == code


def test_a_checkup_has_what_a_report_of_a_problem_needs(tmp_path, monkeypatch):
    def examined(device, engine, home):
        return Diagnosis(
            device=device,
            engine=engine,
            guaranteed="L1",
            got="L1",
            why="",
            first_steps=first_steps(),
        )

    monkeypatch.setattr(doctor, "examine", examined)
    monkeypatch.setattr(doctor, "has_cuda", lambda: True)
    checkup = doctor.check_up(tmp_path / "none" / "yet")
    assert [(each.device, each.engine) for each in checkup.diagnoses] == [
        ("cpu", "kernels"),
        ("cuda", "kernels"),
        ("cpu", "torch"),
    ]
    assert checkup.facts["data set"].startswith("missing or damaged")
    assert checkup.facts["torch"] == f"{TORCH}+cpu"
    assert checkup.facts["processor"] == "Test CPU"
    told = json.loads(checkup.to_json())
    assert told["levels"][0]["rehearsed"]["digests"].keys() == REPORT_RECIPES.keys()
