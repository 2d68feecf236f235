"""Sentences of processes, audits and machines in Chinese, by their English template."""

from __future__ import annotations

SENTENCES = {
    "no checkpoint of {epochs} epochs is stored": "没有保存第 {epochs} 轮的检查点",
    "expected an epoch at least; got none": "应至少有一轮，实际没有",
    "expected the test set to be read at epochs {due}; got {read}": (
        "应在第 {due} 轮评估测试集，实际为第 {read} 轮"
    ),
    "{count} epochs, as sealed": "{count} 轮，与封存时一致",
    "its network is code of somebody's own, which no store keeps and which is not run here": (
        "其网络是他人自己的代码，不随训练记录保存，也不在此运行"
    ),
    "{run}: expected a recorded run; there is none": "{run}：应有训练记录，但不存在",
    "{path}: expected a checkpoint; nothing is there": "{path}：应为检查点，但文件不存在",
    "{path}: expected {epoch} epochs; got {count}": "{path}：应有 {epoch} 轮，实际有 {count} 轮",
    "{path}: the checkpoint's history is not that of the record": (
        "{path}：检查点的历史与训练记录不一致"
    ),
    "it was begun on {card}; no GPU is here": "训练在 {card} 上开始，而本机没有 GPU",
    "{run}: trained again: {error}": "{run}：重新训练：{error}",
    "epoch {epoch}: {count:,} predictions from the stored weights": (
        "第 {epoch} 轮：用保存的权重得到 {count} 个预测，全部一致"
    ),
    ("epoch {epoch} trained again in {seconds:.0f} s: the same weights, bit for bit ({digest})"): (
        "第 {epoch} 轮已重新训练，用时 {seconds} 秒：权重逐位相同（{digest}）"
    ),
    "the test set was not read yet": "尚未评估测试集",
    "epoch {epoch}: the checkpoint is ahead of the record": (
        "第 {epoch} 轮：检查点的轮数超过了训练记录"
    ),
    "epoch {epoch}: the weights are those of the record": "第 {epoch} 轮：权重与训练记录一致",
    "epoch {epoch}: {name}: recorded {recorded}; training it again gives {obtained}": (
        "第 {epoch} 轮：{name}：记录为 {recorded}，重新训练得到 {obtained}"
    ),
    "epoch {epoch}: expected {expected} recorded predictions; got {count}": (
        "第 {epoch} 轮：记录中应有 {expected} 个预测，实际有 {count} 个"
    ),
    (
        "epoch {epoch}: {differing} of {count} recorded predictions are not what the stored "
        "weights predict"
    ): ("第 {epoch} 轮：记录的 {count} 个预测中有 {differing} 个与所存权重的预测不同"),
    "epoch {epoch}: expected {expected} predictions; got {count}": (
        "第 {epoch} 轮：应有 {expected} 个预测，实际有 {count} 个"
    ),
    "epoch {epoch}: recorded accuracy {recorded}; its predictions have {counted}": (
        "第 {epoch} 轮：记录的精度为 {recorded}，由其预测算出的精度为 {counted}"
    ),
    "trying it ended with code {code}": "试运行已中止，退出码 {code}",
    "--device cuda: expected an NVIDIA GPU that can train; {why}": (
        "--device cuda：需要可用于训练的 NVIDIA GPU；{why}"
    ),
    "--device mps: expected a Mac with Apple's GPU": "--device mps：需要带有 Apple GPU 的 Mac",
    (
        "--engine {choice}: runs of version 0.1, which can be shown but not trained; expected "
        "auto, kernels or torch"
    ): (
        "--engine {choice}：这是 0.1 版的引擎，其训练记录可以查看，但不能再训练；应为 auto、"
        "kernels 或 torch"
    ),
    "no NVIDIA GPU is here": "本机没有 NVIDIA GPU",
    "the kernels": "kernels",
    "the first steps of {count} models have the bits that they have everywhere": (
        "{count} 种模型的前几步与在其他机器上逐位相同"
    ),
    "{count} that this process may use": "本进程可用 {count} 个",
    "two processes gave different bits for {names}": "两个进程得到的 {names} 的结果并非逐位相同",
    "{text}; two processes gave the same bits for all {count} models": (
        "{text}；两个进程得到的全部 {count} 种模型逐位相同"
    ),
    (
        "two processes gave the same bits; there are none to compare with for {what}, only for "
        "{names}"
    ): ("两个进程的结果逐位相同；没有 {what} 的参考结果可供比较，只有 {names} 的"),
    (
        "the first steps of {names} have other bits than {what} give{s} on other CPUs: please "
        "report it with the output of `repro doctor --format json`"
    ): (
        "{names} 的前几步与 {what} 在其他 CPU 上的结果并非逐位相同：请附上 `repro doctor "
        "--format json` 的输出进行报告"
    ),
    "{home} ({free:.0f} GB free)": "{home}（可用空间 {free} GB）",
    "{home} (cannot be written: choose another place by REPRO_HOME)": (
        "{home}（不可写：请用 REPRO_HOME 选择另一个位置）"
    ),
    "already downloaded and verified": "已下载并校验",
    "missing or damaged: `repro data fetch` gets it": "缺失或损坏：可用 `repro data fetch` 下载",
    "its process ended with code {status}: {words}": "其进程已结束，退出码 {status}：{words}",
    " (all it said: {path})": "（全部输出见 {path}）",
    (
        "its process was killed (out of memory?); run the same command again to resume, with "
        "fewer runs at a time (--workers 1) where memory is short"
    ): (
        "其进程被强制结束（可能是内存不足）；再次运行同一命令即可继续，"
        "内存不足时请减少同时进行的训练（--workers 1）"
    ),
    "its process was ended by {name}": "其进程被 {name} 结束",
    "signal {number}": "信号 {number}",
    "it was begun with {then}; this is {now}": "训练开始时的环境为 {then}，当前环境为 {now}",
    "{run}: its process gave no answer": "{run}：其进程没有返回结果",
    "stopped before it began": "尚未开始即被停止",
    "its node was lost ({kind}); {where}": "其节点已丢失（{kind}）；{where}",
    "goes on elsewhere after {epochs} epochs": "已完成 {epochs} 轮，在其他节点上继续",
    "begins anew elsewhere": "在其他节点上重新开始",
    "--device {device}: the Ray cluster has none": "--device {device}：Ray 集群没有该设备",
    "stopped before it was done": "尚未完成即被停止",
    "expected HOST:PORT, or auto": "应为 HOST:PORT 或 auto",
    (
        "--executor ray: needs Ray: in a clone of repro, `pip install -c constraints/pins.txt "
        "'.[ray]'`"
    ): (
        "--executor ray：需要 Ray：请在 repro 的克隆中运行 `pip install -c "
        "constraints/pins.txt '.[ray]'`"
    ),
    "--address {address}: expected a Ray cluster that runs (`ray start --head`): {error}": (
        "--address {address}：需要正在运行的 Ray 集群（`ray start --head`）：{error}"
    ),
    "its node gave no answer": "其节点没有返回结果",
    "waiting for another process that is training this run{whose}": (
        "正在等待另一个进行该训练的进程{whose}"
    ),
    "on its node: {last}": "节点报告：{last}",
    "{fruitless} nodes in a row were lost: {why}": "连续丢失 {fruitless} 个节点：{why}",
    "{node}: expected the caller's version of repro; another one is installed there": (
        "{node}：应安装与调用方相同版本的 repro，但该节点的版本不同"
    ),
    "{node}: CIFAR-10 downloaded and verified": "{node}：CIFAR-10 已下载并校验",
    (
        "--threads {threads}: expected runs of the kernels; torch computes on one core, since "
        "its bits depend on their number"
    ): ("--threads {threads}：只适用于 kernels 引擎；torch 引擎只用一个核心，因为结果取决于核心数"),
    "it was trained by version 0.1, whose arithmetic this version no longer has": (
        "它由 0.1 版训练，而本版本不再支持那一版的计算方式"
    ),
    "{why}: continuing would match neither environment": (
        "{why}：继续训练的结果将与两个环境都不一致"
    ),
    "begins anew, the old run is kept: {why}": "重新开始，旧的训练记录已保留：{why}",
    "its checkpoint is gone": "其检查点已不存在",
    "resuming from its checkpoint of epoch {epoch}: no later one is usable": (
        "从第 {epoch} 轮的检查点继续：没有更晚的可用检查点"
    ),
    "{run}: expected the files of a run; got {name!r}": (
        "{run}：应为训练记录的文件，实际为 {name}"
    ),
    "{run}: expected this run's record; got {other}'s": (
        "{run}：应为该训练的记录，实际为 {other} 的记录"
    ),
}
