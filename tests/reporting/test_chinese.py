"""What is said of runs, checks and the machine, in Chinese."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from repro.execution.audit import Audit, Finding
from repro.execution.doctor import Diagnosis
from repro.reporting import check_tables, run_tables
from repro.runs.difference import difference_of
from repro.runs.store import Store
from repro.verdicts.snapshot import Check
from tests.chinese import HALF_WIDTH
from tests.examples import record

ONE = record("improved", accuracies={10: 0.70})
OTHER = dataclasses.replace(ONE, spec=dataclasses.replace(ONE.spec, seed=1))
MADE_UP = record(accuracies={10: 0.9}, dataset="synthetic")


def shown(renderable, width=80):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(renderable)
    return console.file.getvalue()


def audit(tmp_path):
    name = ONE.spec.name
    findings = [
        Finding(run=name, check="record", outcome="proved", text="10 epochs, as sealed"),
        Finding(run=name, check="training", outcome="proved", text="", epoch=3),
        Finding(run=name, check="training", outcome="proved", text="", epoch=4),
    ]
    return Audit(Store(tmp_path), tmp_path, [name], findings)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _: run_tables.list_runs([ONE, MADE_UP], "zh"), ["训练", "测试精度", "Dropout 关闭", "合成图像"]),
        (lambda _: run_tables.best_to_rich([ONE], "zh"), ["最佳轮", "最终"]),
        (lambda _: run_tables.best_to_markdown([ONE], "zh"), ["| 训练 | 轮数 |"]),
        (lambda _: run_tables.show_run(ONE, Path("f"), "zh"), ["种子", "数据集", "文件夹", "权重"]),
        (lambda _: run_tables.show_units(ONE, 10, [("conv1", 6, 1)], "zh"), ["层", "死亡", "6 个单元中 1 个"]),
        (
            lambda _: run_tables.show_difference(ONE, OTHER, difference_of(ONE, OTHER), "zh"),
            ["10 轮后的测试精度", "逐位相同"],
        ),
        (
            lambda p: f"{shown(check_tables.show_audit(audit(p), 'zh'))}{check_tables.summarise_audit(audit(p), 'zh')}",
            ["已证实", "重新训练，权重逐位相同：3 至 4", "没有被证伪的"],
        ),
        (
            lambda _: check_tables.show_levels(
                [Diagnosis(device="cpu", engine="kernels", guaranteed="L4", got=None, why="", first_steps=None)], "zh"
            ),
            ["设备", "引擎", "等级", "原因", "无"],
        ),
        (
            lambda _: check_tables.checks_to_rich([Check(what="a", listed="1", obtained="2", holds=False, text="")], "zh"),
            ["预期", "实际", "1 项核对：1 项不符"],
        ),
        (
            lambda _: check_tables.checks_to_markdown([Check(what="a", listed="1", obtained="1", holds=True, text="")], "zh"),
            ["1 项核对：全部相符", "| 预期 | 实际 |"],
        ),
    ],
)  # fmt: skip
def test_it_is_chinese(make, words, tmp_path):
    made = make(tmp_path)
    text = made if isinstance(made, str) else shown(made)
    for word in words:
        assert word in text, text
    assert not HALF_WIDTH.search(text)
    assert max(map(cell_len, shown(made).splitlines())) <= 80
    english = {
        "Run",
        "Epoch",
        "Epochs",
        "Other",
        "Listed",
        "Obtained",
        "Level",
        "Why",
        "Layer",
        "proved",
    }
    assert not english & set(re.findall(r"[A-Za-z]+", text)), text


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_runs_name_is_folded_and_never_cut(lang):
    assert "…" not in shown(run_tables.list_runs([ONE], lang), width=64)
