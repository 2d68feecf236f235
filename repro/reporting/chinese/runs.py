"""Sentences of runs and their files in Chinese, by their English template."""

from __future__ import annotations

SENTENCES = {
    "{path}, line {line}: {error}": "{path}，第 {line} 行：{error}",
    "--epoch {epoch}: {run} has checkpoints of {names}": (
        "--epoch {epoch}：{run} 有这些检查点：{names}"
    ),
    "{path}: the checkpoint is damaged; delete it to go on without it": (
        "{path}：检查点已损坏；删除它后即可继续"
    ),
    "{path}: expected the checkpoint of this run; got {run}'s": (
        "{path}：应为该训练的检查点，实际为 {run} 的检查点"
    ),
    "{path}: the weights are not those of the checkpoint's history": (
        "{path}：权重与检查点的历史不一致"
    ),
    (
        "{path}: expected a checkpoint of epoch 1 to {count}, as far as the record goes; got "
        "epoch {epoch} (of a run under way: wait, or let it go on)"
    ): (
        "{path}：应为第 1 至 {count} 轮（训练记录的范围）的检查点，实际为第 {epoch} "
        "轮（如果正在训练，请等待或让它继续）"
    ),
    (
        "{path}: expected the record's weights after epoch {epoch}, SHA-256 {expected}; got "
        "{obtained}"
    ): (
        "{path}：第 {epoch} 轮后的权重应与训练记录一致，其 SHA-256 应为 {expected}，实际为 "
        "{obtained}"
    ),
    "{run}: expected a run with a checkpoint; none of it is stored here": (
        "{run}：需要存有检查点的训练记录，但这里没有保存它的检查点"
    ),
    "{path}: expected a checkpoint; it is no regular file": (
        "{path}：应为检查点，但它不是普通文件"
    ),
    "{path}: not a checkpoint: {error}; delete it to go on without it": (
        "{path}：不是检查点：{error}；删除它后即可继续"
    ),
    "{path}: expected epoch {chosen}; got {at}": "{path}：应为第 {chosen} 轮，实际为第 {at} 轮",
    ("--where: expected FIELD, one of = != < <= > >=, and a value, such as seed<5; got {text!r}"): (
        "--where：应依次为字段、= != < <= > >= 之一和值，例如 seed<5，实际为 {text}"
    ),
    "--where: expected one of the fields {fields}; got {field!r}": (
        "--where：字段应为 {fields} 之一，实际为 {field}"
    ),
    "--where: {field}: expected a number; got {value!r}": (
        "--where：{field}：应为数字，实际为 {value}"
    ),
    "--where: {field}: expected = or !=; got {sign!r}": (
        "--where：{field}：应为 = 或 !=，实际为 {sign}"
    ),
    "{place}: expected {expected}; got {given}": "{place}：应为 {expected}，实际为 {given}",
    "the same values, but other bytes than were written": "值相同，但文件的字节与写入时不同",
    "changed after it was written: {difference}": "写入后被修改：{difference}",
    "{source}: not a run record: {difference}": "{source}：不是训练记录：{difference}",
    "epoch {epoch}: expected finite losses; got {losses}": (
        "第 {epoch} 轮：损失应为有限值，实际为 {losses}"
    ),
    (
        "environment: expected one of the {engine} engine, as the run's; got torch, "
        "torchvision, kernels = {named}"
    ): (
        "environment：应与训练所用的 {engine} 引擎一致，实际 torch、torchvision、kernels = {named}"
    ),
    "readings: expected rising epochs up to {count}; got {read}": (
        "readings：轮次应递增且不超过 {count}，实际为 {read}"
    ),
    (
        "{source}: written by a newer version (schema {version}; this one reads up to "
        "{known}); update repro to read it"
    ): (
        "{source}：由更新的版本写入（格式 {version}，本版本最高支持 {known}）；请更新 repro "
        "后再读取"
    ),
    "{source}: not a run record: {error}": "{source}：不是训练记录：{error}",
    "field {field} is missing": "缺少字段 {field}",
    "unknown field {field}": "未知字段 {field}",
    "epochs: expected epoch {number} in its place; got {epoch}": (
        "epochs：此处应为第 {number} 轮，实际为第 {epoch} 轮"
    ),
    (
        "readings: epoch {epoch}: expected one with dropout switched if the network has "
        "dropout; {network} {has_it}"
    ): (
        "readings：第 {epoch} 轮：网络有 Dropout 时，才应有切换 Dropout 后的评估；{network} "
        "{has_it}"
    ),
    "has it": "有 Dropout",
    "has none": "没有 Dropout",
    "{name}: another process is training it{whose}; stop that one first": (
        "{name}：另一个进程正在训练它{whose}；请先停止该进程"
    ),
    "expected one seed or more in [0, {most}]; got {first} to {last}": (
        "应为 [0, {most}] 中的一个或多个种子，实际为 {first} 至 {last}"
    ),
    (
        "expected seeds other than {from_seed} to {to_seed}, which chose the recipe and so "
        "verify nothing; got {first} to {last}"
    ): (
        "应为 {from_seed} 至 {to_seed} 以外的种子：这些种子曾用于选择训练设置，不能用来检验；"
        "实际为 {first} 至 {last}"
    ),
    "{model}: expected one record a seed; got two of {seed}": (
        "{model}：每个种子应有一条记录，种子 {seed} 有两条"
    ),
    "without its folder a run of your own is trained again": (
        "删除其文件夹后，自己的训练会重新进行"
    ),
    "{text!r}: expected a unique prefix of a run's name or digest; {found}": (
        "{text}：应为训练记录名称或哈希的唯一前缀；{found}"
    ),
    '{marker}: expected {{"version": {known}}}; got something else': (
        '{marker}：应为 {{"version": {known}}}，实际不是'
    ),
    (
        "{marker}: written by a newer version (layout {version}; this one knows up to "
        "{known}); update repro to use this store"
    ): (
        "{marker}：由更新的版本写入（布局 {version}，本版本最高支持 {known}）；请更新 repro "
        "后再使用"
    ),
    "{root}: cannot be read: {found}": "{root}：无法读取：{found}",
    "{path}: expected the record's predictions; nothing is there": (
        "{path}：应有训练记录的预测，但文件不存在"
    ),
    "{path}: expected predictions of epochs {read}; got {named}": (
        "{path}：应有第 {read} 轮的预测，实际有：{named}"
    ),
    "{path}: expected the record of this folder; got {run}; {remedy}": (
        "{path}：应为该文件夹的训练记录，实际为 {run}；{remedy}"
    ),
    "{path}: not a file of predictions: {error}": "{path}：不是预测文件：{error}",
    (
        "{path}: epoch {name}: expected predictions uint8 (N,) with SHA-256 {expected}; got "
        "{dtype} {shape} with {obtained}"
    ): (
        "{path}：第 {name} 轮：预测应为 uint8 (N,)，SHA-256 为 {expected}；实际为 {dtype} "
        "{shape}，SHA-256 为 {obtained}"
    ),
    "{count} runs match: {names}": "有 {count} 条训练记录匹配：{names}",
    "no run matches (`repro runs` lists them)": "没有匹配的训练记录（可用 `repro runs` 列出）",
}
