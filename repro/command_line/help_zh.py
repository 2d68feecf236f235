"""The help texts in Chinese, by their English text; a test wants one for each."""

from __future__ import annotations

HELP = {
    # commands
    (
        "Reproduce the CIFAR-10 results of a 2023 technical report and compare them with it.\n\n"
        "Start with `repro table 3-1`: it downloads the data, trains the networks and prints each "
        "row as soon as it is done. Trained runs are stored and reused."
    ): (
        "复现一份 2023 年技术报告的 CIFAR-10 结果，并与报告比较。\n\n"
        "从 `repro table 3-1` 开始：下载数据集，训练网络，每完成一行就打印一行。"
        "训练结果会保存下来，下次直接使用。"
    ),
    (
        "Train a table's missing runs and compare the accuracies with the report.\n\n"
        "Exit code: 0 if every cell is within tolerance, 1 if one is not, 3 if data cannot be read, 4 "
        "if the only problem is missing runs."
    ): (
        "补齐一张表缺少的训练，并把精度与报告比较。\n\n"
        "退出码：0 表示所有数值都在容差之内；1 表示有数值不在容差之内；3 表示数据无法读取；4 表示仅缺少训练记录。"
    ),
    (
        "Test the report's claims against the available runs, without training.\n\n"
        "Exit code: 0 whatever the outcome, 4 if there are no runs for any claim."
    ): (
        "用已有的训练记录检验报告的论断，不进行训练。\n\n"
        "退出码：0 表示检验完成，无论结果如何；4 表示所有论断都没有训练记录可用。"
    ),
    (
        "Test groups of the report's values jointly (rows, gains, activations), without "
        "training.\n\n"
        "Exit code: 0 whatever the outcome, 4 if no network has two seeds."
    ): (
        "把报告的多个数值合并检验（各行、增幅、激活函数），不进行训练。\n\n"
        "退出码：0 表示检验完成，无论结果如何；4 表示没有任何网络有两个种子。"
    ),
    (
        "Compare training recipes that the report may have used, on seeds reserved for the "
        "search.\n\n"
        "The score is the root mean square difference (RMS) from the report over the trained "
        "cells, by the nearest evaluation; compare scores over the same cells only (--shared). * "
        "marks the recipe in use. The search takes days; run the same command again to resume."
    ): (
        "比较报告可能采用的训练设置，使用专门留给搜索的种子。\n\n"
        "得分是已训练的数值与报告之差的均方根（RMS），以最接近报告的一种评估方式为准；"
        "得分只能在同一组数值之间比较（--shared）。* 表示现用设置。搜索需要数天，"
        "再次运行同一命令即可继续。"
    ),
    (
        "Redraw a figure of the report from real data, or plot measured results.\n\n"
        "The report numbers two figures 3-6 and two 3-7; the second ones are 3-6b and 3-7b here."
    ): (
        "用真实数据重画报告的插图，或绘制测量结果。\n\n"
        "报告中有两幅图 3-6 和两幅图 3-7，这里把各自的第二幅称为 3-6b 和 3-7b。"
    ),
    "Write all results as one offline HTML page, or as Markdown or LaTeX for a paper.": (
        "把全部结果写成一个可离线查看的 HTML 页面，或供论文使用的 Markdown 或 LaTeX。"
    ),
    (
        "Check every cell and claim against the expected list in results/, or train all runs "
        "again.\n\n"
        "--fresh keeps its runs in a separate store: run the same command again to resume. Exit "
        "code: 0 if everything is as expected, 1 if something is not, 3 if the data or a file "
        "cannot be read."
    ): (
        "把所有数值和论断与 results/ 中的预期列表核对，或重新进行全部训练。\n\n"
        "--fresh 的训练记录单独存放：再次运行同一命令即可继续。退出码：0 表示全部符合预期；1 "
        "表示有不符合预期之处；3 表示数据或某个文件无法读取。"
    ),
    (
        "Check runs against their records, and train randomly drawn epochs again to compare.\n\n"
        "Exit code: 0 if every check passes, 1 if a run is refuted, 4 if a check cannot be done "
        "here."
    ): (
        "核查各次训练是否与其记录相符，并随机抽取若干轮重新训练以作比较。\n\n"
        "退出码：0 表示全部检查通过；1 表示有训练被证伪；4 表示有检查无法在本机进行。"
    ),
    (
        "Show this machine, its software versions, and the determinism level of each device.\n\n"
        "Exit code: 0 if every device reaches the level expected of it, 1 if one does not, 4 if "
        "one cannot train."
    ): (
        "显示本机信息、软件版本以及各设备的确定性等级。\n\n"
        "退出码：0 表示每个设备都达到应有的等级；1 表示有设备未达到；4 表示有设备无法训练。"
    ),
    (
        "Measure the training speed of this machine and compare it with common training loops.\n\n"
        "repro trains one run per core, the other loops one run on all cores; their total "
        "throughput is compared. Stop other programs meanwhile. Takes about 15 minutes on two "
        "cores."
    ): (
        "测量本机的训练速度，并与常见的训练循环比较。\n\n"
        "repro 在每个核心上各进行一次训练，其他循环用全部核心进行一次训练；比较的是总吞吐量。"
        "测量期间请关闭其他程序。在两个核心上约需 15 分钟。"
    ),
    "Train one network with the report's recipe, or resume its training.": (
        "用报告的训练设置训练一个网络，或继续其训练。"
    ),
    "Write a run's predictions of the 10,000 test images to submission.csv.": (
        "把一次训练对 10,000 张测试图像的预测写入 submission.csv。"
    ),
    "Compute the accuracy of submission.csv against testLables.csv (section 3.2.3).": (
        "对照 testLables.csv 计算 submission.csv 的精度（3.2.3 节）。"
    ),
    "Download, verify, show and export CIFAR-10.": "下载、校验、显示和导出 CIFAR-10。",
    "Download CIFAR-10 and verify its published checksums.": (
        "下载 CIFAR-10，并按公布的校验和进行校验。"
    ),
    "Verify the checksum of each of the six files.": "逐一校验六个文件的校验和。",
    "Show the files, the images per class and the first test labels (figures 3-6 and 3-7).": (
        "显示各文件、每类的图像数和测试集的前若干标签（图 3-6 和图 3-7）。"
    ),
    "Write the images as PNG and the labels as CSV, as in section 3.2.1 of the report.": (
        "按报告 3.2.1 节的做法，把图像写成 PNG，把标签写成 CSV。"
    ),
    "Export results or weights in standard formats.": "以标准格式导出结果或权重。",
    (
        "Write runs, verdicts and HTML page as a Workflow Run RO-Crate for archives and workflow "
        "hubs.\n\n"
        "The same runs, date and author give identical files. Requires the package rocrate."
    ): (
        "把训练记录、判定和 HTML 页面写成 Workflow Run RO-Crate，供存档和工作流平台使用。\n\n"
        "训练记录、日期和作者相同时，生成的文件完全相同。需要软件包 rocrate。"
    ),
    (
        "Write a run's weights (safetensors), their description (JSON) and a model card to DIR.\n\n"
        "The weights are first verified against the hash in the run's record."
    ): (
        "把一次训练的权重（safetensors）、权重说明（JSON）和模型卡写入 DIR。\n\n"
        "写入前先按训练记录中的哈希校验权重。"
    ),
    "List, inspect, compare and delete trained runs.": "列出、查看、比较和删除训练记录。",
    "Show everything about one run.": "显示一次训练的全部信息。",
    (
        "Compare two runs: settings, environment, weights epoch by epoch, and test accuracies.\n\n"
        "A run is looked for among your own runs first, then among the bundled ones."
    ): (
        "比较两次训练：设置、环境、逐轮的权重和测试精度。\n\n"
        "先在自己的训练记录中查找，再在随包记录中查找。"
    ),
    "Delete runs of your own, with their checkpoints and predictions. The bundled ones stay.": (
        "删除自己的训练记录及其检查点和预测。随包记录不会被删除。"
    ),
    (
        "List each run's best epoch by validation accuracy.\n\n"
        "Also lists that accuracy, the final validation accuracy and the last test accuracy."
    ): (
        "列出每次训练的最佳轮数（按验证精度）。\n\n"
        "同时列出该轮的验证精度、最终验证精度和最后一次测试精度。"
    ),
    (
        "Count the dead units of Net or ImprovedNet: units that no test image activates.\n\n"
        "Uses the last stored checkpoint. A channel is dead if it is inactive at every position."
    ): (
        "统计原模型或改进后模型中的死亡单元，即不被任何测试图像激活的单元。\n\n"
        "使用最后保存的检查点。通道在所有位置上都未激活，才算死亡。"
    ),
    # options and arguments
    "Print the version.": "显示版本号。",
    "Install completion for the current shell.": "为当前 shell 安装自动补全。",
    "Show completion for the current shell, to copy it or customize the installation.": (
        "显示当前 shell 的自动补全脚本，供复制或自定义安装。"
    ),
    "Tables, or those of --report.": "表号，也可以是 --report 中的表。",
    "Another report: report.toml and table-*.csv.": (
        "其他报告的文件夹，内含 report.toml 和 table-*.csv。"
    ),
    "Number of seeds: 1, or all without training.": "种子数：默认为 1，不训练时默认为全部。",
    "Seeds count up from this one.": "起始种子，其后依次递增。",
    "Only rows up to this many epochs.": "只取不超过该轮数的行。",
    "auto (default: cuda if usable), cpu, cuda, mps.": (
        "auto（默认：优先 cuda）、cpu、cuda 或 mps。"
    ),
    "kernels, torch, or auto: kernels if possible. Stored runs of version 0.1: portable, native.": (
        "kernels、torch 或 auto（能用 kernels 就用 kernels）。0.1 版的训练记录：portable、native。"
    ),
    "Parallel runs (default: chosen for speed).": "并行任务数（默认：按速度自动选择）。",
    "Cores per run (default: chosen for speed).": "每次训练使用的核心数（默认：按速度自动选择）。",
    "local, or ray: train on a Ray cluster.": "local，或 ray：在 Ray 集群上训练。",
    "HOST:PORT of Ray, or auto: on this machine.": "Ray 的地址 HOST:PORT，或 auto：本机。",
    "GPU fraction per run on Ray.": "在 Ray 上每次训练占用的 GPU 比例。",
    "Also log every epoch: csv or tensorboard.": "同时把每一轮写入日志：csv 或 tensorboard。",
    "Folder of the logs.": "日志文件夹。",
    "Use the bundled runs.": "使用随包记录。",
    "Use your own runs; train nothing.": "使用自己的训练记录，不进行训练。",
    "rich, csv, md, json or latex.": "rich、csv、md、json 或 latex。",
    "en or zh; else by REPRO_LANG or LANG.": "输出语言：en 或 zh；默认由 REPRO_LANG 或 LANG 决定。",
    "cifar10, or synthetic: a quick smoke test.": "cifar10，或 synthetic：用于快速试运行。",
    "Only say what would be trained, and how long.": "只显示将要训练的内容和预计用时。",
    "Print the result only.": "只输出结果。",
    "rich, md, json or latex.": "rich、md、json 或 latex。",
    "rich, md or json.": "rich、md 或 json。",
    "Run the recipe search first.": "先搜索训练设置。",
    "Number of candidates to list.": "列出的候选设置数。",
    "Score the listed candidates on the cells they all have.": "只按所列候选设置都有的数值计分。",
    "rich, md, json, or csv: every evaluation.": "rich、md、json，或 csv：全部评估。",
    "Figure numbers or names, `all`, or `list`.": "图号或图名，`all` 或 `list`。",
    "Output folder.": "输出文件夹。",
    "svg or png.": "svg 或 png。",
    "Labels: en or zh; else by REPRO_LANG or LANG.": (
        "图中文字的语言：en 或 zh；默认由 REPRO_LANG 或 LANG 决定。"
    ),
    "Use a dark background.": "使用深色背景。",
    "First compute the predictions' confidences.": "先计算各预测的置信度。",
    "html; md or latex: tables and figures.": "html；md 或 latex：表格和图。",
    "Opens in en or zh; else by REPRO_LANG or LANG.": (
        "页面打开时的语言：en 或 zh；默认由 REPRO_LANG 或 LANG 决定。"
    ),
    "Open the page in a browser.": "在浏览器中打开页面。",
    "Table (--fresh only).": "表号（仅限 --fresh）。",
    "Check the bundled runs, or train anew.": "核对随包记录，或重新训练。",
    "With --fresh: seeds (1; 3 with torch).": "配合 --fresh：种子数（默认 1，torch 为 3）。",
    "With --fresh: rows up to N epochs.": "配合 --fresh：只取不超过 N 轮的行。",
    "Rewrite the expected list; then review it.": "改写预期列表，之后请自行检查。",
    "Run names, digests or unique prefixes; default: all.": (
        "训练记录的名称、哈希或唯一前缀；默认为全部。"
    ),
    "Another store, or an RO-Crate made by repro.": (
        "核查另一处训练记录，或由 repro 生成的 RO-Crate。"
    ),
    "Time for training epochs again.": "重新训练若干轮的大致用时（分钟）。",
    "Random seed of the draw.": "抽取轮次所用的随机种子。",
    "rich or json (every field).": "rich 或 json（全部字段）。",
    "Network to measure.": "要测量的网络。",
    "Timed rounds per training loop.": "每种训练循环的计时次数。",
    "Insert the tables between the marks of this Markdown file.": (
        "把表格写入该 Markdown 文件的标记之间。"
    ),
    "4 steps per round: a smoke test.": "每次计时只训练 4 步：仅供试运行。",
    "net, improved or resnet.": "net、improved 或 resnet。",
    "relu (default), leaky_relu, swish or sigmoid (net and improved only).": (
        "relu（默认）、leaky_relu、swish 或 sigmoid（仅限 net 和 improved）。"
    ),
    "Below 1; 0: none (improved only).": "小于 1；0 表示不用 Dropout（仅限 improved）。",
    "Number of epochs.": "训练轮数。",
    "Random seed.": "随机种子。",
    "Run name or digest, or a unique prefix of one.": "训练记录的名称或哈希，或其唯一前缀。",
    "Output file.": "输出文件。",
    "Use the predictions stored at this epoch.": "使用该轮保存的预测。",
    "Dropout (improved only); the tables use on.": (
        "是否开启 Dropout（仅限 improved）；表格采用 on。"
    ),
    "Replace a file that has something else.": "覆盖内容不同的已有文件。",
    "CSV file of predicted classes.": "预测类别的 CSV 文件。",
    "CSV file of true classes (see `data export`).": "真实类别的 CSV 文件（见 `data export`）。",
    "Output format.": "输出格式。",
    "Download from: mirror, npm, official, a URL or a path.": (
        "下载来源：mirror、npm、official、URL 或路径。"
    ),
    "Use your own copy: folder or archive.": "使用自己的副本：文件夹或压缩包。",
    "Output folder for PNG and CSV files.": "PNG 和 CSV 文件的输出文件夹。",
    "Output folder, new or empty.": "输出文件夹，须不存在或为空。",
    "Publication date.": "发布日期。",
    "Who trained the runs.": "训练者的姓名或名称。",
    "Epoch of the checkpoint.": "使用第几轮的检查点。",
    "Only runs such as network=improved or seed<5; repeatable.": (
        "只列出符合条件的训练记录，如 network=improved 或 seed<5；可多次使用。"
    ),
    "Run names, digests or unique prefixes.": "训练记录的名称、哈希或唯一前缀。",
    "Do not ask.": "直接删除，不再询问。",
}
