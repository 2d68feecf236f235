"""How losses and accuracies moved while the runs trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from repro.reporting.figures.notes import Panel, Points, of_epoch, within
from repro.reporting.figures.style import MODEL_NAMES, SERIES, Style, blank, horizontal_grid
from repro.runs.records import EpochRecord, RunRecord
from repro.spec import REPORT_DROPOUT_AT_PREDICTION
from repro.verdicts.evidence import Evidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def learning_curves(figure: Figure, look: Style, evidence: Evidence) -> None:
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
            _readings(axes, look, model, runs, on=not on, colour=look.muted, name=other)
        _readings(axes, look, model, runs, on=on, colour=look.ink, name="test")
        longest = _longest(runs)
        expected = {e: v for e, v in evidence.expected(model).items() if e <= longest}
        if expected:
            (diamonds,) = axes.plot(
                list(expected),
                list(expected.values()),
                "D",
                mfc="none",
                mew=1.6,
                color=SERIES["red"],
                clip_on=False,
                label=look.say("report"),
            )
            label = look.join(look.say(MODEL_NAMES[model]), look.say("report"))
            texts = [of_epoch(epoch, f"{v:.4f}", look.lang) for epoch, v in expected.items()]
            look.note(diamonds, Points(label=label, texts=texts))

    lines = {"validation_accuracy": ("validation", SERIES["blue"])}
    _panels(figure, look, evidence, draw, "accuracy", lines)


def losses(figure: Figure, look: Style, evidence: Evidence) -> None:
    """Training and validation loss after every epoch; mean and range over the seeds."""

    def draw(axes: Axes, _: str, runs: Sequence[RunRecord]) -> None:
        _band(axes, runs, lambda epoch: epoch.train_loss, SERIES["green"], look.say("training"))
        _band(
            axes, runs, lambda epoch: epoch.validation_loss, SERIES["blue"], look.say("validation")
        )
        axes.set_ylim(bottom=0)

    lines = {
        "train_loss": ("training", SERIES["green"]),
        "validation_loss": ("validation", SERIES["blue"]),
    }
    _panels(figure, look, evidence, draw, "loss", lines)


def _panels(
    figure: Figure,
    look: Style,
    evidence: Evidence,
    draw: Callable[[Axes, str, Sequence[RunRecord]], None],
    ylabel: str,
    lines: Mapping[str, tuple[str, str]],
) -> None:
    """A panel a model, and the legend in the place that is left. `lines` are the names and colours
    of the curves by their fields of an epoch."""
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
    said = {of: (look.say(name), colour) for of, (name, colour) in lines.items()}
    for axes, (model, name) in zip(grid, MODEL_NAMES.items(), strict=False):
        if evidence.runs(model):
            panel = Panel(
                model=model, label=look.say(name), lines=said, x=axes.get_xlim(), y=axes.get_ylim()
            )
            look.note(axes.patch, panel)
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


def _readings(
    axes: Axes, look: Style, model: str, runs: Sequence[RunRecord], *, on: bool, colour: str,
    name: str,
) -> None:  # fmt: skip
    """Test accuracies, mean and range over the runs that read the test set at an epoch."""
    read = [run.accuracies(dropout_on=on) for run in runs]
    epochs = sorted({epoch for each in read for epoch in each})
    values = [[each[epoch] for each in read if epoch in each] for epoch in epochs]
    means = [fmean(each) for each in values]
    spread = [
        [mean - min(each) for mean, each in zip(means, values, strict=True)],
        [max(each) - mean for mean, each in zip(means, values, strict=True)],
    ]
    dots, *_ = axes.errorbar(
        epochs,
        means,
        spread,
        fmt="o",
        color=colour,
        markersize=4,
        capsize=2,
        linewidth=1,
        label=look.say(name),
    )
    ranges = [_range(look, each) for each in values]
    texts = [of_epoch(e, text, look.lang) for e, text in zip(epochs, ranges, strict=True)]
    label = look.join(look.say(MODEL_NAMES[model]), look.say(name))
    look.note(dots, Points(label=label, texts=texts))


def _range(look: Style, values: Sequence[float]) -> str:
    """The mean of values, and from where to where they go."""
    mean = f"{fmean(values):.4f}"
    if len(values) < 2:
        return mean
    return within(mean, f"{min(values):.4f}", f"{max(values):.4f}", look.lang)
