"""Sentences of commands, reports and measurements in Chinese, by their English template."""

from __future__ import annotations

SENTENCES = {
    "{name}: ended: {last}": "{name}：已中止：{last}",
    "no message": "没有任何信息",
    "{name}: ended with code {returncode}: {last}": ("{name}：已中止，退出码 {returncode}：{last}"),
    "requires --fresh": "需要与 --fresh 一起使用",
    "--store and --recorded cannot be combined: choose one": (
        "--store 与 --recorded 不能同时使用：请选其一"
    ),
    "--store {given}: expected a folder that contains runs/": (
        "--store {given}：应为含有 runs/ 的文件夹"
    ),
    "no runs in {root}; to audit the bundled runs, add --recorded": (
        "{root} 中没有训练记录；要核查随包记录，请加 --recorded"
    ),
    "table {number} requires --fresh; without it, all tables are checked": (
        "指定表 {number} 时需要加 --fresh；不加时核对全部表格"
    ),
    "--accept cannot be combined with --fresh: it needs the bundled runs": (
        "--accept 不能与 --fresh 同时使用：它需要随包记录"
    ),
    "--source (or REPRO_CIFAR10_SOURCE) and --from cannot be combined: choose one": (
        "--source（或 REPRO_CIFAR10_SOURCE）与 --from 不能同时使用：请选其一"
    ),
    "--from {path}: expected a folder or an archive; it does not exist": (
        "--from {path}：应为文件夹或压缩包，但该路径不存在"
    ),
    "{message}. Did you mean {near!r}?": "{message}。是否想输入 {near}？",
    "{file}: {name!r}: no such command": "{file}：{name}：没有这个命令",
    "{file}: no command has an option {name!r}": "{file}：没有任何命令有选项 {name}",
    "{file}: {called} has no option {name!r}": "{file}：{called} 没有选项 {name}",
    "{file}: --{name} has to be typed": "{file}：--{name} 只能在命令行中输入",
    "{file}: {called}.{name}: expected a text, a number, true or false; got {value!r}": (
        "{file}：{called}.{name}：应为文本、数字、true 或 false，实际为 {value}"
    ),
    "true or false": "true 或 false",
    "a text or a number": "文本或数字",
    "{file}: {called}.{name}: expected {expected}; got {value!r}": (
        "{file}：{called}.{name}：应为{expected}，实际为 {value}"
    ),
    "{name}: not TOML: {error}": "{name}：不是 TOML：{error}",
    "requires --executor ray": "需要与 --executor ray 一起使用",
    "requires --log-to": "需要与 --log-to 一起使用",
    "lists runs: give it without another command": ("只用于列出训练记录：请不要与其他命令一起使用"),
    "--format json: expected rich or md; for JSON, use `repro runs --format json`": (
        "--format json：应为 rich 或 md；要输出 JSON，请用 `repro runs --format json`"
    ),
    "{run}: expected a run of net or improved; got {network}": (
        "{run}：应为 net 或 improved 的训练记录，实际为 {network}"
    ),
    "runs rm: expected --yes where nobody can be asked": "runs rm：无法询问用户时需要加 --yes",
    "expected {seeds} seeds for every cell; a cell has only {fewest}: lower --seeds": (
        "每个数值需要 {seeds} 个种子，但有的只有 {fewest} 个：请减小 --seeds"
    ),
    "--recorded and --trained cannot be combined: choose one": (
        "--recorded 与 --trained 不能同时使用：请选其一"
    ),
    "cannot be combined with {given}, which trains nothing": (
        "不能与 {given} 同时使用：它不进行训练"
    ),
    "cannot be combined with --recorded: all its runs use CIFAR-10": (
        "不能与 --recorded 同时使用：随包记录都使用 CIFAR-10"
    ),
    "--search and --recorded cannot be combined: choose one": (
        "--search 与 --recorded 不能同时使用：请选其一"
    ),
    "requires --search": "需要与 --search 一起使用",
    "{path}: something else is there; --force replaces it": (
        "{path}：已有内容不同的文件；要覆盖它，请加 --force"
    ),
    "CIFAR-10: {text}": "CIFAR-10：{text}",
    "{root}: expected a run with a checkpoint of a reading": (
        "{root}：需要至少一个在评估轮次存有检查点的训练记录"
    ),
    "{run} has no dropout; --dropout does not apply": "{run} 没有 Dropout，--dropout 不适用",
    "--epoch {epoch}: expected an epoch with stored predictions; {run} has {names}": (
        "--epoch {epoch}：应为存有预测的轮次；{run} 有：{names}"
    ),
    "none": "无",
    "--shared: {error}; list fewer candidates with --top": (
        "--shared：{error}；请用 --top 减少所列候选设置"
    ),
    "--threads: expected runs on the CPU of this machine": (
        "--threads：只适用于在本机 CPU 上的训练"
    ),
    "record": "记录",
    "accuracy": "精度",
    "predictions": "预测",
    "training": "训练",
    "{check} of {run}": "{run} 的{check}",
    "{page}: expected the lines {first} and {second}": "{page}：应含有 {first} 和 {second} 两行",
    (
        "export rocrate needs the package rocrate: in a clone of repro, `pip install -c "
        "constraints/pins.txt '.[rocrate]'`"
    ): (
        "export rocrate 需要软件包 rocrate：请在 repro 的克隆中运行 `pip install -c "
        "constraints/pins.txt '.[rocrate]'`"
    ),
    (
        "{folder}: expected a new or an empty folder; something is there, and nothing is "
        "overwritten"
    ): ("{folder}：应为新建或空的文件夹；其中已有内容，不会覆盖"),
    (
        "{folder}: expected a folder that can be replaced; it is the current one or a mount "
        "point (a new folder inside it will do)"
    ): ("{folder}：应为可以替换的文件夹；它是当前文件夹或挂载点（可改用其中的新文件夹）"),
    "{run}: expected a network of the report; got {network}": (
        "{run}：应为报告中的网络，实际为 {network}"
    ),
    "figure {text!r}: expected one of {figures} or all": ("图 {text}：应为 {figures} 之一，或 all"),
    "needs CIFAR-10: `repro data fetch` brings it": ("需要 CIFAR-10：可用 `repro data fetch` 下载"),
    "needs runs that read the test set: `repro table all` trains them to 10 epochs or more": (
        "需要评估过测试集的训练记录：可用 `repro table all` 训练到 10 轮或更多"
    ),
    "needs confidences: `repro figure calibration --calibrate` computes them": (
        "需要置信度：可用 `repro figure calibration --calibrate` 计算"
    ),
    "needs a run of {model} that read the test set at {epoch} epochs": (
        "需要 {model} 在第 {epoch} 轮评估过测试集的训练记录"
    ),
    "REPRO_LANG: expected en or zh; got {chosen!r}": ("REPRO_LANG：应为 en 或 zh，实际为 {chosen}"),
    "--log-to tensorboard needs the package tensorboard: `pip install tensorboard`": (
        "--log-to tensorboard 需要软件包 tensorboard：`pip install tensorboard`"
    ),
    "{figure}: left out: {missing}": "{figure}：略过：{missing}",
    "{model}: {loop} trains {steps} steps, to be validated": (
        "{model}：{loop} 训练 {steps} 步，用于验证"
    ),
    "{model}: turn {number} of {rounds}: {latest}": (
        "{model}：第 {number} 次，共 {rounds} 次：{latest}"
    ),
    "{count} cores {seconds:.1f} s": "{count} 个核心 {seconds} 秒",
    "{model}: one run on {taken}": "{model}：单次训练用时：{taken}",
    "one epoch of {count} seeds of Net: {took:.1f} s": (
        "原模型的 {count} 个种子各训练一轮：{took} 秒"
    ),
    # a wrong usage
    "{wrong} (see `{path} --help`)": "{wrong}（见 `{path} --help`）",
    "{name}: expected {expected}; got {value!r}": "{name}：应为{expected}，实际为 {value}",
    "{others} or {last}": "{others} 或 {last}",
    "a whole number": "整数",
    "a number": "数值",
    "a number of at least {bound}": "不小于 {bound} 的数值",
    "a number of more than {bound}": "大于 {bound} 的数值",
    "a number of at most {bound}": "不大于 {bound} 的数值",
    "a number of less than {bound}": "小于 {bound} 的数值",
    " Did you mean {near!r}?": "是否想输入 {near}？",
    " Expected {names}.": "应为 {names}。",
    "No such option: {name}": "没有选项 {name}",
    "No such command {name}.": "没有命令 {name}。",
    "Missing argument '{name}'.": "缺少参数 {name}。",
    "Missing argument '{name}'. Choose from:{choices}": "缺少参数 {name}，可选：{choices}。",
    "Missing option '{name}'.": "缺少选项 {name}。",
    "Missing option '{name}'. Choose from:{choices}": "缺少选项 {name}，可选：{choices}。",
    "Got unexpected extra argument(s) ({names})": "多余的参数：{names}",
    "Option '{name}' requires an argument.": "选项 {name} 需要一个值。",
    "Option '{name}' does not take a value.": "选项 {name} 不带值。",
    "Invalid value for '{name}': {why}": "{name} 的值无效：{why}",
    "stopped; run the same command again to resume": "已停止；再次运行同一命令即可继续",
    "terminated; run the same command again to resume": "已终止；再次运行同一命令即可继续",
}
