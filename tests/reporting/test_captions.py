"""Captions that are computed from the runs."""

from __future__ import annotations

import dataclasses

from repro.reporting.figures.captions import caption
from repro.runs.store import Store
from repro.verdicts.evidence import Evidence
from tests.examples import record

READ = {10: 0.57, 30: 0.63, 60: 0.58, 100: 0.58}


def with_lowest_loss(one, epoch):
    epochs = [
        dataclasses.replace(each, validation_loss=1.0 + abs(each.epoch - epoch) / 100)
        for each in one.epochs
    ]
    return dataclasses.replace(one, epochs=tuple(epochs))


def test_losses_say_when_they_were_lowest(tmp_path):
    runs = [with_lowest_loss(record("net-relu", s, READ), 13 + 4 * s) for s in (0, 1)]
    runs.append(with_lowest_loss(record("resnet", 0, {10: 0.7}), 5))
    known = Evidence(Store(tmp_path), runs)
    assert caption("losses", known, "en").startswith(
        "The validation loss is lowest after epochs 13–17 (Net (ReLU)). From there on"
    ), "ten epochs of ResNet say nothing"
    assert caption("losses", known, "zh").startswith(
        "验证损失最低的轮数：第 13–17 轮（原模型（ReLU））。"
    )


def test_activations_stand_beside_the_reports(tmp_path):
    runs = [record("net-relu", 0, READ)]
    runs += [
        record(model, 0, {epoch: value + by for epoch, value in READ.items()})
        for model, by in (("net-leaky_relu", 0.01), ("net-swish", -0.02))
    ]
    known = Evidence(Store(tmp_path), runs)
    assert caption("activations", known, "en") == (
        "Mean difference from ReLU: Leaky ReLU +0.0100 (report +0.0149), "
        "Swish -0.0200 (report +0.0052)."
    )


def test_differences_count_the_intervals_that_contain_the_report(tmp_path):
    runs = [
        record("net-relu", seed, {10: 0.5744, 30: 0.7, 60: 0.5765, 100: 0.5797}) for seed in (0, 1)
    ]
    runs = [
        dataclasses.replace(
            each,
            readings=tuple(
                dataclasses.replace(r, accuracy=round(r.accuracy + 0.002 * seed, 4))
                for r in each.readings
            ),
        )
        for seed, each in enumerate(runs)
    ]
    known = Evidence(Store(tmp_path), runs)
    assert caption("differences", known, "en") == (
        "3 of 4 intervals for one new run contain the report's value (0)."
    )


def test_without_runs_nothing_is_said(tmp_path):
    nothing = Evidence(Store(tmp_path), [])
    for name in ("losses", "activations", "differences", "filters"):
        assert caption(name, nothing, "en") == ""


def test_an_interval_that_is_too_wide_to_tell_is_not_counted(tmp_path):
    """As the verdict says: it contains the report's value and much else."""
    runs = [record("net-relu", s, {10: 0.4 + 0.3 * s}) for s in (0, 1)]
    runs += [record("resnet", s, {10: 0.708 + 0.001 * s}) for s in range(5)]
    known = Evidence(Store(tmp_path), runs)
    assert caption("differences", known, "en") == (
        "1 of 1 intervals for one new run contain the report's value (0)."
    )
    only_wide = Evidence(Store(tmp_path), runs[:2])
    assert caption("differences", only_wide, "en") == ""
