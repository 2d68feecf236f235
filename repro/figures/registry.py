"""Which figures there are, by the report's number and a short name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from repro.errors import DataError, NoRunsError, ReproError, UsageError
from repro.evidence import Evidence
from repro.figures import explained, measured
from repro.figures.style import Format, Look, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One figure and what it needs."""

    name: str
    title: str
    title_zh: str
    draw: Callable[[Figure, Look, Evidence], None]
    size: tuple[float, float]
    """Width and height in inches."""
    needs_data: bool = False
    """Whether it shows images or labels of CIFAR-10."""
    needs_runs: bool = False
    needs_readings: bool = False
    """Whether it shows predictions of the test set."""
    needs_calibration: bool = False
    """Whether it shows confidences, which are computed from checkpoints."""
    model_read: tuple[str, int] | None = None
    """A model and an epoch at which one of its runs must have read the test set."""


def lacks(picture: Picture, evidence: Evidence) -> ReproError | None:
    """What a figure needs and is not there, and how to get it; None if it can be drawn."""
    if picture.needs_data and not evidence.has_dataset:
        return DataError("needs CIFAR-10: `repro data fetch` brings it")
    if picture.needs_runs and evidence.no_runs:
        return evidence.no_runs
    if picture.needs_readings and not any(map(evidence.last_reading, evidence.models)):
        return NoRunsError(
            "needs runs that read the test set: `repro table all` trains them to 10 epochs or more"
        )
    if picture.needs_calibration and not evidence.calibration:
        return DataError("needs confidences: `repro figure calibration --calibrate` computes them")
    if picture.model_read and not evidence.has_reading(*picture.model_read):
        model, epoch = picture.model_read
        return NoRunsError(f"needs a run of {model} that read the test set at {epoch} epochs")
    return None


def render_picture(
    picture: Picture, look: Look, evidence: Evidence, form: Format, *, dots: int = 200
) -> bytes:
    """The bytes of a figure: the same figure, look and evidence give the same bytes.

    Raises:
        DataError: it needs the data set, which is not there, or predictions that are damaged.
    """

    def draw(figure: Figure, look: Look) -> None:
        picture.draw(figure, look, evidence)

    return render(draw, picture.size, look, form, salt=picture.name, dots=dots)


_ALL = (
    Picture(
        name="2-1-classes",
        title="The ten classes of CIFAR-10",
        title_zh="CIFAR-10 的十个类别",
        draw=explained.classes,
        size=(5.6, 7),
        needs_data=True,
    ),
    Picture(
        name="3-1-convolution",
        title="A convolution, step by step",
        title_zh="卷积运算的逐步过程",
        draw=explained.convolution,
        size=(5.6, 5.3),
    ),
    Picture(
        name="3-2-residual-unit",
        title="The residual unit",
        title_zh="残差单元",
        draw=explained.residual_unit,
        size=(5.6, 2.5),
    ),
    Picture(
        name="3-3-relu",
        title="ReLU and its derivative",
        title_zh="ReLU 及其导数",
        draw=explained.activation("relu"),
        size=(4.3, 2.9),
    ),
    Picture(
        name="3-4-leaky-relu",
        title="Leaky ReLU (slope 0.01) and its derivative",
        title_zh="Leaky ReLU（斜率 0.01）及其导数",
        draw=explained.activation("leaky_relu"),
        size=(4.3, 2.9),
    ),
    Picture(
        name="3-5-swish",
        title="Swish and its derivative",
        title_zh="Swish 及其导数",
        draw=explained.activation("swish"),
        size=(4.3, 2.9),
    ),
    Picture(
        name="3-6-files",
        title="The files of the data set",
        title_zh="数据集的文件",
        draw=explained.files,
        size=(5.6, 2.3),
    ),
    Picture(
        name="3-7-labels",
        title="The first labels of the test set",
        title_zh="测试集的前若干标签",
        draw=explained.labels,
        size=(5.6, 3),
        needs_data=True,
    ),
    Picture(
        name="3-8-images",
        title="The first images of the test set",
        title_zh="测试集的前若干图像",
        draw=explained.images,
        size=(7.2, 2.5),
        needs_data=True,
    ),
    Picture(
        name="3-9-network",
        title="Net, layer by layer",
        title_zh="原模型逐层结构",
        draw=explained.network("net"),
        size=(6.4, 3),
    ),
    Picture(
        name="3-6b-twelve-images",
        title="Twelve test images, drawn at random, and Net's labels after 60 epochs",
        title_zh="随机抽取的 12 张测试图像与原模型训练 60 轮后的预测",
        draw=explained.twelve_images,
        size=(6.4, 3),
        needs_data=True,
        needs_runs=True,
        model_read=("net-relu", 60),
    ),
    Picture(
        name="3-7b-improved-network",
        title="ImprovedNet, layer by layer",
        title_zh="改进后模型逐层结构",
        draw=explained.network("improved"),
        size=(8, 3.4),
    ),
    Picture(
        name="learning-curves",
        title="Accuracy after every epoch",
        title_zh="每轮之后的精度",
        draw=measured.learning_curves,
        size=(7.2, 4.3),
        needs_runs=True,
    ),
    Picture(
        name="losses",
        title="Loss after every epoch",
        title_zh="每轮之后的损失",
        draw=measured.losses,
        size=(7.2, 4.3),
        needs_runs=True,
    ),
    Picture(
        name="accuracy",
        title="Test accuracy by epochs, ours (filled) and the report's (hollow)",
        title_zh="各训练轮数的测试精度：复现（实心）与报告（空心）",
        draw=measured.accuracy,
        size=(7.2, 3.5),
        needs_runs=True,
    ),
    Picture(
        name="differences",
        title="Ours minus the report's, in each of the 17 cells",
        title_zh="17 个数值的复现与报告之差",
        draw=measured.differences,
        size=(6, 4.9),
        needs_runs=True,
    ),
    Picture(
        name="confusion",
        title="What each class is taken for, in percent",
        title_zh="各类别被判为何类（百分比）",
        draw=measured.confusion,
        size=(8, 3.5),
        needs_data=True,
        needs_runs=True,
        needs_readings=True,
    ),
    Picture(
        name="by-class",
        title="Accuracy by class",
        title_zh="各类别的精度",
        draw=measured.by_class,
        size=(6.4, 3.5),
        needs_data=True,
        needs_runs=True,
        needs_readings=True,
    ),
    Picture(
        name="activations",
        title="Activations compared, seed by seed",
        title_zh="逐个种子比较激活函数",
        draw=measured.activations,
        size=(6.4, 3),
        needs_runs=True,
    ),
    Picture(
        name="calibration",
        title="How often the networks are right, by how sure they are",
        title_zh="网络的置信度与正确率",
        draw=measured.calibration,
        size=(7.2, 3.3),
        needs_runs=True,
        needs_calibration=True,
    ),
    Picture(
        name="filters",
        title="The first layers' filters",
        title_zh="第一层的卷积核",
        draw=measured.filters,
        size=(6.2, 5.3),
        needs_runs=True,
    ),
    Picture(
        name="always-wrong",
        title="Test images that every run gets wrong",
        title_zh="所有训练都判错的测试图像",
        draw=measured.always_wrong,
        size=(7.2, 4.4),
        needs_data=True,
        needs_runs=True,
        needs_readings=True,
    ),
)
PICTURES = {picture.name: picture for picture in _ALL}


def find(text: str) -> Picture:
    """The figure that is called `text`, or whose name begins with that number.

    Raises:
        UsageError: there is no such figure.
    """
    if text in PICTURES:
        return PICTURES[text]
    found = [picture for name, picture in PICTURES.items() if name.startswith(f"{text}-")]
    if len(found) == 1:
        return found[0]
    raise UsageError(f"figure {text!r}: expected one of {', '.join(PICTURES)} or all")
