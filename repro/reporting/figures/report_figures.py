"""The report's own figures, computed anew from real objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from repro.data.layout import CHECKSUMS, CLASSES, FILE_BYTES
from repro.reporting.figures.style import SERIES, Style, blank, mosaic
from repro.verdicts.evidence import Evidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_Function = Callable[[np.ndarray], np.ndarray]

LEAKY_SLOPE = 0.01

FORMULAS: dict[str, tuple[_Function, _Function]] = {
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "leaky_relu": (
        lambda x: np.maximum(LEAKY_SLOPE * x, x),
        lambda x: np.where(x > 0, 1.0, LEAKY_SLOPE),
    ),
    "swish": (
        lambda x: x / (1 + np.exp(-x)),
        lambda x: (1 + np.exp(-x) + x * np.exp(-x)) / (1 + np.exp(-x)) ** 2,
    ),
}
"""Each activation of section 3.1.3 and its derivative; a test holds them to torch's."""

CONVOLUTION_INPUT = np.array(
    [[1, 0, 2, 1, 0], [0, 3, 1, 0, 2], [2, 1, 0, 1, 1], [0, 2, 1, 3, 0], [1, 0, 0, 2, 1]]
)

CONVOLUTION_KERNEL = np.array([[1, 0, -1], [0, 2, 0], [-1, 0, 1]])

TWELVE = 12


def convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """What a convolution layer computes of one channel, without padding: (H - h + 1, W - w + 1)."""
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    result: np.ndarray = np.einsum("ijkl,kl->ij", windows, kernel)
    return result


def classes(figure: Figure, look: Style, evidence: Evidence) -> None:
    """Six training images of each class, the first of the data set."""
    data, count = evidence.dataset, 6
    axes = figure.subplots()
    chosen = [np.flatnonzero(data.train_labels == label)[:count] for label in range(len(CLASSES))]
    mosaic(axes, [_tile(data.train_images[index]) for row in chosen for index in row], count)
    for label, name in enumerate(CLASSES):
        axes.text(-5, 36 * label + 16, look.say(name), ha="right", va="center", fontsize=12)


def _tile(image: np.ndarray) -> np.ndarray:
    """An image (3, H, W) with its channels last, as matplotlib wants it."""
    return image.transpose(1, 2, 0)


def convolution(figure: Figure, look: Style, _: Evidence) -> None:
    """Three of the nine steps of a 3x3 kernel over 5x5 numbers, each with its sum."""
    image, kernel = CONVOLUTION_INPUT, CONVOLUTION_KERNEL
    result = convolve(image, kernel)
    steps = [(0, 0), (0, 1), (2, 2)]
    grid = figure.subplots(len(steps), 3, gridspec_kw={"width_ratios": [5, 3, 3]})
    for row, (i, j) in zip(grid, steps, strict=True):
        number = i * result.shape[1] + j + 1
        _numbers(row[0], look, image, [(i + a, j + b) for a in range(3) for b in range(3)])
        _numbers(row[1], look, kernel, [])
        seen = np.full(result.shape, np.nan)
        seen.flat[:number] = result.flat[:number]
        _numbers(row[2], look, seen, [(i, j)])
        window = image[i : i + 3, j : j + 3]
        terms = [
            f"{a}·{b}" if b > 0 else f"{a}·(−{-b})"
            for a, b in zip(window.flat, kernel.flat, strict=True)
            if b
        ]
        value = str(result[i, j]).replace("-", "−")
        row[0].set_title(
            look.colon(f"{look.say('step')} {number}", f"{' + '.join(terms)} = {value}"),
            loc="left",
            fontsize=9.5,
            fontweight="normal",
        )
    for axes, name in zip(grid[-1], ("input", "kernel", "output"), strict=True):
        axes.set_xlabel(look.say(name))


def _numbers(axes: Axes, look: Style, values: np.ndarray, marked: list[tuple[int, int]]) -> None:
    """A matrix as a grid of numbers, those at `marked` on a tint; NaN is left empty."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    height, width = values.shape
    axes.set(xlim=(0, width), ylim=(height, 0), aspect="equal", xticks=[], yticks=[])
    for (i, j), value in np.ndenumerate(values):
        on = (i, j) in marked
        axes.add_patch(
            Rectangle(
                (j, i),
                1,
                1,
                facecolor=SERIES["blue"] if on else "none",
                alpha=0.35 if on else 1,
                edgecolor=look.muted,
                linewidth=0.8,
            )
        )
        if not np.isnan(value):
            text = f"{value:.0f}".replace("-", "−")
            axes.text(j + 0.5, i + 0.5, text, ha="center", va="center", fontsize=10)
    for spine in axes.spines.values():
        spine.set_visible(False)


def residual_unit(figure: Figure, look: Style, _: Evidence) -> None:
    """Two convolutions, and the shortcut that is added to what they give."""
    axes = figure.subplots()
    axes.set(xlim=(0, 10), ylim=(0.2, 3.2))
    blank(axes)
    boxes = [
        (1.6, "3×3 " + look.say("conv")),
        (3.6, "BatchNorm\nReLU"),
        (5.6, "3×3 " + look.say("conv") + "\nBatchNorm"),
    ]
    style = {
        "boxstyle": "round,pad=0.45",
        "facecolor": "none",
        "edgecolor": SERIES["blue"],
        "linewidth": 1.6,
    }
    ends = [0.3, *(x for x, _ in boxes), 7.6, 9.0]
    for x, text in boxes:
        axes.text(x, 1.4, text, ha="center", va="center", bbox=style)
    axes.text(
        7.6,
        1.4,
        "+",
        ha="center",
        va="center",
        fontsize=16,
        bbox={**style, "boxstyle": "circle,pad=0.2", "edgecolor": SERIES["red"]},
    )
    axes.text(9.0, 1.4, "ReLU", ha="center", va="center", bbox=style)
    axes.text(0.25, 1.4, "x", ha="center", va="center", fontsize=13, style="italic")
    arrow = {"arrowstyle": "->", "color": look.ink, "linewidth": 1.3}
    reach = [0.15, 0.72, 0.72, 0.78, 0.38, 0.55]
    for one, other, a, b in zip(ends, ends[1:], reach, reach[1:], strict=False):
        axes.annotate("", (other - b, 1.4), (one + a, 1.4), arrowprops=arrow)
    axes.plot([0.55, 0.55, 7.6], [1.55, 2.6, 2.6], color=SERIES["red"], linewidth=1.3)
    axes.annotate("", (7.6, 1.8), (7.6, 2.64), arrowprops={**arrow, "color": SERIES["red"]})
    axes.text(4.1, 2.75, look.say("shortcut") + ":  x", ha="center", color=SERIES["red"])
    axes.text(4.1, 0.45, "F(x)", ha="center")
    axes.text(7.6, 0.6, "F(x) + x", ha="center")
    axes.annotate("", (9.95, 1.4), (9.5, 1.4), arrowprops=arrow)


def activation(name: str) -> Callable[[Figure, Style, Evidence], None]:
    """One activation function and its derivative."""

    def draw(figure: Figure, look: Style, _: Evidence) -> None:
        function, derivative = FORMULAS[name]
        x = np.linspace(-6, 6, 601)
        axes = figure.subplots()
        axes.axhline(0, color=look.grid, linewidth=0.8)
        axes.axvline(0, color=look.grid, linewidth=0.8)
        slope = derivative(x)
        if name != "swish":  # it jumps at 0
            slope = np.where(np.isclose(x, 0), np.nan, slope)
        axes.plot(x, function(x), color=SERIES["blue"], label=look.say("function"))
        axes.plot(x, slope, "--", color=SERIES["red"], label=look.say("derivative"))
        axes.set(xlabel="x", xlim=(-6, 6), ylim=(-1.2, 6))
        axes.legend(loc="upper left")

    return draw


def files(figure: Figure, look: Style, evidence: Evidence) -> None:
    """The six files of the data set, their sizes and the beginnings of their published SHA-256."""
    del evidence
    rows = [(name, f"{FILE_BYTES:,}", digest[:16] + "…") for name, digest in CHECKSUMS.items()]
    _table(figure, look, (look.say("File"), look.say("Bytes"), "SHA-256"), rows, (0.0, 0.55, 0.6))


def labels(figure: Figure, look: Style, evidence: Evidence) -> None:
    """The first twenty labels of the test set, numbered from 1 as in testLables.csv."""
    names = [CLASSES[label] for label in evidence.dataset.test_labels[:20]]
    rows = [(str(n), names[n - 1], str(n + 10), names[n + 9]) for n in range(1, 11)]
    heads = (look.say("Image"), look.say("Category")) * 2
    _table(figure, look, heads, rows, (0.08, 0.12, 0.58, 0.62))


def _table(
    figure: Figure,
    look: Style,
    heads: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    at: tuple[float, ...],
) -> None:
    """Text in columns; those of numbers end at their place, the others begin there."""
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(len(rows) + 0.6, -0.8))
    blank(axes)
    for x, head, column in zip(at, heads, zip(*rows, strict=True), strict=True):
        side = "right" if all(value.replace(",", "").isdigit() for value in column) else "left"
        axes.text(x, -0.3, head, ha=side, va="center", fontweight=look.bold)
        for number, value in enumerate(column):
            axes.text(x, number + 0.6, value, ha=side, va="center", family=None)
    axes.axhline(0.1, color=look.muted, linewidth=0.8)


def images(figure: Figure, look: Style, evidence: Evidence) -> None:
    """The first twenty test images with their numbers and labels."""
    data = evidence.dataset
    captions = [
        f"{n}\n{look.say(CLASSES[label])}" for n, label in enumerate(data.test_labels[:20], 1)
    ]
    mosaic(figure.subplots(), [_tile(image) for image in data.test_images[:20]], 10, captions)


def twelve_images(figure: Figure, look: Style, evidence: Evidence) -> None:
    """Twelve test images drawn with seed 0, each with Net's label after 60 epochs (seed 0)."""
    data, chosen = evidence.dataset, twelve()
    predicted = evidence.predictions("net-relu", 60)[0]
    both = [(CLASSES[predicted[index]], CLASSES[data.test_labels[index]]) for index in chosen]
    labelled(figure, look, data.test_images[chosen], both)


def labelled(
    figure: Figure, look: Style, images: np.ndarray, classes: Sequence[tuple[str, str]]
) -> None:
    """Images (N, 3, 32, 32), six a row, each with its predicted class and, if that is not it, the
    true one below."""
    captions, colours = [], []
    for said, true in classes:
        right = said == true
        captions.append(
            f"✓ {look.say(said)}"
            if right
            else f"✗ {look.say(said)}\n{look.bracket(look.say(true)).strip()}"
        )
        colours.append(SERIES["green"] if right else SERIES["red"])
    mosaic(figure.subplots(), [_tile(image) for image in images], 6, captions, colours)


def twelve(seed: int = 0) -> list[int]:
    """Which test images are shown: twelve of the 10,000, drawn without looking."""
    chosen = np.random.default_rng(seed).choice(10_000, TWELVE, replace=False)
    return [int(index) for index in chosen]
