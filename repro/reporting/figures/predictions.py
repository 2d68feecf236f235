"""What the networks predicted: by class, wrongly, and how sure they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from repro.data.layout import CLASSES
from repro.reporting.figures.accuracies import as_predicted
from repro.reporting.figures.notes import Cells, Points, taken_for
from repro.reporting.figures.style import (
    MODEL_COLOURS,
    MODEL_MARKERS,
    Style,
    horizontal_grid,
    mosaic,
)
from repro.verdicts.calibration import calibration_error
from repro.verdicts.evidence import Evidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WRONG_SHOWN = 24

FEWEST_IMAGES = 10
"""Of which a share that is right is drawn: that of three says nothing."""


def confusion(figure: Figure, look: Style, evidence: Evidence) -> None:
    """Of each true class, the share that is taken for each class; mean over the seeds."""
    chosen = confused(evidence)
    names = [look.say(name) for name in CLASSES]
    grid = figure.subplots(1, max(len(chosen), 1), squeeze=False)[0]
    actual = evidence.dataset.test_labels
    for axes, (model, epoch) in zip(grid, chosen.items(), strict=False):
        share = np.mean(
            [confusion_matrix(actual, each) for each in evidence.predictions(model, epoch)], axis=0
        )
        label = look.join(as_predicted(look, model), str(epoch))
        _heat_map(axes, look, share, names, (model, label))
        for (i, j), value in np.ndenumerate(share):
            if value >= 0.1:
                axes.text(
                    j + 0.5,
                    i + 0.5,
                    f"{100 * value:.0f}",
                    ha="center",
                    va="center",
                    fontsize=7.5,
                    color=look.ink if look.on_page else "#ffffff" if value > 0.5 else "#1b1c20",
                )
        ticks = np.arange(len(CLASSES)) + 0.5
        axes.set(aspect="equal", xticks=ticks, yticks=ticks, xlabel=look.say("predicted class"))
        axes.set_xticklabels(names, rotation=90, fontsize=8)
        axes.set_yticklabels(names if axes is grid[0] else [], fontsize=8)
        axes.invert_yaxis()
        axes.set_title(label, loc="left", size=9)
    grid[0].set_ylabel(look.say("true class"))


def confused(evidence: Evidence) -> dict[str, int]:
    """The models whose confusion matrices are drawn, and the epoch of each one's last reading."""
    models = ("net-relu", "improved", "resnet")
    return {model: epoch for model in models if (epoch := evidence.last_reading(model))}


def _heat_map(
    axes: Axes, look: Style, share: np.ndarray, names: Sequence[str], model: tuple[str, str]
) -> None:
    """The shares (10, 10) as colours. On a page they are layers of one colour over its ground."""
    from matplotlib import colors  # noqa: PLC0415 - slow to import

    if not look.on_page:
        axes.pcolormesh(share, cmap="Blues", vmin=0, vmax=1, edgecolors="none")
        return
    layers = [(*colors.to_rgb(look.heat), alpha) for alpha in (0, 1)]
    cmap = colors.LinearSegmentedColormap.from_list("heat", layers)
    # Small shares can be told from none, on a dark ground too.
    norm = colors.PowerNorm(0.6, 0, 1)
    mesh = axes.pcolormesh(share, cmap=cmap, norm=norm, edgecolors="none", clip_on=False)
    texts = [
        taken_for(names[i], names[j], f"{100 * value:.1f}%", look.lang)
        for (i, j), value in np.ndenumerate(share)
    ]
    look.note(mesh, Cells(model=model[0], label=model[1], texts=texts))


def confusion_matrix(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Shares (10, 10): of the images of class i, those that are predicted as j."""
    counts = np.zeros((len(CLASSES), len(CLASSES)))
    np.add.at(counts, (actual, predicted), 1)
    shares: np.ndarray = counts / counts.sum(axis=1, keepdims=True)
    return shares


def by_class(figure: Figure, look: Style, evidence: Evidence) -> None:
    """Accuracy on the images of each class after each model's last reading; mean over the seeds."""
    axes = figure.subplots()
    actual = evidence.dataset.test_labels
    for shift, model in enumerate(evidence.models):
        epoch = evidence.last_reading(model)
        if epoch is None:
            continue
        right = [each == actual for each in evidence.predictions(model, epoch)]
        values = [
            np.mean([each[actual == c].mean() for each in right]) for c in range(len(CLASSES))
        ]
        label = look.join(as_predicted(look, model), str(epoch))
        (marks,) = axes.plot(
            np.arange(len(CLASSES)) + (shift - 2) * 0.13,
            values,
            MODEL_MARKERS[model],
            color=MODEL_COLOURS[model],
            label=label,
        )
        texts = [
            look.colon(look.say(name), f"{value:.4f}")
            for name, value in zip(CLASSES, values, strict=True)
        ]
        look.note(marks, Points(label=label, texts=texts))
    axes.set(xticks=range(len(CLASSES)), ylabel=look.say("accuracy"), ylim=(0, 1))
    axes.set_xticklabels([look.say(name) for name in CLASSES], rotation=35, ha="right")
    horizontal_grid(axes)
    axes.legend(loc="lower left", ncols=2)


def always_wrong(figure: Figure, look: Style, evidence: Evidence) -> None:
    """Test images that every run of every model gets wrong at its last reading, the first ones:
    what they are, and what most runs say."""
    data = evidence.dataset
    wrong, votes = unanimous_errors(evidence)
    captions = [
        f"{look.say(CLASSES[data.test_labels[index]])}\n→ {look.say(CLASSES[votes[index]])}"
        for index in wrong[:WRONG_SHOWN]
    ]
    tiles = [data.test_images[index].transpose(1, 2, 0) for index in wrong[:WRONG_SHOWN]]
    mosaic(figure.subplots(), tiles, 8, captions)
    figure.supxlabel(f"{len(wrong):,} / {len(data.test_labels):,}", fontsize=9)


def unanimous_errors(evidence: Evidence) -> tuple[list[int], np.ndarray]:
    """The test images that all runs get wrong at their model's last reading, in order; and for
    every image the class that most runs predict."""
    predicted = np.array(
        [
            each
            for model in evidence.models
            if (epoch := evidence.last_reading(model))
            for each in evidence.predictions(model, epoch)
        ]
    )
    wrong = (predicted != evidence.dataset.test_labels).all(axis=0)
    return [int(index) for index in np.flatnonzero(wrong)], votes(predicted).argmax(axis=0)


def votes(predicted: np.ndarray) -> np.ndarray:
    """How many runs predict each class (10, N), from predictions (runs, N)."""
    return np.array([(predicted == c).sum(axis=0) for c in range(len(CLASSES))])


def calibration(figure: Figure, look: Style, evidence: Evidence) -> None:
    """How often networks are right, by how sure they are, and of how many images they are so."""
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color=look.muted, linewidth=1, linestyle=":")
    for model, bins in evidence.calibration.items():
        style = {
            "color": MODEL_COLOURS[model], "marker": MODEL_MARKERS[model], "markersize": 5,
            "clip_on": False,  # a marker at the edge is drawn whole
        }  # fmt: skip
        name = look.join(as_predicted(look, model), str(bins[0].epoch))
        name += look.bracket(f"{calibration_error(bins):.3f}")
        sure = [each.confidence for each in bins]
        images = sum(each.images for each in bins)
        told = [each for each in bins if each.images >= FEWEST_IMAGES]
        shares = [each.images / images for each in bins]
        (line,) = left.plot(
            [each.confidence for each in told],
            [each.accuracy for each in told],
            label=name,
            **style,
        )
        said = [(each.confidence, each.accuracy) for each in told]
        look.note(line, _at_confidence(look, name, "share that is right", said))
        (line,) = right.plot(sure, shares, **style)
        said = list(zip(sure, shares, strict=True))
        look.note(line, _at_confidence(look, name, "share of the images", said))
    left.set(
        xlabel=look.say("mean confidence"), ylabel=look.say("share that is right"), ylim=(0, 1)
    )
    right.set(
        xlabel=look.say("mean confidence"), ylabel=look.say("share of the images"), ylim=(0, 1)
    )
    for axes in (left, right):
        axes.set_xlim(0, 1)
        horizontal_grid(axes)
    figure.legend(
        loc="outside upper center", ncols=2, title=look.say("calibration error"), title_fontsize=9
    )


def _at_confidence(
    look: Style, name: str, share: str, values: Sequence[tuple[float, float]]
) -> Points:
    """Pairs of a mean confidence and a share, in words."""
    texts = [
        look.join(
            look.colon(look.say("mean confidence"), f"{confidence:.3f}"),
            look.colon(look.say(share), f"{value:.3f}"),
        )
        for confidence, value in values
    ]
    return Points(label=name, texts=texts)
