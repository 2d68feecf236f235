"""Our test accuracies beside the report's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from repro.reporting.figures.notes import Points, at_epochs, of_seed, within
from repro.reporting.figures.style import (
    MODEL_COLOURS,
    MODEL_MARKERS,
    MODEL_NAMES,
    SERIES,
    Style,
    horizontal_grid,
)
from repro.spec import READING_EPOCHS, REPORT_RECIPES
from repro.verdicts.claims import figures_by_seed, mean_interval
from repro.verdicts.evidence import Evidence
from repro.verdicts.judging import Verdict, VerdictKind, unique_primary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OUTSIDE = frozenset({VerdictKind.CLOSE, VerdictKind.DIFFERS})
"""Verdicts of cells whose figure lies outside our interval."""


def _in_order(evidence: Evidence) -> list[Verdict]:
    """The verdict of each cell, a network after the other, with rising epochs."""
    models = list(MODEL_NAMES)
    cells = unique_primary(evidence.verdicts)
    return sorted(cells, key=lambda v: (models.index(v.cell.model), v.cell.row))


def overview(figure: Figure, look: Style, evidence: Evidence) -> None:
    """Each cell a strip: a dot a seed, the 95% prediction interval for one more run as a bar, and
    the report's figure as a diamond, which is filled where it lies outside the interval."""
    axes = figure.subplots()
    verdicts = _in_order(evidence)
    by_seed = figures_by_seed(evidence.records)
    models = [verdict.cell.model for verdict in verdicts]
    # Half a row of room between two networks.
    rows = [y + 0.5 * len(set(models[: y + 1])) for y in range(len(models))]
    for y, verdict in zip(rows, verdicts, strict=True):
        colour = MODEL_COLOURS[verdict.cell.model]
        label = _cell_label(look, verdict)
        if verdict.low is not None and verdict.high is not None:
            bar = [verdict.low, verdict.high]
            axes.plot(bar, [y, y], color=colour, linewidth=7, alpha=0.22, solid_capstyle="butt")
        name = verdict.cell.name
        seeds = {seed: each[name] for seed, each in by_seed.items() if name in each}
        (dots,) = axes.plot(
            list(seeds.values()), [y] * len(seeds), "o", color=colour, markersize=3.6, alpha=0.75,
            mew=0,
        )  # fmt: skip
        look.note(dots, _seed_points(look, label, seeds, "{:.4f}"))
        outside = verdict.kind in OUTSIDE
        (diamond,) = axes.plot(
            verdict.cell.expected, y, "D", color=look.ink, markersize=5.5, mew=1.3,
            mfc=look.ink if outside else "none",
        )  # fmt: skip
        text = look.colon(look.say("report"), f"{verdict.cell.expected:.4f}")
        look.note(diamond, Points(label=label, texts=[text]))
    for model in dict.fromkeys(models):
        top = rows[models.index(model)]
        axes.text(
            0.005, top - 0.62, look.say(MODEL_NAMES[model]), color=MODEL_COLOURS[model],
            transform=axes.get_yaxis_transform(), va="center", fontweight=look.bold,
        )  # fmt: skip
    axes.set(
        yticks=rows, yticklabels=[v.cell.row for v in verdicts], ylim=(rows[-1] + 0.6, -0.6),
        ylabel=look.say("epochs"), xlabel=look.say("test accuracy"),
    )  # fmt: skip
    axes.grid(visible=True, axis="x", linewidth=0.6)
    axes.set_axisbelow(True)
    _key(figure, look)


def _cell_label(look: Style, verdict: Verdict) -> str:
    return at_epochs(look.say(MODEL_NAMES[verdict.cell.model]), verdict.cell.row, look.lang)


def _seed_points(look: Style, label: str, seeds: Mapping[int, float], form: str) -> Points:
    """A point a seed, in the order of `seeds`."""
    texts = [of_seed(seed, form.format(value), look.lang) for seed, value in seeds.items()]
    return Points(label=label, texts=texts, seeds=list(seeds))


def _key(figure: Figure, look: Style) -> None:
    """What dots, bars and diamonds of :func:`overview` are, above the strips."""
    from matplotlib.lines import Line2D  # noqa: PLC0415 - slow to import

    plain: dict[str, Any] = {"color": look.muted, "linestyle": ""}
    marks = [
        Line2D([], [], marker="o", markersize=3.6, label=look.say("one seed"), **plain),
        Line2D(
            [], [], color=look.muted, alpha=0.35, linewidth=7,
            label=look.say("95% prediction interval"),
        ),
        Line2D(
            [], [], marker="D", mfc="none", mec=look.ink, linestyle="", markersize=5.5,
            label=look.say("report"),
        ),
        Line2D(
            [], [], marker="D", color=look.ink, linestyle="", markersize=5.5,
            label=look.say("report, outside the interval"),
        ),
    ]  # fmt: skip
    figure.legend(handles=marks, loc="outside upper center", ncols=2)


def accuracy(figure: Figure, look: Style, evidence: Evidence) -> None:
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
    axes: Axes, look: Style, model: str, on: bool | None, verdicts: Sequence[Verdict], shift: float
) -> None:
    colour, marker = MODEL_COLOURS[model], MODEL_MARKERS[model]
    counted = verdicts[0].is_primary
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
    half = [verdict.half_width or 0 for verdict in known]
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


def differences(figure: Figure, look: Style, evidence: Evidence) -> None:
    """Ours minus the report's in each of the 17 cells, the interval for one run, the tolerance.

    An arrow stands where an interval goes on beyond the frame.
    """
    axes = figure.subplots()
    verdicts = _in_order(evidence)
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
        line, *_ = axes.errorbar(
            verdict.difference, y, xerr=verdict.half_width, fmt=marker, color=colour,
            markersize=5.5, capsize=3, elinewidth=1.3,
        )  # fmt: skip
        half = verdict.half_width or 0
        text = f"{verdict.difference:+.4f}"
        if half:
            low, high = verdict.difference - half, verdict.difference + half
            text = within(text, f"{low:+.4f}", f"{high:+.4f}", look.lang)
        look.note(line, Points(label=_cell_label(look, verdict), texts=[text]))
        for end, arrow in ((verdict.difference - half, "<"), (verdict.difference + half, ">")):
            if abs(end) > edge:
                x = edge if end > 0 else -edge
                axes.plot(x, y, arrow, color=colour, markersize=7, clip_on=False)
    names = [f"{look.say(MODEL_NAMES[v.cell.model])}  {v.cell.row}" for v in verdicts]
    axes.set(
        yticks=range(len(verdicts)), yticklabels=names, ylim=(len(verdicts) - 0.4, -0.6),
        xlabel=look.colon(look.say("ours minus report"), look.say("accuracy")), xlim=(-edge, edge),
    )  # fmt: skip
    axes.grid(visible=True, axis="x", linewidth=0.6)
    axes.legend(loc="lower right")


def as_predicted(look: Style, model: str) -> str:
    """A model's name where its kept predictions are shown: ImprovedNet's are with dropout off."""
    off = REPORT_RECIPES[model].has_dropout and not REPORT_RECIPES[model].dropout_at_prediction
    return look.say(MODEL_NAMES[model] + (", dropout off" if off else ""))


def activations(figure: Figure, look: Style, evidence: Evidence) -> None:
    """Leaky ReLU and Swish against ReLU, seed by seed: they saw the same images in one order. The
    report's differences are shown too."""
    left, right = figure.subplots(1, 2, sharey=True)
    report = {cell.name: cell.expected for cell in evidence.cells}
    for axes, model, title in (
        (left, "net-leaky_relu", "Leaky ReLU minus ReLU"),
        (right, "net-swish", "Swish minus ReLU"),
    ):
        axes.axhline(0, color=look.muted, linewidth=1)
        for at, epoch in enumerate(READING_EPOCHS):
            label = at_epochs(look.say(title), epoch, look.lang)
            theirs = report[f"{model}@{epoch}"] - report[f"net-relu@{epoch}"]
            (diamond,) = axes.plot(
                at - 0.18, theirs, "D", mfc="none", color=look.ink, markersize=5, mew=1.2,
                label=look.say("report") if not at else None,
            )  # fmt: skip
            text = look.colon(look.say("report"), f"{theirs:+.4f}")
            look.note(diamond, Points(label=label, texts=[text]))
            pairs = paired_differences(evidence, model, "net-relu", epoch)
            if pairs:
                _compared(axes, look, at, label, pairs, MODEL_COLOURS[model])
        axes.set(
            xticks=range(len(READING_EPOCHS)), xticklabels=READING_EPOCHS, xlabel=look.say("epochs")
        )
        axes.set_title(look.say(title), loc="left")
        horizontal_grid(axes)
    left.set_ylabel(look.say("difference of test accuracy"))
    if left.get_legend_handles_labels()[1]:
        left.legend(loc="best")


def _compared(
    axes: Axes, look: Style, at: int, label: str, pairs: Mapping[int, float], colour: str
) -> None:
    """The differences of the seeds at the place `at`, and beside them their mean."""
    values = list(pairs.values())
    (dots,) = axes.plot(
        [at] * len(values), values, "o", color=colour, alpha=0.55, markersize=5,
        label=look.say("one seed") if not at else None,
    )  # fmt: skip
    look.note(dots, _seed_points(look, label, pairs, "{:+.4f}"))
    bounds = mean_interval(values)
    mean = fmean(values)
    error = None if bounds is None else [[mean - bounds[0]], [bounds[1] - mean]]
    line, *_ = axes.errorbar(
        at + 0.18, mean, error, fmt="_", color=look.ink, markersize=10, capsize=3, elinewidth=1.2,
        label=look.say("mean, 95%") if not at else None,
    )  # fmt: skip
    text = f"{mean:+.4f}"
    if bounds:
        text = within(text, f"{bounds[0]:+.4f}", f"{bounds[1]:+.4f}", look.lang)
    text = look.colon(look.say("mean, 95%"), text)
    look.note(line, Points(label=label, texts=[text]))


def paired_differences(evidence: Evidence, one: str, other: str, epoch: int) -> dict[int, float]:
    """Accuracy of `one` minus that of `other` at `epoch`, by each seed that has both."""
    a, b = f"{one}@{epoch}", f"{other}@{epoch}"
    seeds = figures_by_seed(evidence.records).items()
    return {s: figures[a] - figures[b] for s, figures in seeds if {a, b} <= figures.keys()}
