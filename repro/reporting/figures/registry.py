"""Which figures there are, by the report's number and a short name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from repro.errors import DataError, NoRunsError, ReproError, UsageError, listed, sentence
from repro.reporting.figures import (
    accuracies,
    filters,
    network_drawing,
    predictions,
    recipe_search,
    report_figures,
    training_curves,
)
from repro.reporting.figures.style import Format, Style, render
from repro.verdicts.evidence import Evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureSpec:
    """One figure and what it needs."""

    name: str
    title: str
    title_zh: str
    draw: Callable[[Figure, Style, Evidence], None]
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


def lacks(picture: FigureSpec, evidence: Evidence) -> ReproError | None:
    """What a figure needs and is not there, and how to get it; None if it can be drawn."""
    if picture.needs_data and not evidence.has_dataset:
        return DataError(sentence("needs CIFAR-10: `repro data fetch` brings it"))
    if picture.needs_runs and evidence.no_runs:
        return evidence.no_runs
    if picture.needs_readings and not any(map(evidence.last_reading, evidence.models)):
        return NoRunsError(
            sentence(
                "needs runs that read the test set: `repro table all` trains them to 10 epochs or "
                "more"
            )
        )
    if picture.needs_calibration and not evidence.calibration:
        return DataError(
            sentence("needs confidences: `repro figure calibration --calibrate` computes them")
        )
    if picture.model_read and not evidence.has_reading(*picture.model_read):
        model, epoch = picture.model_read
        return NoRunsError(sentence(
            "needs a run of {model} that read the test set at {epoch} epochs",
            model=model, epoch=epoch,
        ))  # fmt: skip
    return None


def render_picture(
    picture: FigureSpec, look: Style, evidence: Evidence, form: Format, *, dots: int = 200
) -> bytes:
    """The bytes of a figure: the same figure, look and evidence give the same bytes.

    Raises:
        DataError: it needs the data set, which is not there, or predictions that are damaged.
    """

    def draw(figure: Figure, look: Style) -> None:
        picture.draw(figure, look, evidence)

    return render(draw, picture.size, look, form, salt=picture.name, dots=dots)


_ALL = (
    FigureSpec(
        name="2-1-classes",
        title="The ten classes of CIFAR-10",
        title_zh="CIFAR-10 的十个类别",
        draw=report_figures.classes,
        size=(5.6, 7),
        needs_data=True,
    ),
    FigureSpec(
        name="3-1-convolution",
        title="A convolution, step by step",
        title_zh="卷积运算的逐步过程",
        draw=report_figures.convolution,
        size=(5.6, 5.3),
    ),
    FigureSpec(
        name="3-2-residual-unit",
        title="The residual unit",
        title_zh="残差单元",
        draw=report_figures.residual_unit,
        size=(5.6, 2.5),
    ),
    FigureSpec(
        name="3-3-relu",
        title="ReLU and its derivative",
        title_zh="ReLU 及其导数",
        draw=report_figures.activation("relu"),
        size=(4.3, 2.9),
    ),
    FigureSpec(
        name="3-4-leaky-relu",
        title="Leaky ReLU (slope 0.01) and its derivative",
        title_zh="Leaky ReLU（斜率 0.01）及其导数",
        draw=report_figures.activation("leaky_relu"),
        size=(4.3, 2.9),
    ),
    FigureSpec(
        name="3-5-swish",
        title="Swish and its derivative",
        title_zh="Swish 及其导数",
        draw=report_figures.activation("swish"),
        size=(4.3, 2.9),
    ),
    FigureSpec(
        name="3-6-files",
        title="The files of the data set",
        title_zh="数据集的文件",
        draw=report_figures.files,
        size=(5.6, 2.3),
    ),
    FigureSpec(
        name="3-7-labels",
        title="The first labels of the test set",
        title_zh="测试集的前若干标签",
        draw=report_figures.labels,
        size=(5.6, 3),
        needs_data=True,
    ),
    FigureSpec(
        name="3-8-images",
        title="The first images of the test set",
        title_zh="测试集的前若干图像",
        draw=report_figures.images,
        size=(7.2, 2.5),
        needs_data=True,
    ),
    FigureSpec(
        name="3-9-network",
        title="Net, layer by layer",
        title_zh="原模型逐层结构",
        draw=network_drawing.network("net"),
        size=(6.4, 3),
    ),
    FigureSpec(
        name="3-6b-twelve-images",
        title="Twelve test images, drawn at random, and Net's labels after 60 epochs",
        title_zh="随机抽取的 12 张测试图像与原模型训练 60 轮后的预测",
        draw=report_figures.twelve_images,
        size=(6.4, 3),
        needs_data=True,
        needs_runs=True,
        model_read=("net-relu", 60),
    ),
    FigureSpec(
        name="3-7b-improved-network",
        title="ImprovedNet, layer by layer",
        title_zh="改进后模型逐层结构",
        draw=network_drawing.network("improved"),
        size=(8, 3.4),
    ),
    FigureSpec(
        name="overview",
        title="The report's 17 accuracies and every run of ours",
        title_zh="报告的 17 个精度与我们的每一次训练",
        draw=accuracies.overview,
        size=(4.7, 6.6),
        needs_runs=True,
    ),
    FigureSpec(
        name="learning-curves",
        title="Accuracy after every epoch",
        title_zh="每轮之后的精度",
        draw=training_curves.learning_curves,
        size=(7.2, 4.3),
        needs_runs=True,
    ),
    FigureSpec(
        name="losses",
        title="Loss after every epoch",
        title_zh="每轮之后的损失",
        draw=training_curves.losses,
        size=(7.2, 4.3),
        needs_runs=True,
    ),
    FigureSpec(
        name="accuracy",
        title="Test accuracy by epochs, ours (filled) and the report's (hollow)",
        title_zh="各训练轮数的测试精度：复现（实心）与报告（空心）",
        draw=accuracies.accuracy,
        size=(7.2, 3.5),
        needs_runs=True,
    ),
    FigureSpec(
        name="differences",
        title="Ours minus the report's, in each of the 17 cells",
        title_zh="17 个数值的复现与报告之差",
        draw=accuracies.differences,
        size=(6, 4.9),
        needs_runs=True,
    ),
    FigureSpec(
        name="confusion",
        title="What each class is taken for, in percent",
        title_zh="各类别被判为何类（百分比）",
        draw=predictions.confusion,
        size=(8, 3.5),
        needs_data=True,
        needs_runs=True,
        needs_readings=True,
    ),
    FigureSpec(
        name="by-class",
        title="Accuracy by class",
        title_zh="各类别的精度",
        draw=predictions.by_class,
        size=(6.4, 3.5),
        needs_data=True,
        needs_runs=True,
        needs_readings=True,
    ),
    FigureSpec(
        name="activations",
        title="Activations compared, seed by seed",
        title_zh="逐个种子比较激活函数",
        draw=accuracies.activations,
        size=(6.4, 3),
        needs_runs=True,
    ),
    FigureSpec(
        name="calibration",
        title="How often the networks are right, by how sure they are",
        title_zh="网络的置信度与正确率",
        draw=predictions.calibration,
        size=(7.2, 3.3),
        needs_runs=True,
        needs_calibration=True,
    ),
    FigureSpec(
        name="filters",
        title="The first layers' filters",
        title_zh="第一层的卷积核",
        draw=filters.filters,
        size=(6.2, 5.3),
        needs_runs=True,
    ),
    FigureSpec(
        name="recipe-search",
        title="Candidate recipes and how near each comes to the report",
        title_zh="候选训练设置与报告的接近程度",
        draw=recipe_search.recipe_search,
        size=(6.4, 3.4),
    ),
    FigureSpec(
        name="always-wrong",
        title="Test images that every run gets wrong",
        title_zh="所有训练都判错的测试图像",
        draw=predictions.always_wrong,
        size=(7.2, 4.4),
        needs_data=True,
        needs_runs=True,
        needs_readings=True,
    ),
)
FIGURES = {picture.name: picture for picture in _ALL}


def find(text: str) -> FigureSpec:
    """The figure that is called `text`, or whose name begins with that number.

    Raises:
        UsageError: there is no such figure.
    """
    if text in FIGURES:
        return FIGURES[text]
    found = [picture for name, picture in FIGURES.items() if name.startswith(f"{text}-")]
    if len(found) == 1:
        return found[0]
    raise UsageError(
        sentence(
            "figure {text!r}: expected one of {figures} or all", text=text, figures=listed(FIGURES)
        )
    )
