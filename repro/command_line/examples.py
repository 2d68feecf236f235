"""The examples at the end of help pages, in both languages. Tests call each as far as its words."""

from __future__ import annotations

from repro.reporting.language import Language, choose

_EXAMPLES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "table": (
        ("3-1 --seeds 5", "trains five seeds", "用五个种子训练"),
        ("all --recorded", "compares the bundled runs", "用随包记录与报告比较"),
    ),
    "claims": (
        ("--recorded", "tests them against the bundled runs", "用随包记录检验论断"),
        (
            "--format md",
            "prints Markdown, from your own runs",
            "用自己的训练记录检验，输出 Markdown",
        ),
    ),
    "patterns": (
        ("--recorded", "tests the report against the bundled runs", "用随包记录检验"),
        (
            "--format json",
            "prints every field, from your own runs",
            "用自己的训练记录检验，输出全部字段",
        ),
    ),
    "recipes": (
        ("--recorded", "shows the search so far", "显示搜索目前的结果"),
        (
            "--recorded --top 3 --shared",
            "compares three over the same cells",
            "用相同的数值比较三种设置",
        ),
    ),
    "figure": (
        ("list", "names all figures", "列出所有的图"),
        ("all --recorded --out figures", "draws all of them", "绘制全部"),
    ),
    "report": (
        ("--recorded --open", "shows all results in the browser", "在浏览器中查看全部结果"),
        (
            "--format latex --out paper",
            "writes tables and figures for a paper",
            "生成论文用的表格和图",
        ),
    ),
    "export rocrate": (
        ("crate --recorded", "packs the bundled runs", "打包随包记录"),
        (
            'crate --author "Li Hua"',
            "packs your own runs",
            "打包自己的训练记录",
        ),
    ),
    "export weights": (
        (
            "net-relu-seed0 net --recorded",
            "writes the last weights of that run",
            "导出该次训练最后一轮的权重",
        ),
        (
            "improved-relu-seed0 improved --epoch 30",
            "writes those after epoch 30 of your own run",
            "导出自己的训练第 30 轮后的权重",
        ),
    ),
    "verify": (
        ("", "checks the bundled runs in seconds", "几秒内核对随包记录"),
        ("3-4 --fresh", "trains table 3-4 again", "重新训练表 3-4"),
    ),
    "audit": (
        (
            "--recorded --minutes 1",
            "trains epochs again for a minute",
            "用约一分钟重新训练抽到的轮次",
        ),
        ("--recorded --minutes 0", "only reads the records", "只核对记录，不训练"),
    ),
    "doctor": (
        ("", "says what this machine can do", "说明本机能做到什么"),
        ("--format json", "prints the same for a bug report", "输出全部字段，便于报告问题"),
    ),
    "bench": (
        ("net-relu", "measures Net alone", "只测量原模型"),
        ("--short", "shows that everything runs", "快速确认一切可以运行"),
    ),
    "data fetch": (
        ("", "downloads from the fastest host", "从最快的数据源下载"),
        (
            "--from cifar-10-binary.tar.gz",
            "takes the file that you have",
            "使用已有的文件",
        ),
    ),
    "data export": (
        ("images", "writes all 60,000", "导出全部 60,000 张图像"),
        ("images --quiet", "does so without a word", "导出时不显示进度"),
    ),
    "train": (
        ("net --activation swish --epochs 30", "trains Net with Swish", "用 Swish 训练原模型"),
        ("resnet --seed 1", "trains a second seed", "用第二个种子训练 ResNet"),
    ),
    "runs show": (
        ("net-relu-seed0 --recorded", "shows a bundled run", "显示一条随包记录"),
        (
            "net-relu-seed0 --format json",
            "prints every field of your own",
            "输出自己的训练记录的全部字段",
        ),
    ),
    "runs diff": (
        (
            "net-relu-seed0 net-relu-seed1 --recorded",
            "compares two seeds",
            "比较两个种子",
        ),
        ("net-relu-seed0 net-swish-seed0", "compares two activations", "比较两种激活函数"),
    ),
    "runs rm": (
        ("net-relu-seed0", "deletes one run", "删除一次训练"),
        (
            "net-relu-seed0 net-relu-seed1 --yes",
            "deletes two and does not ask",
            "直接删除两次训练",
        ),
    ),
    "runs best": (
        ("--recorded", "lists the bundled runs", "列出随包记录"),
        ("--format md", "prints your own runs as Markdown", "以 Markdown 列出自己的训练"),
    ),
    "runs units": (
        ("net-relu-seed0 --recorded", "counts those of a bundled run", "统计一条随包记录"),
        ("net-relu-seed0", "counts those of your own run", "统计自己的训练"),
    ),
    "predict": (
        (
            "improved-relu-seed0 --recorded",
            "writes submission.csv",
            "写出 submission.csv",
        ),
        (
            "improved-relu-seed0 --dropout on --epoch 30",
            "predicts as the tables do",
            "按表格的方式预测",
        ),
    ),
    "score": (
        ("submission.csv testLables.csv", "prints the accuracy", "输出精度"),
        (
            "submission.csv testLables.csv --format json",
            "prints it for a program",
            "以 JSON 输出精度",
        ),
    ),
}
"""By the words of a command: what follows them, and what it does, in English and in Chinese."""


def examples(words: str, lang: Language) -> str | None:
    """What stands at the end of the help page of a command; nothing where there is no choice."""
    lines = []
    for rest, english, chinese in _EXAMPLES.get(words, ()):
        call = f"repro {words} {rest}".rstrip()
        lines.append(
            choose(lang, en=f"Example: `{call}` {english}.", zh=f"示例：`{call}`：{chinese}。")
        )
    return "\n".join(lines) or None
