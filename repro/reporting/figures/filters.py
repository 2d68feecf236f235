"""The first filters that a network learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repro.reporting.figures.style import MODEL_NAMES, Style, blank, mosaic
from repro.verdicts.evidence import Evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def filters(figure: Figure, look: Style, evidence: Evidence) -> None:
    """The first layer of Net and of ImprovedNet as it was trained, each filter scaled by itself."""
    seed = look.say("seed")
    halves = figure.subplots(2, 1, height_ratios=[1, 2.6])
    for axes, model, columns in zip(halves, ("net-relu", "improved"), (6, 8), strict=True):
        found = evidence.weights(model, "conv1.weight")
        if found is None:
            axes.set_title(look.colon(look.say(MODEL_NAMES[model]), "–"), loc="left")
            blank(axes)
            continue
        run, epoch, weights = found
        name = look.join(look.say(MODEL_NAMES[model]), str(epoch))
        axes.set_title(name + look.bracket(f"{seed} {run.spec.seed}"), loc="left")
        tiles = [(one - one.min()) / (one.max() - one.min()) for one in weights]
        mosaic(axes, [tile.transpose(1, 2, 0) for tile in tiles], columns)
