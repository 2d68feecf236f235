"""The Chinese of every sentence, by its English template; a test wants one for each."""

from __future__ import annotations

from repro.reporting.chinese import commands, data, execution, general, runs, training, verdicts

SENTENCES: dict[str, str] = {
    **commands.SENTENCES,
    **data.SENTENCES,
    **execution.SENTENCES,
    **general.SENTENCES,
    **runs.SENTENCES,
    **training.SENTENCES,
    **verdicts.SENTENCES,
}

SYSTEM = {
    "No such file or directory": "没有该文件或目录",
    "Permission denied": "权限不足",
    "Is a directory": "它是文件夹",
    "Not a directory": "路径中有一部分不是文件夹",
    "File exists": "文件已存在",
    "File name too long": "文件名过长",
    "Input/output error": "输入输出错误",
    "Connection refused": "连接被拒绝",
    "Connection reset by peer": "连接被对方重置",
    "Network is unreachable": "网络不可达",
    "Name or service not known": "无法解析主机名",
    "Temporary failure in name resolution": "暂时无法解析主机名",
    "timed out": "超时",
    "Too many open files": "打开的文件过多",
}
"""What the system says most often of a file or a host."""
