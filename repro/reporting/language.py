"""The languages of what people read, and the Chinese words of tables and figures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum
from typing import Literal, get_args

from repro.errors import UsageError, sentence

Language = Literal["en", "zh"]

LANGUAGES: tuple[Language, ...] = get_args(Language)

_LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")
"""The first of these that is set decides, as POSIX says of the language of messages."""


def resolve_language(
    given: Language | None = None, environment: Mapping[str, str] = os.environ
) -> Language:
    """The language to answer in: `given` by an option, else REPRO_LANG, else that of the locale.

    An empty variable counts as one that is not set. Every locale but a Chinese one means English.

    Raises:
        UsageError: REPRO_LANG is neither "en" nor "zh".
    """
    if given is not None:
        return given
    if chosen := environment.get("REPRO_LANG"):
        for language in LANGUAGES:
            if chosen == language:
                return language
        # Not guessed at: a mistyped value would go unnoticed where the locale happens to fit.
        raise UsageError(sentence("REPRO_LANG: expected en or zh; got {chosen!r}", chosen=chosen))
    locale = next((value for name in _LOCALE if (value := environment.get(name))), "")
    return "zh" if locale.lower().startswith("zh") else "en"


_MODELS = {
    "Net (ReLU)": "原模型（ReLU）",
    "Net (Leaky ReLU)": "原模型（Leaky ReLU）",
    "Net (Swish)": "原模型（Swish）",
    "ImprovedNet": "改进后模型",
}

CHINESE = {
    "Table": "表",
    "Model": "模型",
    "Epochs": "轮数",
    "Report": "报告",
    "Ours": "本次均值",
    "Recorded": "随包均值",
    "SD": "标准差",
    "n": "n",
    "Diff.": "差值",
    "95% interval": "95% 预测区间",
    "Margin": "等效界",
    "Verdict": "判定",
    **_MODELS,
    "Net (Sigmoid)": "原模型（Sigmoid）",
    "ImprovedNet without dropout": "改进后模型（去掉 Dropout）",
    "ResNet": "ResNet",
    ", dropout off": "（Dropout 关闭）",
    ", dropout on": "（Dropout 开启）",
    "none": "无",
    "REPRODUCED": "已复现",
    "CLOSE": "接近",
    "ONE RUN": "仅一次训练",
    "DIFFERS": "不一致",
    "INCONCLUSIVE": "无法判定",
    "NOT RUN": "未运行",
    "MADE UP": "合成图像",
    "The report says": "报告称",
    "Place": "出处",
    "Holds in": "成立",
    "Next": "下一次",
    "Difference": "差值",
    "Report's": "报告差值",
    "Finding": "判定",
    "Figures together": "一组数值",
    "p, one run": "p（同次）",
    "p, own runs": "p（各自）",
    "SUPPORTED": "得到支持",
    "COMPATIBLE": "相符",
    "EQUIVALENT": "没有差别",
    "CONTRADICTED": "不成立",
    "OPEN": "尚无定论",
    # the recipe search
    "Stage": "阶段",
    "Candidates": "候选设置",
    "Cells": "数值",
    "Seeds": "种子",
    "Nearest": "最接近者",
    "In use": "现用设置",
    "Rank": "名次",
    "momentum": "动量",
    # what a run's bits may be relied on for
    "the same bits on any CPU, operating system and NVIDIA GPU": (
        "在任何 CPU、操作系统和 NVIDIA GPU 上逐位相同"
    ),
    "the same bits on one GPU model, torch and cuDNN": (
        "GPU 型号、torch 和 cuDNN 版本相同时逐位相同"
    ),
    "seeded, but Apple's GPU guarantees no bits": "固定随机种子，但 Apple GPU 不保证逐位相同",
    "the same bits on the same machine": "在同一台机器上逐位相同",
    "the same bits on any x86-64 CPU with AVX2": "在任何支持 AVX2 的 x86-64 CPU 上逐位相同",
}
"""Of tables and what stands above and below them."""

FIGURE_WORDS = {
    **_MODELS,
    "ImprovedNet, dropout on": "改进后模型（Dropout 开启）",
    "ImprovedNet, dropout off": "改进后模型（Dropout 关闭）",
    "test, dropout off": "测试集（Dropout 关闭）",
    # classes
    "airplane": "飞机",
    "automobile": "汽车",
    "bird": "鸟",
    "cat": "猫",
    "deer": "鹿",
    "dog": "狗",
    "frog": "青蛙",
    "horse": "马",
    "ship": "船",
    "truck": "卡车",
    # axes and legends
    "epochs": "训练轮数",
    "accuracy": "精度",
    "loss": "损失",
    "training": "训练集",
    "validation": "验证集",
    "test": "测试集",
    "test accuracy": "测试精度",
    "95% prediction interval": "95% 预测区间",
    "report": "报告",
    "report, outside the interval": "报告（落在区间外）",
    "ours minus report": "复现减报告",
    "tolerance": "容差",
    "difference of test accuracy": "测试精度之差",
    "one seed": "一个种子",
    "seed": "种子",
    "mean, 95%": "平均，95% 置信区间",
    "true class": "真实类别",
    "predicted class": "预测类别",
    "Leaky ReLU minus ReLU": "Leaky ReLU 减 ReLU",
    "Swish minus ReLU": "Swish 减 ReLU",
    "function": "函数",
    "derivative": "导数",
    "input": "输入",
    "kernel": "卷积核",
    "output": "输出",
    "step": "步骤",
    "parameters": "参数",
    "pool": "池化",
    "conv": "卷积",
    "dropout": "Dropout",
    "File": "文件",
    "mean confidence": "平均置信度",
    "share that is right": "正确的比例",
    "share of the images": "图像所占比例",
    "calibration error": "校准误差",
    "Bytes": "字节",
    "Image": "图像",
    "Category": "类别",
    "shortcut": "跳跃连接",
    # the recipe search
    "stage": "阶段",
    "cells": "个数值",
    "score (RMS)": "得分（均方根差）",
    "the recipe in use": "现用设置",
    "the nearest of the last stage": "最后一个阶段中最接近的候选设置",
}
"""Of figures: models, classes, axes and legends."""

RUN_WORDS = {
    "Run": "训练",
    "Test": "测试精度",
    "Other": "另一评估",
    "Epoch": "轮",
    "Engine": "引擎",
    "Time": "用时",
    "Best": "最佳轮",
    "Best\nval.": "最佳\n验证精度",
    "Final\nval.": "最终\n验证精度",
    "Train loss": "训练损失",
    "Last batch": "末批损失",
    "Val. loss": "验证损失",
    "Validation": "验证精度",
    "Weights": "权重",
    "Layer": "层",
    "Units": "单元",
    "Dead": "死亡",
    "run": "训练",
    "digest": "哈希",
    "recipe": "训练设置",
    "seed": "种子",
    "device": "设备",
    "data set": "数据集",
    "environment": "环境",
    "epochs": "轮数",
    "best epoch": "最佳轮",
    "folder": "文件夹",
    "record": "记录",
    "accuracy": "精度",
    "predictions": "预测",
    "training": "训练",
    "proved": "已证实",
    "refuted": "被证伪",
    "not checked": "未核查",
    "not comparable": "不可比",
    "failed": "未能完成",
    "Device": "设备",
    "Level": "等级",
    "Why": "原因",
    "system": "系统",
    "cores": "核心",
    "home": "存放位置",
    "What": "项目",
    "Listed": "预期",
    "Obtained": "实际",
    "Note": "说明",
    "Class": "类别",
}
"""Of lists of runs, of checks and of the machine."""


def choose(lang: Language, *, en: str, zh: str) -> str:
    """The one of two sentences that is in `lang`."""
    return en if lang == "en" else zh


def translate(text: str, lang: Language) -> str:
    """A word of a table, which is English, in `lang`; what has no translation stays as it is."""
    english = text.value if isinstance(text, Enum) else text
    if lang == "en":
        return english
    return CHINESE.get(english) or RUN_WORDS.get(english, english)
