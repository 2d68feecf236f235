"""Sentences of the report, its cells and claims in Chinese, by their English template."""

from __future__ import annotations

SENTENCES = {
    "{path}: not a file of calibration: expected each bin once": (
        "{path}：不是校准文件：每个区间应只出现一次"
    ),
    (
        "expected an epoch and images from 1, a number in [0, {last}] and shares in [0, 1]; "
        "got {epoch}, {images}, {number} and {shares}"
    ): (
        "轮数和图像数应从 1 开始，编号应为 0 至 {last}，比例应为 0 至 1；实际为 {epoch}、"
        "{images}、{number} 和 {shares}"
    ),
    "{path}, line {line}: not a file of calibration: {error}": (
        "{path}，第 {line} 行：不是校准文件：{error}"
    ),
    "expected a table; got none of {known}": "应指定表号，但 {known} 一个也没有指定",
    "{path}: expected each cell once; got {names}": (
        "{path}：每个数值应只出现一次，重复的有：{names}"
    ),
    (
        "expected epochs from 1, an accuracy in [0, 1] and a tolerance in (0, 1]; got {row}, "
        "{expected}, {tolerance}"
    ): (
        "轮数应从 1 开始，精度应为 0 至 1，容差应大于 0 且不超过 1；实际为 {row}、{expected}、"
        "{tolerance}"
    ),
    "table {table!r}: expected {known} or all": "表 {table}：应为 {known} 之一，或 all",
    "--epochs {epochs}: table {table} begins with the row of {first} epochs": (
        "--epochs {epochs}：表 {table} 从 {first} 轮的一行开始"
    ),
    "{folder}: {name} has two values: {one}, {other}": (
        "{folder}：{name} 有两个值：{one}、{other}"
    ),
    (
        "{path}, line {line}: cannot be read as a figure of the report: model: expected one of "
        "{models}; got {model!r}"
    ): ("{path}，第 {line} 行：无法作为报告的数值读取：model：应为 {models} 之一，实际为 {model}"),
    "{path}, line {line}: cannot be read as a figure of the report: {error}": (
        "{path}，第 {line} 行：无法作为报告的数值读取：{error}"
    ),
    "{path}: expected each claim once; got {names}": (
        "{path}：每条论断应只出现一次，重复的有：{names}"
    ),
    "expected `greater`, or `cell` with `accuracy`, or `cell` with `right` and `images`": (
        "应有 `greater`，或 `cell` 与 `accuracy`，或 `cell` 与 `right` 和 `images`"
    ),
    "margin: expected a number in [0, 1) of pairs; got {margin}": (
        "margin：应不小于 0 且小于 1，且只用于成对比较，实际为 {margin}"
    ),
    "by: expected one pair that differs so much; got {count}": (
        "by：应只有一对相差该数值，实际有 {count} 对"
    ),
    "right: expected at most {images}; got {right}": "right：应不超过 {images}，实际为 {right}",
    "{path}: cannot be read as the report's claims: {error}": (
        "{path}：无法作为报告的论断读取：{error}"
    ),
    "expected a model that is known, at epochs that are read; got {figure!r}": (
        "应为已知模型及其评估轮次，实际为 {figure}"
    ),
    "model: expected one of {names}; got {model}": "model：应为 {names} 之一，实际为 {model}",
    "no runs yet: `repro table all` trains them, `--recorded` takes those of the package": (
        "还没有训练记录：可用 `repro table all` 训练，或用 `--recorded` 采用随包记录"
    ),
    "no recorded run is of this device and engine": "没有该设备和引擎的随包记录",
    "{path}: expected a row at least": "{path}：应至少有一行",
    "{path}: expected each cell once, with a verdict; got {row}": (
        "{path}：每个数值应只出现一次，并有判定，实际为 {row}"
    ),
    "{path}: expected each claim once; got {row}": "{path}：每条论断应只出现一次，实际为 {row}",
    "{path}: number of seeds: {error}": "{path}：种子数：{error}",
    "there is no cell that all {count} were trained for": (
        "没有全部 {count} 个候选设置都训练过的数值"
    ),
    "--report {folder}: expected a folder with report.toml and table-*.csv": (
        "--report {folder}：应为含有 report.toml 和 table-*.csv 的文件夹"
    ),
    "{path}: expected title, source and [models.NAME]; got {fields}": (
        "{path}：应有 title、source 和 [models.NAME]，实际有 {fields}"
    ),
    "{folder}: expected a table-NAME.csv; there is none": (
        "{folder}：应有 table-NAME.csv，但不存在"
    ),
    "{path}: expected another recipe for each model; two are the same": (
        "{path}：各模型的训练设置应互不相同，但有两个相同"
    ),
    "{where}: expected some of {fields}; got {model!r}": (
        "{where}：应只含 {fields} 中的字段，实际为 {model}"
    ),
    "{path}: cannot be read as TOML: {error}": "{path}：无法作为 TOML 读取：{error}",
    "expected two fitting seeds of both recipes; got {count}": (
        "两种训练设置都应有两个搜索用种子，实际有 {count} 个"
    ),
    "not listed": "列表中没有",
    "{finding}, {k} of {n}": "{finding}，{k}/{n}",
    "claim {name}": "论断 {name}",
    "{kind}, n = {n}": "{kind}，n = {n}",
    "table {table}, {cell}": "表 {table}，{cell}",
    "listed and not in expected_results/": "列表中有，而 expected_results/ 中没有",
    "a cell that is no success needs its reason in the list": "未复现的数值需要在列表中写明原因",
    "accuracy of {name}": "{name} 的精度",
    "seeds of {model}": "{model} 的种子",
    "{count} or more": "{count} 个或更多",
    "no bits are promised here, and so few accuracies tell nothing: --seeds {count}": (
        "此处不保证逐位相同，而这么少的精度不足以说明问题：--seeds {count}"
    ),
    "bits of {run}": "{run} 的逐位比较",
    "{count} epochs": "{count} 轮",
    "the same": "相同",
    "other from epoch {epoch}": "从第 {epoch} 轮起不同",
}
