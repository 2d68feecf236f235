"""Figures of the evidence: what the runs say, beside the report's figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from repro.calibration import calibration_error
from repro.claims import figures_by_seed, mean_interval
from repro.data.layout import CLASSES
from repro.evidence import Evidence
from repro.figures.style import (
    MODEL_COLOURS,
    MODEL_MARKERS,
    MODEL_NAMES,
    SERIES,
    Look,
    blank,
    horizontal_grid,
    mosaic,
)
from repro.records import EpochRecord, RunRecord
from repro.spec import READING_EPOCHS, REPORT_DROPOUT_AT_PREDICTION, REPORT_RECIPES
from repro.verdicts import Verdict, distinct

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WRONG_SHOWN = 24
FEWEST_IMAGES = 10
"""Of which a share that is right is drawn: that of three says nothing."""


def learning_curves(figure: Figure, look: Look, evidence: Evidence) -> None:
    """Validation accuracy after every epoch and test accuracy where it was read; mean and range.

    ImprovedNet is validated with dropout off; its test accuracies are there both ways.
    """

    def draw(axes: Axes, model: str, runs: Sequence[RunRecord]) -> None:
        _band(
            axes,
            runs,
            lambda epoch: epoch.validation_accuracy,
            SERIES["blue"],
            look.say("validation"),
        )
        on = REPORT_DROPOUT_AT_PREDICTION
        if runs[0].spec.recipe.has_dropout:
            other = f"test, dropout {'off' if on else 'on'}"
            _readings(axes, runs, on=not on, colour=look.muted, label=look.say(other))
        _readings(axes, runs, on=on, colour=look.ink, label=look.say("test"))
        longest = _longest(runs)
        expected = {e: v for e, v in evidence.expected(model).items() if e <= longest}
        if expected:
            axes.plot(
                list(expected),
                list(expected.values()),
                "D",
                mfc="none",
                mew=1.6,
                color=SERIES["red"],
                clip_on=False,
                label=look.say("report"),
            )

    _panels(figure, look, evidence, draw, "accuracy")


def losses(figure: Figure, look: Look, evidence: Evidence) -> None:
    """Training and validation loss after every epoch; mean and range over the seeds."""

    def draw(axes: Axes, _: str, runs: Sequence[RunRecord]) -> None:
        _band(axes, runs, lambda epoch: epoch.train_loss, SERIES["green"], look.say("training"))
        _band(
            axes, runs, lambda epoch: epoch.validation_loss, SERIES["blue"], look.say("validation")
        )
        axes.set_ylim(bottom=0)

    _panels(figure, look, evidence, draw, "loss")


def _panels(
    figure: Figure,
    look: Look,
    evidence: Evidence,
    draw: Callable[[Axes, str, Sequence[RunRecord]], None],
    ylabel: str,
) -> None:
    """A panel a model, and the legend in the place that is left."""
    grid = list(figure.subplots(2, 3, sharey=True).flat)
    for axes, (model, name) in zip(grid, MODEL_NAMES.items(), strict=False):
        runs = evidence.runs(model)
        axes.set_title(look.say(name), loc="left")
        horizontal_grid(axes)
        if runs:
            draw(axes, model, runs)
            longest = _longest(runs)
            axes.set(xlim=(0, longest * 1.02), xlabel=look.say("epochs"))
            axes.set_title(_counted(runs), loc="right", color=look.muted, weight="normal", size=8)
        else:
            axes.text(0.5, 0.5, "–", transform=axes.transAxes, ha="center", color=look.muted)
    for axes in grid[::3]:
        axes.set_ylabel(look.say(ylabel))
    handles = {
        label: h
        for axes in grid
        for h, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    blank(grid[-1])
    if handles:
        grid[-1].legend(handles.values(), handles.keys(), loc="center left")


def _longest(runs: Sequence[RunRecord]) -> int:
    return max(len(run.epochs) for run in runs)


def _counted(runs: Sequence[RunRecord]) -> str:
    """How many runs there are, and how many go on where the shortest ends."""
    lengths = [len(run.epochs) for run in runs]
    longer = sum(length > min(lengths) for length in lengths)
    return f"n={len(runs)}; >{min(lengths)}: {longer}" if longer else f"n = {len(runs)}"


def _band(
    axes: Axes,
    runs: Sequence[RunRecord],
    value: Callable[[EpochRecord], float],
    colour: str,
    label: str,
) -> None:
    """A line for the mean over the runs that got so far, and a band for their range."""
    longest = _longest(runs)
    values = [[value(run.epochs[n]) for run in runs if n < len(run.epochs)] for n in range(longest)]
    x = range(1, longest + 1)
    if len(runs) > 1:
        axes.fill_between(
            x,
            [min(v) for v in values],
            [max(v) for v in values],
            color=colour,
            alpha=0.22,
            linewidth=0,
        )
    axes.plot(x, [fmean(v) for v in values], color=colour, label=label)


def _readings(axes: Axes, runs: Sequence[RunRecord], *, on: bool, colour: str, label: str) -> None:
    read = [run.accuracies(dropout_on=on) for run in runs]
    epochs = sorted({epoch for each in read for epoch in each})
    values = [[each[epoch] for each in read if epoch in each] for epoch in epochs]
    means = [fmean(each) for each in values]
    spread = [
        [mean - min(each) for mean, each in zip(means, values, strict=True)],
        [max(each) - mean for mean, each in zip(means, values, strict=True)],
    ]
    axes.errorbar(
        epochs,
        means,
        spread,
        fmt="o",
        color=colour,
        markersize=4,
        capsize=2,
        linewidth=1,
        label=label,
    )


def accuracy(figure: Figure, look: Look, evidence: Evidence) -> None:
    """Test accuracy by epochs: ours with the interval for one more run, and the report's points."""
    left, right = figure.subplots(1, 2, sharey=False)
    panels = ((left, ("net-relu", "net-leaky_relu", "net-swish")), (right, ("improved", "resnet")))
    for axes, models in panels:
        groups: dict[tuple[str, bool | None], list[Verdict]] = {}
        for verdict in {(v.cell.name, v.dropout_on): v for v in evidence.verdicts}.values():
            if verdict.cell.model in models:
                groups.setdefault((verdict.cell.model, verdict.dropout_on), []).append(verdict)
        for shift, ((model, on), verdicts) in enumerate(groups.items()):
            _accuracy_line(axes, look, model, on, verdicts, (shift - 1) * 1.3)
        axes.set(xlabel=look.say("epochs"), ylabel=look.say("accuracy"), xticks=READING_EPOCHS)
        values = [v.mean for group in groups.values() for v in group if v.mean is not None]
        values += [v.cell.expected for group in groups.values() for v in group]
        # The intervals of two seeds are so wide that nothing else could be seen.
        axes.set_ylim(min(values) - 0.05, max(values) + 0.05)
        horizontal_grid(axes)
        axes.legend(loc="best")


def _accuracy_line(
    axes: Axes, look: Look, model: str, on: bool | None, verdicts: Sequence[Verdict], shift: float
) -> None:
    colour, marker = MODEL_COLOURS[model], MODEL_MARKERS[model]
    counted = verdicts[0].counts
    if counted:
        rows = [verdict.cell.row + shift for verdict in verdicts]
        axes.plot(
            rows,
            [v.cell.expected for v in verdicts],
            marker,
            mfc="none",
            mew=1.6,
            color=colour,
            markersize=8,
        )
    known = [verdict for verdict in verdicts if verdict.mean is not None]
    half = [verdict.detectable or 0 for verdict in known]
    name = MODEL_NAMES[model]
    if on is not None:
        name += ", dropout on" if on else ", dropout off"
    axes.errorbar(
        [v.cell.row + shift for v in known],
        [v.mean or 0 for v in known],
        half if any(half) and counted else None,
        marker=marker,
        markersize=4.5,
        capsize=2.5,
        linestyle="-" if counted else ":",
        color=colour,
        elinewidth=1,
        label=look.say(name),
    )


def differences(figure: Figure, look: Look, evidence: Evidence) -> None:
    """Ours minus the report's in each of the 17 cells, the interval for one run, the tolerance.

    An arrow stands where an interval goes on beyond the frame.
    """
    axes = figure.subplots()
    verdicts = distinct(evidence.verdicts)
    verdicts.sort(key=lambda v: (list(MODEL_NAMES).index(v.cell.model), v.cell.row))
    tolerance = max(verdict.cell.tolerance for verdict in verdicts)
    edge = 1.15 * max([0.1, *(abs(v.difference) for v in verdicts if v.difference is not None)])
    axes.axvspan(
        -tolerance, tolerance, color=SERIES["green"], alpha=0.12, linewidth=0,
        label=look.say("tolerance"),
    )  # fmt: skip
    axes.axvline(0, color=look.muted, linewidth=1)
    for y, verdict in enumerate(verdicts):
        if verdict.difference is None:
            continue
        colour, marker = MODEL_COLOURS[verdict.cell.model], MODEL_MARKERS[verdict.cell.model]
        axes.errorbar(
            verdict.difference, y, xerr=verdict.detectable, fmt=marker, color=colour,
            markersize=5.5, capsize=3, elinewidth=1.3,
        )  # fmt: skip
        half = verdict.detectable or 0
        for end, arrow in ((verdict.difference - half, "<"), (verdict.difference + half, ">")):
            if abs(end) > edge:
                x = edge if end > 0 else -edge
                axes.plot(x, y, arrow, color=colour, markersize=7, clip_on=False)
    names = [f"{look.say(MODEL_NAMES[v.cell.model])}  {v.cell.row}" for v in verdicts]
    axes.set(
        yticks=range(len(verdicts)), yticklabels=names, ylim=(len(verdicts) - 0.4, -0.6),
        xlabel=f"{look.say('ours minus report')}: {look.say('accuracy')}", xlim=(-edge, edge),
    )  # fmt: skip
    axes.grid(visible=True, axis="x", linewidth=0.6)
    axes.legend(loc="lower right")


def _as_predicted(look: Look, model: str) -> str:
    """A model's name where its kept predictions are shown: ImprovedNet's are with dropout off."""
    off = REPORT_RECIPES[model].has_dropout and not REPORT_RECIPES[model].dropout_at_prediction
    return look.say(MODEL_NAMES[model] + (", dropout off" if off else ""))


def confusion(figure: Figure, look: Look, evidence: Evidence) -> None:
    """Of each true class, the share that is taken for each class; mean over the seeds."""
    chosen = [(m, e) for m in ("net-relu", "improved", "resnet") if (e := evidence.last_reading(m))]
    grid = figure.subplots(1, max(len(chosen), 1), squeeze=False)[0]
    actual = evidence.dataset.test_labels
    for axes, (model, epoch) in zip(grid, chosen, strict=False):
        share = np.mean(
            [confusion_matrix(actual, each) for each in evidence.predictions(model, epoch)], axis=0
        )
        axes.pcolormesh(share, cmap="Blues", vmin=0, vmax=1, edgecolors="none")
        for (i, j), value in np.ndenumerate(share):
            if value >= 0.1:
                axes.text(
                    j + 0.5,
                    i + 0.5,
                    f"{100 * value:.0f}",
                    ha="center",
                    va="center",
                    fontsize=7.5,
                    color="#ffffff" if value > 0.5 else "#1b1c20",
                )
        ticks = np.arange(len(CLASSES)) + 0.5
        names = [look.say(name) for name in CLASSES]
        axes.set(aspect="equal", xticks=ticks, yticks=ticks, xlabel=look.say("predicted class"))
        axes.set_xticklabels(names, rotation=90, fontsize=8)
        axes.set_yticklabels(names if axes is grid[0] else [], fontsize=8)
        axes.invert_yaxis()
        axes.set_title(f"{_as_predicted(look, model)}, {epoch}", loc="left", size=9)
    grid[0].set_ylabel(look.say("true class"))


def confusion_matrix(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Shares (10, 10): of the images of class i, those that are predicted as j."""
    counts = np.zeros((len(CLASSES), len(CLASSES)))
    np.add.at(counts, (actual, predicted), 1)
    shares: np.ndarray = counts / counts.sum(axis=1, keepdims=True)
    return shares


def by_class(figure: Figure, look: Look, evidence: Evidence) -> None:
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
        axes.plot(
            np.arange(len(CLASSES)) + (shift - 2) * 0.13,
            values,
            MODEL_MARKERS[model],
            color=MODEL_COLOURS[model],
            label=f"{_as_predicted(look, model)}, {epoch}",
        )
    axes.set(xticks=range(len(CLASSES)), ylabel=look.say("accuracy"), ylim=(0, 1))
    axes.set_xticklabels([look.say(name) for name in CLASSES], rotation=35, ha="right")
    horizontal_grid(axes)
    axes.legend(loc="lower left", ncols=2)


def activations(figure: Figure, look: Look, evidence: Evidence) -> None:
    """Leaky ReLU and Swish against ReLU, seed by seed: they saw the same images in one order."""
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, model, title in (
        (left, "net-leaky_relu", "Leaky ReLU minus ReLU"),
        (right, "net-swish", "Swish minus ReLU"),
    ):
        axes.axhline(0, color=look.muted, linewidth=1)
        for at, epoch in enumerate(READING_EPOCHS):
            pairs = paired_differences(evidence, model, "net-relu", epoch)
            if not pairs:
                continue
            axes.plot(
                [at] * len(pairs),
                pairs,
                "o",
                color=MODEL_COLOURS[model],
                alpha=0.55,
                markersize=5,
                label=look.say("one seed") if not at else None,
            )
            bounds = mean_interval(pairs)
            mean = fmean(pairs)
            error = None if bounds is None else [[mean - bounds[0]], [bounds[1] - mean]]
            axes.errorbar(
                at + 0.18,
                mean,
                error,
                fmt="_",
                color=look.ink,
                markersize=10,
                capsize=3,
                elinewidth=1.2,
                label=look.say("mean, 95%") if not at else None,
            )
        axes.set(
            xticks=range(len(READING_EPOCHS)), xticklabels=READING_EPOCHS, xlabel=look.say("epochs")
        )
        axes.set_title(look.say(title), loc="left")
        horizontal_grid(axes)
    left.set_ylabel(look.say("difference of test accuracy"))
    if left.get_legend_handles_labels()[1]:
        left.legend(loc="best")


def paired_differences(evidence: Evidence, one: str, other: str, epoch: int) -> list[float]:
    """Accuracy of `one` minus that of `other` at `epoch`, a value a seed that has both."""
    a, b = f"{one}@{epoch}", f"{other}@{epoch}"
    seeds = figures_by_seed(evidence.records).values()
    return [figures[a] - figures[b] for figures in seeds if {a, b} <= figures.keys()]


def filters(figure: Figure, look: Look, evidence: Evidence) -> None:
    """The first layer of Net and of ImprovedNet as it was trained, each filter scaled by itself."""
    halves = figure.subplots(2, 1, height_ratios=[1, 2.6])
    for axes, model, columns in zip(halves, ("net-relu", "improved"), (6, 8), strict=True):
        found = evidence.weights(model, "conv1.weight")
        if found is None:
            axes.set_title(f"{look.say(MODEL_NAMES[model])}: –", loc="left")
            blank(axes)
            continue
        run, epoch, weights = found
        name = look.say(MODEL_NAMES[model])
        axes.set_title(f"{name}, {epoch} (seed {run.spec.seed})", loc="left")
        tiles = [(one - one.min()) / (one.max() - one.min()) for one in weights]
        mosaic(axes, [tile.transpose(1, 2, 0) for tile in tiles], columns)


def always_wrong(figure: Figure, look: Look, evidence: Evidence) -> None:
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
    counts = np.array([(predicted == c).sum(axis=0) for c in range(len(CLASSES))])
    return [int(index) for index in np.flatnonzero(wrong)], counts.argmax(axis=0)


def calibration(figure: Figure, look: Look, evidence: Evidence) -> None:
    """How often networks are right, by how sure they are, and of how many images they are so."""
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color=look.muted, linewidth=1, linestyle=":")
    for model, bins in evidence.calibration.items():
        style = {"color": MODEL_COLOURS[model], "marker": MODEL_MARKERS[model], "markersize": 5}
        name = f"{_as_predicted(look, model)}, {bins[0].epoch} ({calibration_error(bins):.3f})"
        sure = [each.confidence for each in bins]
        images = sum(each.images for each in bins)
        told = [each for each in bins if each.images >= FEWEST_IMAGES]
        left.plot(
            [each.confidence for each in told],
            [each.accuracy for each in told],
            label=name,
            **style,
        )
        right.plot(sure, [each.images / images for each in bins], **style)
    left.set(
        xlabel=look.say("mean confidence"), ylabel=look.say("share that is right"), ylim=(0, 1)
    )
    right.set(
        xlabel=look.say("mean confidence"), ylabel=look.say("share of the images"), ylim=(0, 1)
    )
    for axes in (left, right):
        axes.set_xlim(0, 1)
        horizontal_grid(axes)
    left.legend(loc="upper left", title=look.say("calibration error"), title_fontsize=9)
