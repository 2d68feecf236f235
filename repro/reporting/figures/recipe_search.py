"""The recipe search: every candidate's score, stage by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repro.reporting.figures.notes import Points
from repro.reporting.figures.style import SERIES, Style, horizontal_grid
from repro.reporting.language import choose
from repro.reporting.search_tables import describe_recipe
from repro.verdicts.evidence import Evidence
from repro.verdicts.search import StageResult
from repro.verdicts.stages import IN_USE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 0.76
"""Of a stage's dots, where 1 is the distance between two stages."""


def recipe_search(figure: Figure, look: Style, evidence: Evidence) -> None:
    """A dot for each candidate, the nearest of its stage on the left; the recipe in use and the
    nearest candidate of the last stage are marked. The axis of scores is logarithmic. A stage that
    is not complete is left out: it may yet find a nearer one."""
    axes = figure.subplots()
    stages = [stage for stage in evidence.search.stages if stage.is_complete]
    for at, stage in enumerate(stages):
        (dots,) = axes.plot(
            [at + x for x in _places(stage)], [fit.rms for fit in stage.ranked], "o",
            color=look.muted, alpha=0.6, markersize=3.4, mew=0,
        )  # fmt: skip
        texts = [
            look.colon(f"{fit.rms:.4f}", describe_recipe(fit.candidate, look.lang))
            for fit in stage.ranked
        ]
        label = choose(look.lang, en=f"stage {stage.number}", zh=f"第 {stage.number} 阶段")
        look.note(dots, Points(label=label, texts=texts))
    nearest = stages[-1].ranked[0].candidate if stages else IN_USE
    marks = [(IN_USE, "D", SERIES["red"], "the recipe in use")]
    if nearest != IN_USE:
        marks.insert(0, (nearest, "s", SERIES["blue"], "the nearest of the last stage"))
    for candidate, marker, colour, name in marks:
        _mark(axes, look, stages, candidate, marker, colour, name)
    axes.set_yscale("log")
    ticks = [0.01, 0.02, 0.05, 0.1, 0.2]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    cells = look.say("cells")
    axes.set_xticks(
        range(len(stages)), [f"{stage.number}\n{stage.cells} {cells}" for stage in stages]
    )
    axes.set(xlabel=look.say("stage"), ylabel=look.say("score (RMS)"))
    horizontal_grid(axes)
    if stages:
        axes.legend(loc="upper right")


def _places(stage: StageResult) -> list[float]:
    """Where the dots of a stage stand, from left to right."""
    step = _WIDTH / max(1, len(stage.ranked) - 1)
    return [step * place - _WIDTH / 2 for place in range(len(stage.ranked))]


def _mark(
    axes: Axes, look: Style, stages: list[StageResult], candidate: object, marker: str,
    colour: str, name: str,
) -> None:  # fmt: skip
    points = [
        (at + x, fit.rms)
        for at, stage in enumerate(stages)
        for x, fit in zip(_places(stage), stage.ranked, strict=True)
        if fit.candidate == candidate
    ]
    axes.plot(
        [x for x, _ in points], [y for _, y in points], marker=marker, color=colour, linewidth=1,
        markersize=6, label=look.say(name),
    )  # fmt: skip
