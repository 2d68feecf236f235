"""Sentences of the modules at the top in Chinese, by their English template."""

from __future__ import annotations

SENTENCES = {
    "recorded and trained: expected one of them": "recorded 和 trained：应指定其中一个",
    "predicted: expected 1 to {most} rows; got {count}": (
        "predicted：应有 1 至 {most} 行，实际有 {count} 行"
    ),
    "predicted: expected the columns true and predicted; got {columns}": (
        "predicted：应有 true 和 predicted 两列，实际为 {columns}"
    ),
    "predicted: there is no test image {number}": "predicted：没有编号为 {number} 的测试图像",
    "{name}: expected one of {choices}; got {value!r}": (
        "{name}：应为 {choices} 之一，实际为 {value}"
    ),
    (
        "the environment comes too late: torch was imported before it and has read the old "
        "one; call repro.determinism.enter() first, or let the repro command train"
    ): (
        "环境变量设置得太晚：torch 此前已经导入，读取了旧值；请先调用 "
        "repro.determinism.enter()，或改用 repro 命令训练"
    ),
    (
        "GLIBC_TUNABLES was read when this process started and can change its arithmetic; "
        "expected it unset"
    ): ("本进程启动时读取了 GLIBC_TUNABLES，它可能改变计算结果；请取消该变量"),
    "expected repro.determinism.enter() before torch is imported": (
        "应在导入 torch 之前调用 repro.determinism.enter()"
    ),
    "torch's environment was changed after it was put in force: {changed}": (
        "torch 的环境变量在生效之后又被修改：{changed}"
    ),
    (
        "out of memory{said}; train fewer runs at a time (--workers 1), or allow more memory, "
        "and run the same command again to resume"
    ): (
        "内存不足{said}；请减少同时进行的训练（--workers 1）或增加可用内存，"
        "再次运行同一命令即可继续"
    ),
    "the path has {length} characters; choose one of {most} at most": (
        "路径有 {length} 个字符；请选择不超过 {most} 个字符的路径"
    ),
    ", process {pid} on {host}; if it no longer runs, delete {path}": (
        "，即 {host} 上的进程 {pid}；如果它已不在运行，请删除 {path}"
    ),
    "{path}: expected a file of at most {most:,} bytes; it has more": (
        "{path}：文件应不超过 {most} 字节，实际更长"
    ),
    "; if there is none, delete {path}": "；如果没有这样的进程，请删除 {path}",
    "expected a whole number of up to six digits; got {text!r}": (
        "应为不超过六位的整数，实际为 {text}"
    ),
    "expected a decimal fraction like 0.5744; got {text!r}": (
        "应为 0.5744 这样的小数，实际为 {text}"
    ),
    "{path} cannot be {verb}": "无法{verb} {path}",
    "{path}: cannot be {verb}: {hint}": "{path}：无法{verb}：{hint}",
    "{path}: expected a regular file; it is something else": "{path}：应为普通文件，但它不是",
    "{path}: expected the columns {columns}": "{path}：应有这些列：{columns}",
    "{path}: cannot be read as CSV: {error}": "{path}：无法作为 CSV 读取：{error}",
    "{path}, line {line}: expected {count} values a row": (
        "{path}，第 {line} 行：每行应有 {count} 个值"
    ),
    "free some space and run the same command again to resume": (
        "请释放一些空间，再次运行同一命令即可继续"
    ),
    "choose another place (for the data set and the runs: REPRO_HOME)": (
        "请选择另一个位置（数据集和训练记录的位置由 REPRO_HOME 决定）"
    ),
    "read": "读取",
    "written": "写入",
    "the disk is full; {hint}": "磁盘已满；{hint}",
    "the disk quota is used up; {hint}": "磁盘配额已用完；{hint}",
    "the file system is read-only; {hint}": "文件系统为只读；{hint}",
    "no permission; {hint}": "没有权限；{hint}",
    "the file system has no locks; {hint}": "文件系统不支持文件锁；{hint}",
    "the file system does not support this; {hint}": "文件系统不支持此操作；{hint}",
    "{place} is a link to {target}, where nothing is; create that, or delete the link": (
        "{place} 是指向 {target} 的链接，而目标不存在；请创建目标，或删除该链接"
    ),
    "{place} is a file; expected a folder: move it, or choose another place": (
        "{place} 是文件，应为文件夹：请移走它，或选择另一个位置"
    ),
    (
        "{option}: expected a clone of the repository, whose {name}/ it writes; this is an "
        "installation, whose files stay as they came"
    ): ("{option}：需要仓库的克隆，以写入其中的 {name}/；当前是安装版，其文件不可改动"),
    (
        "expected a user with a home folder; this one has none, as in some containers: set "
        "REPRO_HOME to a folder for the data set and the runs"
    ): ("当前用户没有主目录（某些容器中如此）：请将 REPRO_HOME 设为存放数据集和训练记录的文件夹"),
    "REPRO_HOME: {chosen}: {error}": "REPRO_HOME：{chosen}：{error}",
    "readings: expected rising epochs; got {readings}": ("readings：轮次应递增，实际为 {readings}"),
    "learning_rate: expected a number above 0; got 0": "learning_rate：应大于 0，实际为 0",
    "dropout: {network} has no such layer; got {dropout:g}": (
        "dropout：{network} 没有 Dropout 层，实际为 {dropout}"
    ),
    "dropout_at_prediction: expected true or false; got {value!r}": (
        "dropout_at_prediction：应为 true 或 false，实际为 {value}"
    ),
    "momentum: Adam has its own moments; expected 0": "momentum：Adam 自带动量，此处应为 0",
    "recipe: expected a Recipe; got {recipe!r}": "recipe：应为 Recipe，实际为 {recipe}",
    "engine: the kernels compute the report's networks; {network} needs the torch engine": (
        "engine：kernels 只计算报告中的网络；{network} 需要 torch 引擎"
    ),
    "device: runs of the kernels are the same everywhere; expected cpu, got {device}": (
        "device：kernels 的训练在各种设备上都相同；应为 cpu，实际为 {device}"
    ),
    "{network} has its own": "{network} 有自己的激活函数",
    "{name}: expected a finite number; got {value!r}": "{name}：应为有限的数值，实际为 {value}",
    "{name}: expected a number in [{at_least:g}, {below:g}); got {value!r}": (
        "{name}：应不小于 {at_least} 且小于 {below}，实际为 {value}"
    ),
    "{name}: expected an integer; got {value!r}": "{name}：应为整数，实际为 {value}",
    "{name}: expected an integer from {at_least} to {at_most}; got {value}": (
        "{name}：应为 {at_least} 至 {at_most} 的整数，实际为 {value}"
    ),
    (
        "architecture: expected one of {names}, torchvision:NAME or FILE.py:FUNCTION; got "
        "{network!r}"
    ): ("architecture：应为 {names}、torchvision:NAME 或 FILE.py:FUNCTION 之一，实际为 {network}"),
    "ResNet is torchvision's resnet18, with relu": (
        "ResNet 采用 torchvision 的 resnet18，激活函数为 relu"
    ),
    "activation: {what}; got {activation!r}": "activation：{what}，实际为 {activation}",
    (
        "code_sha256: expected the SHA-256 of FILE.py where the network is from there; got "
        "{value!r}"
    ): ("code_sha256：网络来自 FILE.py 时，应为该文件的 SHA-256，实际为 {value}"),
    "{name}: expected one of {allowed}; got {value!r}": (
        "{name}：应为 {allowed} 之一，实际为 {value}"
    ),
}
