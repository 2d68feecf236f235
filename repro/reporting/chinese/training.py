"""Sentences of networks, kernels and training in Chinese, by their English template."""

from __future__ import annotations

SENTENCES = {
    (
        "the package cuda-bindings is missing, which torch brings along on Linux: `pip install "
        "'repro[gpu]'`"
    ): ("缺少软件包 cuda-bindings（在 Linux 上随 torch 安装）：`pip install 'repro[gpu]'`"),
    "the kernels do not compile for {architecture}: {said}": (
        "kernels 无法为 {architecture} 编译：{said}"
    ),
    "the GPU's driver answers {value}": "GPU 驱动返回 {value}",
    "{name}: a sum came out as {value}": "{name}：测试求和的结果为 {value}",
    "{name}: expected {needed:.1f} GB of free memory; it has less": (
        "{name}：需要 {needed} GB 可用显存，实际不足"
    ),
    "NVIDIA's driver cannot be loaded; `nvidia-smi` shows whether it is installed": (
        "无法加载 NVIDIA 驱动；可用 `nvidia-smi` 查看是否已安装"
    ),
    "`--engine torch` trains without them": "也可用 `--engine torch` 训练，不需要 kernels",
    (
        "the kernels need an x86-64 CPU with AVX2 and FMA or a 64-bit ARM CPU, on Linux, macOS "
        "or Windows; got another ({machine}, {system}): {instead}"
    ): (
        "kernels 需要支持 AVX2 和 FMA 的 x86-64 CPU 或 64 位 ARM CPU，以及 Linux、macOS 或 "
        "Windows；本机不是（{machine}，{system}）：{instead}"
    ),
    "REPRO_KERNELS: expected one of {possible} on this CPU; got {wanted!r}": (
        "REPRO_KERNELS：在本机 CPU 上应为 {possible} 之一，实际为 {wanted}"
    ),
    (
        "{path}: compiled from other C files than those in {sources}: `pip install -e .` in "
        "the checkout compiles these"
    ): (
        "{path}：编译所用的 C 文件与 {sources} 中的不同：在仓库副本中运行 `pip install -e .` "
        "可重新编译"
    ),
    (
        "{path}: expected the compiled kernels; there are none: `pip install -e .` in the "
        "checkout compiles them, and {instead}"
    ): ("{path}：没有编译好的 kernels：在仓库副本中运行 `pip install -e .` 可编译，{instead}"),
    "{path}: cannot be loaded: {error}: {instead}": "{path}：无法加载：{error}：{instead}",
    "{network}: expected logits (B, 10) of images (B, 3, 32, 32); got {shape} with B = 2": (
        "{network}：对形状为 `(B, 3, 32, 32)` 的图像，logits 的形状应为 `(B, 10)`；B = 2 时实际为 "
        "{shape}"
    ),
    "expected parameters to train; none has requires_grad": (
        "应有可训练的参数，但没有任何参数设有 requires_grad"
    ),
    "{network}: no network: {kind}: {error}": "{network}：无法建立网络：{kind}：{error}",
    "{name}: a tensor of type {dtype} cannot be stored": "{name}：类型为 {dtype} 的张量无法保存",
    "in training it gives {kind}": "训练时的输出为 {kind}",
    "torchvision has no classifier of this name": "torchvision 没有这个名称的分类网络",
    "expected code with SHA-256 {digest}": "代码的 SHA-256 应为 {digest}",
    "{path}: not there; batch norm is read from a run's last checkpoint": (
        "{path}：文件不存在；批归一化的统计量取自最后一个检查点"
    ),
    "other tensors": "张量不同",
    "runs: expected one kind, equally far; got {count} kinds after {epochs} epochs": (
        "runs：应为轮数相同的同类训练，实际有 {count} 类，轮数为 {epochs}"
    ),
    "expected Net or ImprovedNet; got {network}": "应为 Net 或 ImprovedNet，实际为 {network}",
    (
        "{run}: the loss is no longer finite in epoch {epoch}; the recipe diverges (learning "
        "rate {learning_rate:g})"
    ): ("{run}：损失在第 {epoch} 轮不再是有限值；该训练设置发散（学习率 {learning_rate}）"),
    "{run}: the checkpoint's weights are not those of its history": (
        "{run}：检查点的权重与其历史不一致"
    ),
    "{run}: the checkpoint's predictions are not those of its history": (
        "{run}：检查点的预测与其历史不一致"
    ),
    "{run}: not a checkpoint of this run: {error}": "{run}：不是该训练的检查点：{error}",
    (
        "{run}: batch norm needs two images or more in every batch; batches of {batch_size} "
        "from {images} images leave one of 1"
    ): (
        "{run}：批归一化要求每批至少两张图像；{images} 张图像按每批 {batch_size} 张划分，"
        "会剩下只有 1 张的一批"
    ),
    "{key}: not among the moments of {count} parameters": (
        "{key}：不属于 {count} 个参数的优化器状态"
    ),
    "moments {got} of a parameter {shape}": "参数的形状为 {shape}，优化器状态的形状为 {got}",
    "parameter {index}: expected the moments {names}": "参数 {index}：应有优化器状态 {names}",
    "the torch engine needs a CPU with AVX2; torch runs with {capability} here": (
        "torch 引擎需要支持 AVX2 的 CPU；torch 在本机以 {capability} 运行"
    ),
    "{run}: the network fails on a batch of {count} (batch size {batch_size}): {error}": (
        "{run}：网络无法处理 {count} 张图像的一批（批大小 {batch_size}）：{error}"
    ),
}
